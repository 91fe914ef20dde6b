"""The opponents: the fixed programs of the shared folder, in an environment of their own.

The environment is made from `opponents.lock` on first use, beside the benchmarks; the product never sees it.
"""

import hashlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from circles_bench import ROOT

LOCK = ROOT / "benchmarks" / "opponents.lock"
STORES = ("sqlite", "postgresql")
"""What `--store` takes."""
ENVIRONMENT = ROOT / "benchmarks" / ".venv"


class CannotMeasure(Exception):
    """Something the benchmark needs is not there; the message says what."""


def shared_folder() -> Path:
    """The folder with the opponents and the workload: the first argument that is no option, `../shared` by default.

    Raises:
        CannotMeasure: it is not there.
    """
    given = [argument for argument in sys.argv[1:] if not argument.startswith("-") and argument not in STORES]
    folder = Path(given[0]) if given else ROOT.parent / "shared"
    if not (folder / "opponents" / "workload.py").is_file():
        raise CannotMeasure(f"{folder} has no opponents/workload.py; name the shared folder as argument")
    return folder.resolve()


def opponents_python() -> Path:
    """The interpreter with the opponents' libraries, installed now if need be.

    Raises:
        CannotMeasure: they could not be installed.
    """
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".stamp"
    want = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == want:
        return python
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)]
    steps = ([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], [str(python), *install])
    for step in steps:
        done = subprocess.run(step, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotMeasure(f"the opponents could not be installed:\n{done.stderr[-2000:]}")
    stamp.write_text(want, encoding="ascii")
    return python


def transactions(shared: Path, **arguments: int) -> Iterator[bytes]:
    """The fixed workload: request bodies."""
    path = shared / "opponents" / "workload.py"
    spec = importlib.util.spec_from_file_location("workload", path)
    if spec is None or spec.loader is None:
        raise CannotMeasure(f"{path} cannot be loaded")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bodies: Iterable[bytes] = module.transactions(**arguments)
    yield from bodies
