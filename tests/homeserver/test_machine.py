"""What a self-hoster's machine does: full, read-only, locked, damaged, out of files, a clock that jumps.

Nothing is acknowledged that is not stored, `/health` and `circles check` say what to do, and once the machine works
again everything said meanwhile is answered, once and in order, without a restart.
"""

import asyncio
import contextlib
import os
import resource
import shutil
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from circles_harness import Person, Service
from circles_harness.process import HEALTH_INTERVAL_SECONDS
from walks import admitted, ask, body, kind, messages, settled

from .conftest import Breakable, NewPerson
from .test_crash import replies

pytestmark = pytest.mark.timeout(180, func_only=True)
WITHIN = 90
"""Synapse waits twice as long after each delivery that was refused."""


async def run(*command: str) -> tuple[int, str]:
    """Run a program; return its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def health(service: Service) -> dict[str, Any]:
    """Return what a service says of itself."""
    async with aiohttp.ClientSession() as session, session.get(f"{service.health_url}/health") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def until(service: Service, holds: Callable[[str], bool], session: aiohttp.ClientSession | None = None) -> None:
    """Wait until the troubles of a service are such, asking over one connection."""
    if session is None:
        async with aiohttp.ClientSession() as opened:
            await until(service, holds, opened)
        return
    async with asyncio.timeout(WITHIN):
        while True:
            async with session.get(f"{service.health_url}/health") as answer:
                if holds(str((await answer.json())["troubles"])):
                    return
            await asyncio.sleep(HEALTH_INTERVAL_SECONDS)


async def all_answered(mei: Person, room: str, service: Service, questions: list[str]) -> None:
    """Wait until each question has its one answer, in their order."""

    def last(_event: object) -> bool:
        return questions[-1] in replies(mei, room, service.user_id)

    await mei.wait_for(room, last, what="the last answer", timeout=WITHIN)
    await settled(mei, room, service)
    found = replies(mei, room, service.user_id)
    assert [len(found.get(question, [])) for question in questions] == [1] * len(questions)
    order = [event["event_id"] for event in mei.timeline(room)]
    positions = [order.index(found[question][0]) for question in questions]
    assert positions == sorted(positions)


@dataclass
class Disk:
    """Where a service's data is, which can be filled and made read-only.

    Attributes:
        service: the service.
        is_own: whether it is a disk of its own of a few megabytes. Only root can make one; elsewhere the service may
            write no byte into any file, and the files are taken from it.
    """

    service: Service
    is_own: bool

    def fill(self) -> None:
        """Leave no room."""
        if not self.is_own:
            self._limit(0)
            return
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def empty(self) -> None:
        """Make room again."""
        if self.is_own:
            self._filler.unlink()
        else:
            self._limit(resource.RLIM_INFINITY)

    async def emptied_log(self) -> None:
        """Wait until the database's write-ahead log is empty: into what is free in it more could be written."""
        async with asyncio.timeout(WITHIN):
            while self.service.database_path.with_name("circles.db-wal").stat().st_size:
                await asyncio.to_thread(lambda: None)

    async def forbid(self) -> bool:
        """Let nothing be written; return whether that is so: root may write whatever the files' modes say."""
        if self.is_own:
            return (await run("mount", "-o", "remount,ro", str(self.service.data_dir)))[0] == 0
        self._allow(0o400, 0o500)
        return not os.access(self.service.data_dir, os.W_OK)

    async def allow(self) -> None:
        """Let it be written again."""
        if self.is_own:
            assert (await run("mount", "-o", "remount,rw", str(self.service.data_dir)))[0] == 0
        else:
            self._allow(0o600, 0o700)

    @property
    def _filler(self) -> Path:
        return self.service.data_dir / "filler"

    def _limit(self, most: int) -> None:
        assert self.service.pid is not None
        _, hard = resource.prlimit(self.service.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.service.pid, resource.RLIMIT_FSIZE, (most, hard))

    def _allow(self, file: int, folder: int) -> None:
        self.service.data_dir.chmod(folder)
        for path in self.service.data_dir.glob("circles.db*"):
            path.chmod(file)


