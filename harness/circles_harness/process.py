"""One server process of ours: started in its own session, watched until healthy, ended by its own id only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar
from weakref import WeakSet

import aiohttp

from circles_harness.forking import Fork, ForkServers

HEALTH_INTERVAL_SECONDS = 0.05
STOP_GRACE_SECONDS = 20.0
PROGRAM_SECONDS = 60.0

# Below Linux's ephemeral range (32768 up): an outgoing connection then never takes the port of a server
# that is down for a moment, and a restart finds its port free.
_PORTS = range(15_000, 32_000)
# What another test process was handed, and will listen on later, is told by a datagram socket of that number, which
# stays open until this process ends.
_leases: list[int] = []

# A killed test run must not leave a Synapse behind: the child asks the kernel to end it with its parent
# (Linux; elsewhere the line does nothing), then becomes the wanted program.
_DIE_WITH_PARENT = """\
import os, signal, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

# Where this is set (container images often do), every start compiles every module anew: measured, it makes up two
# thirds of Synapse's start and half of the service's.
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


class DidNotStart(Exception):
    """The process ended, or did not become healthy in time; the message holds the end of its log."""


def free_port() -> int:
    """A loopback port nobody listens on and nothing of this machine's tests was handed before."""
    while True:
        port = random.choice(_PORTS)
        lease = socket.socket(type=socket.SOCK_DGRAM)
        with socket.socket() as probe:
            try:
                lease.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                lease.close()
                continue
        _leases.append(lease.detach())
        return port


class ServerProcess:
    """A Python program as a subprocess, its output in one log file that survives restarts.

    Attributes:
        known: Every one that was made and is still in use, for whoever tells of a failure.
        forks: Where set, what starts Synapse and the service faster (circles_harness.forking).
    """

    known: ClassVar[WeakSet[ServerProcess]] = WeakSet()
    forks: ClassVar[ForkServers | None] = None

    def __init__(
        self, name: str, arguments: Sequence[str], *, directory: Path, log_path: Path, python: Path | None = None
    ) -> None:
        """Prepare; `python` is another interpreter than this one."""
        self.python = str(python) if python is not None else sys.executable
        self.name = name
        self.arguments = tuple(arguments)
        self.directory = directory
        self.log_path = log_path
        self._process: subprocess.Popen[bytes] | Fork | None = None
        self.known.add(self)

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The id of the running process."""
        return self._process.pid if self._process else None

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the running process (Linux: /proc), 0 if it does not run."""
        if self.pid is None or not self.is_running:
            return 0
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def spawn(self, environment: Mapping[str, str] | None = None) -> None:
        """Start the program without waiting for it."""
        if self.is_running:
            raise DidNotStart(f"{self.name} is already running")
        whole = {name: value for name, value in os.environ.items() if name != NO_BYTECODE} | dict(environment or {})
        with self.log_path.open("ab") as log:
            if self.forks is not None and self.forks.can_start(self.python, self.arguments, whole):
                self._process = self.forks.start(self.arguments, self.directory, whole, log)
                return
            self._process = subprocess.Popen(
                [self.python, "-I", "-S", "-c", _DIE_WITH_PARENT, *self.arguments],
                cwd=self.directory,
                env=whole,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def wait_healthy(self, url: str, *, within: float) -> None:
        """Poll `url` until it answers 200.

        Raises:
            DidNotStart: the process ended first, or the time is over.
        """
        deadline = time.monotonic() + within
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while True:
                if not self.is_running:
                    code = self._process.returncode if self._process else None
                    raise DidNotStart(f"{self.name} ended with code {code} before it was healthy\n{self.tail()}")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                if time.monotonic() > deadline:
                    raise DidNotStart(f"{self.name} was not healthy at {url} within {within:.0f} s\n{self.tail()}")
                await asyncio.sleep(HEALTH_INTERVAL_SECONDS)

    async def wait_listening(self, port: int, *, within: float) -> None:
        """Try a loopback port until something listens there, for a server without a health address.

        Raises:
            DidNotStart: the process ended first, or the time is over.
        """
        deadline = time.monotonic() + within
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            if not self.is_running or time.monotonic() > deadline:
                raise DidNotStart(f"{self.name} does not listen on {port}\n{self.tail()}")
            await asyncio.sleep(HEALTH_INTERVAL_SECONDS)

    async def stop(self) -> int | None:
        """Ask it to end, and kill it if it does not; returns its exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> int | None:
        """End it at once, as a power cut would."""
        return await self._end(signal.SIGKILL)

    async def wait(self, *, within: float) -> int:
        """Wait for it to end by itself; returns its exit code."""
        if self._process is None:
            raise DidNotStart(f"{self.name} was never started")
        try:
            return await asyncio.to_thread(self._process.wait, within)
        except subprocess.TimeoutExpired:
            raise DidNotStart(f"{self.name} did not end within {within:.0f} s\n{self.tail()}") from None

    def log(self) -> str:
        """Everything it has written, all starts together."""
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def tail(self, lines: int = 40, *, after: int = 0, without: str = "") -> str:
        """The last lines of the log, for an error message.

        Args:
            lines: how many at most.
            after: so many characters of it, where only news counts.
            without: what a line holds that is left out; all stay by default.
        """
        told = [line for line in self.log()[after:].splitlines() if not without or without not in line]
        return "\n".join(f"  | {line}" for line in told[-lines:])

    async def _end(self, first: signal.Signals) -> int | None:
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            # The process leads a session of its own, so its id names exactly the group we started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, first)
            try:
                await asyncio.to_thread(process.wait, STOP_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await asyncio.to_thread(process.wait, STOP_GRACE_SECONDS)
        self._process = None
        return process.returncode


async def run_program(
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    within: float = PROGRAM_SECONDS,
) -> tuple[int, str]:
    """Run `python ARGUMENTS` in a folder until it ends; returns its exit code and all that it said.

    Raises:
        DidNotStart: it did not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="circles-said-") as folder:
        said = Path(folder) / "said"
        process = ServerProcess(f"python {' '.join(arguments[:3])}", arguments, directory=directory, log_path=said)
        process.spawn(environment)
        try:
            return await process.wait(within=within), process.log()
        finally:
            await process.kill()
