"""Starts Synapse and the service as forks of a process that has imported them already: four fifths of a start is that.

Synapse's own launcher for its end-to-end tests does the same (synapse.app.complement_fork_starter), and brings the
reactor that can be put in after the fork. Linux only; what runs is the program's own `main`, in a process of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, cast

_MAIN: Final = {
    "synapse.app.homeserver": "synapse.app.homeserver",
    "circles": "circles.__main__",
    "circles_harness.trapped": "circles_harness.trapped",
}
"""By what `python -m` is told, the module whose `main` it is."""
_SERVICE: Final = ("circles.bootstrap", "alembic.command", "mako.exceptions", "Crypto.PublicKey._edwards")
_ALONG: Final = {
    "synapse.app.homeserver": ("circles_plugin",),
    "circles": _SERVICE,
    "circles_harness.trapped": _SERVICE,
}
"""What a program imports once it runs."""
_SET_DEATH_SIGNAL: Final = 1


class Fork:
    """A started program: what is used of `subprocess.Popen`."""

    def __init__(self, server: _Server, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        self._descriptor = os.pidfd_open(pid)
        self._reaping = threading.Lock()

    def poll(self) -> int | None:
        """Return its exit code if it has ended: 0 and up, or minus the signal."""
        return self._reaped(0)

    def wait(self, timeout: float) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if (code := self._reaped(timeout)) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return code

    def _reaped(self, seconds: float) -> int | None:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            if poll.poll(seconds * 1000):
                with self._reaping:
                    if self.returncode is None:
                        self.returncode = self._server.ask({"wait": self.pid})
                        os.close(self._descriptor)
        return self.returncode


class ForkServers:
    """One process for each program, started by the first start of it; they end with this context."""

    def __init__(self) -> None:
        self._servers: dict[str, _Server] = {}

    def can_start(self, python: str, arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Say whether a command line is one of the programs known here, for a Python like this one."""
        ours = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
        theirs = {name: value for name, value in environment.items() if name.startswith("PYTHON")}
        program = arguments[1] if arguments[0] == "-m" else ""
        return sys.platform == "linux" and python == sys.executable and program in _MAIN and ours == theirs

    def start(self, arguments: Sequence[str], directory: Path, environment: Mapping[str, str], log: IO[bytes]) -> Fork:
        """Start `python -m …` in a folder, with its output appended to a file."""
        program = arguments[1]
        if program not in self._servers:
            self._servers[program] = _Server(program)
        server = self._servers[program]
        request = {
            "arguments": list(arguments[1:]),
            "directory": str(directory),
            "environment": dict(environment),
            "log": log.name,
        }
        return Fork(server, server.ask(request))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers.values():
            server.close()


class _Server:
    """This side of the process that forks: one line asks, one line answers."""

    def __init__(self, program: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "import circles_harness.forking as it; it.serve()",
                    program,
                    str(theirs.fileno()),
                ],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._line = ours.makefile("rw", encoding="utf-8")
        self._lock = threading.Lock()
        ours.close()

    def ask(self, request: Mapping[str, Any]) -> int:
        with self._lock:
            self._line.write(json.dumps(request) + "\n")
            self._line.flush()
            return int(self._line.readline())

    def close(self) -> None:
        self._line.close()
        self._process.wait()


def serve() -> None:
    """Import a program, then fork it at each request; the child leaves from here and becomes it."""
    program, descriptor = sys.argv[1:]
    _die_with_parent(signal.SIGKILL)
    reactor = _postponed_reactor() if program == "synapse.app.homeserver" else None
    main: Callable[[], object] = importlib.import_module(_MAIN[program]).main
    for name in _ALONG[program]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(descriptor)) as connection, connection.makefile("rw", encoding="utf-8") as line:
        request = _next_child(line)
    if request is not None:
        _become(request)
        if reactor is not None:
            reactor()
        sys.exit(main())  # type: ignore[arg-type]  # None or a number


def _next_child(line: IO[str]) -> dict[str, Any] | None:
    """Answer requests; in a child return what it is to be, and None at the end."""
    while asked := line.readline():
        request: dict[str, Any] = json.loads(asked)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        elif (answer := os.fork()) == 0:
            return request
        else:
            _lead_a_group(answer)
        line.write(f"{answer}\n")
        line.flush()
    return None


def _become(request: Mapping[str, Any]) -> None:
    """Make this child what a process started from nothing would be."""
    _lead_a_group(os.getpid())
    _die_with_parent(signal.SIGTERM)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["directory"])
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    sys.argv = request["arguments"]
    sys.path.insert(0, request["directory"])


def _lead_a_group(pid: int) -> None:
    """Let a process be ended by its id as a group; both sides say so, for either may be first."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)


def _postponed_reactor() -> Callable[[], None]:
    """Put a stand-in where Twisted's reactor goes; what is returned puts the real one in."""
    from synapse.app.complement_fork_proxied_reactor import ProxiedReactor
    from twisted.internet import main

    stand_in = ProxiedReactor()
    cast("Any", main).installReactor(stand_in)  # Twisted's functions are not typed.

    def install() -> None:
        from twisted.internet.epollreactor import EPollReactor

        stand_in._install_real_reactor(EPollReactor())  # type: ignore[no-untyped-call]  # Twisted's are not typed

    return install


def _die_with_parent(number: signal.Signals) -> None:
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(number))