@pytest_asyncio.fixture(loop_scope="session")
async def small_disk(breakable: Breakable) -> AsyncIterator[Disk]:
    """Give the service a disk of its own, where that is allowed."""
    service = breakable.service
    await service.stop()
    folder, aside = service.data_dir, service.directory / "aside"
    shutil.copytree(folder, aside)
    try:
        is_own = (await run("mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "none", str(folder)))[0] == 0
    except FileNotFoundError:
        is_own = False
    try:
        if is_own:
            shutil.copytree(aside, folder, dirs_exist_ok=True)
        await service.start()
        disk = Disk(service, is_own)
        yield disk
        await disk.allow()
    finally:
        await service.stop()
        if is_own:
            shutil.copytree(folder, aside, dirs_exist_ok=True)
            await run("umount", "-l", str(folder))
            shutil.copytree(aside, folder, dirs_exist_ok=True)
        shutil.rmtree(aside)
        await service.start()


async def test_a_disk_that_is_full_or_read_only_loses_nothing(
    small_disk: Disk, breakable: Breakable, person: NewPerson
) -> None:
    """First full while it runs; then it is started on one that may only be read."""
    service = small_disk.service
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, service)
    await ask(mei, room, "!circle help", service)

    await small_disk.emptied_log()
    small_disk.fill()
    asked = [await mei.say(room, f"!circle {word}") for word in ("help", "policy")]

    def cannot_write(troubles: str) -> bool:
        small_disk.fill()  # an emptied log makes room
        return ("disk_full" if small_disk.is_own else "disk_failing") in troubles

    await until(service, cannot_write)
    advice = "make room where storage.data_dir is" if small_disk.is_own else "look at the disk, and at the kernel's log"
    assert advice in (await health(service))["advice"]
    code, said = await service.command("check")
    assert (code, advice in said, "Traceback" in said) == (1, True, False)
    small_disk.empty()
    await all_answered(mei, room, service, asked)
    await until(service, lambda troubles: not troubles)

    await service.stop()
    asked = [await mei.say(room, f"!circle {word}") for word in ("help", "policy")]
    if small_disk.is_own:
        small_disk.fill()
        code, said = await service.command("check")
        assert (code, "make room" in said, "Traceback" in said) == (1, True, False)
        small_disk.empty()
    if await small_disk.forbid():
        for command, expected in (("check", 1), ("run", 78)):
            code, said = await service.command(command)
            assert (code, "mounted writable" in said, "Traceback" in said) == (expected, True, False)
    await small_disk.allow()
    await service.start()
    await all_answered(mei, room, service, asked)


async def test_a_database_that_another_program_holds_is_waited_for(breakable: Breakable, person: NewPerson) -> None:
    """As by a backup tool, or a sqlite3 that somebody left open."""
    service = breakable.service
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, service)
    with contextlib.closing(sqlite3.connect(service.database_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asked = [await mei.say(room, f"!circle {word}") for word in ("help", "policy")]
        await until(service, lambda troubles: "database_locked" in troubles)
        assert "another program holds" in (await health(service))["advice"]
        other.execute("ROLLBACK")
    await all_answered(mei, room, service, asked)
    await until(service, lambda troubles: not troubles)


async def test_a_damaged_database_is_said_and_the_one_from_before_is_good_again(
    breakable: Breakable, person: NewPerson
) -> None:
    """Damaged while it runs: nothing more is answered, it does not start again and again, and what was said since the
    copy is read from the rooms.
    """
    service = breakable.service
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, service)
    await ask(mei, room, "!circle help", service)
    good = copied(service.database_path)

    damage(service.database_path)
    asked = [await mei.say(room, "!circle policy")]
    await until(service, lambda troubles: "database_corrupt" in troubles)
    assert "`circles restore`" in (await health(service))["advice"]
    code, said = await service.command("check")
    assert (code, said.count("the database is damaged")) == (1, 2), "of the file, and of the running service"
    assert await service.stop() == 78
    assert service.log().count("database_damaged") == 1

    service.database_path.write_bytes(os.urandom(8192))
    code, said = await service.command("run")
    assert (code, "the database is damaged" in said, "Traceback" in said) == (78, True, False)

    for path in service.data_dir.glob("circles.db*"):
        if path != good:
            path.unlink()
    good.rename(service.database_path)
    await service.start()
    await all_answered(mei, room, service, asked)


def copied(database: Path) -> Path:
    """Copy a database that is in use."""
    copy = database.with_suffix(".good")
    copy.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(database)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def damage(database: Path) -> None:
    """Overwrite all of a file but its first page."""
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(database.stat().st_size - 4096))


async def test_files_that_are_spent_are_waited_for(breakable: Breakable, person: NewPerson) -> None:
    """By connections that somebody holds; the door opens again once they go."""
    service = breakable.service
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, service)
    assert service.pid is not None
    usual = resource.prlimit(service.pid, resource.RLIMIT_NOFILE)
    held: list[socket.socket] = []
    async with aiohttp.ClientSession() as session:
        await until(service, lambda troubles: not troubles, session)  # over a connection that stays
        opened = sum(1 for _ in Path(f"/proc/{service.pid}/fd").iterdir())  # noqa: ASYNC240  # in memory
        resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (opened + 2, usual[1]))
        try:
            held += [socket.create_connection(("127.0.0.1", service.port)) for _ in range(20)]
            asked = [await mei.say(room, f"!circle {word}") for word in ("help", "policy")]
            await until(service, lambda troubles: "files_exhausted" in troubles, session)
        finally:
            for each in held:
                each.close()
        await all_answered(mei, room, service, asked)
        await until(service, lambda troubles: not troubles, session)
    resource.prlimit(service.pid, resource.RLIMIT_NOFILE, usual)


async def test_a_clock_that_jumps_fires_each_reminder_once(breakable: Breakable, person: NewPerson) -> None:
    """Forth over its hour, back before it, forth over that of another, and back again."""
    service = breakable.trapped
    service.trap(None)
    await service.start()
    try:
        mei = await person("mei", at=breakable.homeserver)
        room = await admitted(mei, service)
        await ask(mei, room, "!circle remind us in 2 hours to water the tomatoes", service)
        service.set_clock(forth=2 * 3600 + 1)
        await mei.wait_for(room, lambda event: kind(event) == "reminder", what="the reminder", timeout=WITHIN)
        service.set_clock(forth=0)
        await ask(mei, room, "!circle remind us in 1 hours to feed the cat", service)
        service.set_clock(forth=3600 + 1)
        await mei.wait_for(
            room, lambda event: kind(event) == "reminder" and "cat" in body(event), what="the other", timeout=WITHIN
        )
        service.set_clock(forth=0)
        await settled(mei, room, service)
        came = [body(event) for event in messages(mei, room, service) if kind(event) == "reminder"]
        assert [("tomatoes" in text, "cat" in text) for text in came] == [(True, False), (False, True)]
    finally:
        service.set_clock(forth=0)
        await service.stop()
