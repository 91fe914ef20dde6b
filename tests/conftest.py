"""What holds for every test: nothing leaves this machine, and nothing of the user's session is touched."""

import atexit
import ipaddress
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import migrate
from circles_harness.forking import ForkServers
from circles_harness.postgresql import PostgreSQL, postgresql
from circles_harness.process import NO_BYTECODE, ServerProcess
from rows import new_file

# How long an example takes is the machine's affair. `--hypothesis-profile=thorough` looks ten times as long.
settings.register_profile("circles", deadline=None, max_examples=40)
settings.register_profile("thorough", deadline=None, max_examples=400)
settings.load_profile("circles")

IN_MEMORY = Path("/dev/shm")  # noqa: S108  # as folder of temporary folders, each made with a name of its own
ROOM_BYTES = 2**31


class LeftTheMachine(RuntimeError):
    """A test tried to reach something beyond loopback. Not an OSError, so that no retry swallows it."""


def pytest_configure() -> None:
    """Give the session a private runtime folder: some libraries warn about one that others may enter.

    And let every program it starts keep its compiled modules, the tests themselves included, and its databases in
    memory: nothing here outlives the session, and each commit would wait for a disk (measured: 9 ms against 0.01).
    """
    sys.dont_write_bytecode = False
    os.environ.pop(NO_BYTECODE, None)
    if "TMPDIR" not in os.environ and _has_room(IN_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)
    os.environ["XDG_RUNTIME_DIR"] = runtime = tempfile.mkdtemp(prefix="circles-runtime-")
    # At the very end: the PostgreSQL that tests start writes there again when this process ends.
    atexit.register(shutil.rmtree, runtime, ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what needs a homeserver: with short files at the end, all workers end together."""
    items.sort(key=lambda item: item.get_closest_marker("homeserver") is None)


def _has_room(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM_BYTES


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Refuse every connection and name lookup that would leave this machine."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: Any) -> None:
        _stay(self.family, address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        _stay(self.family, address)
        return connect_ex(self, address)

    def checked_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        _stay(socket.AF_INET, (host,))
        return look_up(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket, "getaddrinfo", checked_look_up)
        yield


def _stay(family: int, address: Any) -> None:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    if host in (None, "", "localhost"):
        return
    try:
        local = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        raise LeftTheMachine(f"a test asked for {host!r}") from None
    if not (local.is_loopback or local.is_unspecified):
        raise LeftTheMachine(f"a test connected to {host}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--workers`, which `scripts/test workers` gives."""
    parser.addoption("--workers", action="store_true", help="the gate's homeservers are of several processes")


@pytest.fixture(autouse=True, scope="session")
def fork_servers() -> Iterator[None]:
    """Start Synapse and the service from processes that have them imported; there is none until the first start."""
    with ForkServers() as forks, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServerProcess, "forks", forks)
        yield


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for the whole session, started by the first test that asks for it."""
    with postgresql() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQL) -> Iterator[str]:
    """A database of this test's own there, with the newest schema."""
    url = postgresql_server.create(migrate=_migrate)
    yield url
    postgresql_server.drop(url)


def _migrate(url: str) -> None:
    database = SqlDatabase(url)
    migrate(database)
    database.writer.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each database that Circles runs on: the URL of a new one with the newest schema."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return new_file(tmp_path / "circles.db")


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[SqlDatabase]:
    """An open database of each kind, with the newest schema."""
    opened = SqlDatabase(store_url)
    yield opened
    await opened.close()
