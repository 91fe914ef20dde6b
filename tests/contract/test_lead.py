"""Of all processes on one database one leads, whatever becomes of the others or of its connection."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import OperationalError

from circles.adapters.store import positions
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.lead import SILENCE, SILENT
from circles.adapters.store.migrate import migrate
from circles.config import Config
from circles.entrypoints import backups
from circles.errors import LeadLost, NotAlone
from circles_harness.postgresql import PostgreSQL
from circles_harness.process import free_port, run_program

HOLD = """
import sys, time
from circles.adapters.store.database import SqlDatabase
database = SqlDatabase(sys.argv[1])
print(database.lead.take(), flush=True)
time.sleep(600)
"""


async def circles(*arguments: str) -> tuple[int, str]:
    """Run the program; return its exit code and what it says."""
    return await run_program(("-m", "circles", *arguments), directory=Path.cwd())


def a_config(folder: Path) -> Path:
    """Write a configuration whose data is in a folder, and return its file."""
    content = {
        "homeserver": {"url": f"http://127.0.0.1:{free_port()}", "server_name": "home.example"},
        "appservice": {"as_token": "a" * 64, "hs_token": "h" * 64, "port": free_port()},
        "storage": {"data_dir": str(folder / "data")},
        "health": {"port": free_port()},
    }
    file = folder / "circles.yaml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


@pytest.mark.timeout(60)
async def test_a_second_process_on_one_file_ends_at_once_and_says_why(tmp_path: Path) -> None:
    """In one line, with a code of its own, before it listens anywhere."""
    file = a_config(tmp_path)
    config = Config.load(file)
    config.storage.prepare()
    first = SqlDatabase(config.storage.url)
    assert first.lead.take()

    code, said = await circles("run", "--config", str(file))

    assert (code, said.count("\n")) == (75, 1)
    assert "Another Circles runs on this database" in said
    assert (config.storage.data_dir / "circles.db.lock").stat().st_mode & 0o777 == 0o600
    await asyncio.to_thread(first.dispose)


@pytest.mark.parametrize("section", ["appservice", "health"])
async def test_a_port_that_another_program_has_is_named(tmp_path: Path, section: str) -> None:
    """In one line with what to do, and the code of what may pass."""
    file = a_config(tmp_path)
    port = int(yaml.safe_load(file.read_text(encoding="utf-8"))[section]["port"])
    async with await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port):
        code, said = await circles("run", "--config", str(file))

    assert code == 75
    assert f"another program listens on 127.0.0.1 port {port}. End it, or choose another {section}.port." in said
    assert "Traceback" not in said


def test_a_backup_is_made_of_a_running_service_and_not_restored_beneath_it(tmp_path: Path) -> None:
    """Though its database be empty; when it has ended all is free."""
    config, backup = Config.load(a_config(tmp_path)), tmp_path / "backup"
    config.storage.prepare()
    first = SqlDatabase(config.storage.url)
    assert first.lead.take()
    migrate(first)
    assert "rows" in backups.make(config, str(backup), force=False)

    with pytest.raises(NotAlone, match="stop it first"):
        backups.restore(config, backup, [], without_purges=True)
    first.dispose()
    assert "rows" in backups.restore(config, backup, [], without_purges=True)


class Processes:
    """Several on one database, each as it were in a process of its own."""

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server
        self.url = server.create()
        self.made: list[SqlDatabase] = []

    def new(self) -> SqlDatabase:
        self.made.append(SqlDatabase(self.url))
        return self.made[-1]

    def end_sessions(self) -> None:
        """Let the server end every session, as when it restarts."""
        name = make_url(self.url).database
        self.server.execute(
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608  # ours
        )


@pytest.fixture
def processes(postgresql_server: PostgreSQL) -> Iterator[Processes]:
    made = Processes(postgresql_server)
    yield made
    for each in made.made:
        each.dispose()


async def lead(database: SqlDatabase, term: str) -> None:
    assert database.lead.take()
    migrate(database)
    database.lead.begin(term)
    await database.write(partial(positions.note, name=positions.LEAD, token=term, at=0))


async def term(database: SqlDatabase) -> str | None:
    return await database.read(partial(positions.token_of, name=positions.LEAD))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_process_that_is_killed_leaves_the_lead(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Nobody else has it while it lives; at once when it was killed."""
    url = f"sqlite:///{tmp_path / 'circles.db'}"
    if kind == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        url = server.create()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD, url, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"True\n"
    other = SqlDatabase(url)
    assert not other.lead.take()

    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    async with asyncio.timeout(60):
        while True:
            if await asyncio.to_thread(other.lead.take):
                break
    assert other.lead.take(), "who has it, has it"
    await asyncio.to_thread(other.dispose)


async def test_whoever_lost_the_lead_writes_nothing(processes: Processes) -> None:
    """The server ended the session and another leads: every write fails, and so does showing that one is alive."""
    first, second = processes.new(), processes.new()
    await lead(first, "first")
    assert not second.lead.take()
    processes.end_sessions()
    await lead(second, "second")

    for _ in range(2):
        with pytest.raises(LeadLost):
            await first.write(partial(positions.note, name=positions.LEAD, token="first", at=1))
        with pytest.raises(LeadLost):
            await first.keep_lead()
    assert await term(second) == "second"


async def test_what_was_done_meanwhile_by_another_ends_an_earlier_lead(processes: Processes) -> None:
    """Also where the other is gone by the time one comes back: what one knows is old."""
    first, second = processes.new(), processes.new()
    await lead(first, "first")
    processes.end_sessions()
    await lead(second, "second")
    await asyncio.to_thread(second.dispose)

    with pytest.raises(LeadLost):
        await first.keep_lead()
    with pytest.raises(LeadLost):
        first.lead.take()


async def test_a_server_that_restarts_changes_nothing_for_whoever_leads(processes: Processes) -> None:
    """The next write leads again, before anything is written, if nobody else did meanwhile."""
    first, second = processes.new(), processes.new()
    await lead(first, "first")
    for _ in range(2):
        processes.end_sessions()
        await first.keep_lead()
        assert not second.lead.take()
    await first.write(partial(positions.note, name="other", token="t", at=1))
    assert not second.lead.take()


async def test_a_session_that_leads_and_says_nothing_is_ended(processes: Processes) -> None:
    """By the server, as its process stands still or its host is gone; a session that stands by is not."""
    first, second = processes.new(), processes.new()
    assert first.lead.take()
    assert not second.lead.take()

    def silence(connection: Connection) -> list[str]:
        return [str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in SILENT]

    assert await first.write(silence) == [SILENCE, SILENCE]
    assert await second.write(silence) == ["0", "30s"]


async def test_what_the_server_refuses_is_an_error_of_sqlalchemys(processes: Processes) -> None:
    """So that whoever waits for a server waits here, too."""
    nowhere = SqlDatabase(processes.server.url_of("nowhere"))
    with pytest.raises(OperationalError):
        nowhere.lead.take()
    nowhere.dispose()
