"""The scripts, as far as they can be tried without installing anything."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = [ROOT / "scripts" / name for name in ("setup", "lock", "check", "test", "demo")] + [ROOT / ".ci" / "run"]
NPM_LOCK = "harness/rust_client/package-lock.json"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_each_script_is_executable_and_parses(script: Path) -> None:
    """A newcomer calls it by name."""
    bash = shutil.which("bash")

    assert bash is not None
    assert os.access(script, os.X_OK)
    assert subprocess.run([bash, "-n", script], check=False).returncode == 0


def test_setup_says_what_to_do_without_python(tmp_path: Path) -> None:
    """No Python, or only an old one: the sentence names the package and the variable."""
    checkout, tools = tmp_path / "checkout", tmp_path / "bin"
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    for name in ("requirements.lock", "pyproject.toml", NPM_LOCK):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    tools.mkdir()
    for name in ("bash", "cat", "dirname", "env", "sha256sum"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    run = subprocess.run(
        [checkout / "scripts" / "setup"], env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )

    assert run.returncode == 1
    assert "no Python 3.11 or newer" in run.stderr
    assert "PYTHON=" in run.stderr
    assert not (checkout / ".venv").exists()


def test_setup_ends_at_once_when_nothing_changed(tmp_path: Path) -> None:
    """With the stamp of the present lock files it starts no Python at all."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    for name in ("requirements.lock", "pyproject.toml", NPM_LOCK):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\ntouch ran\nexit 1\n")
    python.chmod(0o755)
    inputs = [checkout / name for name in ("scripts/uv.lock.txt", "requirements.lock", "pyproject.toml", NPM_LOCK)]
    stamp = subprocess.run(
        ["/usr/bin/env", "sha256sum"],
        input=b"".join(path.read_bytes() for path in inputs),
        capture_output=True,
        check=True,
    )
    (checkout / ".venv" / ".circles-setup").write_bytes(stamp.stdout)
    run = subprocess.run([checkout / "scripts" / "setup"], capture_output=True, check=False)

    assert run.returncode == 0
    assert not (checkout / "ran").exists()
