"""The drill: back up, go on, take back, lose the database, restore. Nothing comes back, nothing is said twice."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from circles_harness import Event, Person, Service
from circles_harness.postgresql import PostgreSQL
from rows import every_value_of
from walks import NOTEBOOK, admitted, answer, ask, body, chat, kind, settled

from .conftest import Breakable, NewPerson

CANARY = "zebraumbrella"
REMINDER_SECONDS = 8


async def command(service: Service, *words: str) -> str:
    """Run a command of the program beside the service and return what it says."""
    code, told = await service.command(*words)
    assert code == 0, told
    return told


async def lines_of(path: Path) -> list[str]:
    return (await asyncio.to_thread(path.read_text)).splitlines()


async def said_by(person: Person, room: str, service: Service) -> list[Event]:
    """Return all messages of the AI that stand in a room, edits among them."""
    return [
        event
        for event in await person.all_messages(room)
        if event["sender"] == service.user_id and event["type"] == "m.room.message" and "body" in event["content"]
    ]


async def reminded(person: Person, room: str, service: Service, of: str) -> Event:
    return await person.wait_for(
        room,
        lambda event: event["sender"] == service.user_id and kind(event) == "reminder" and of in body(event),
        timeout=30,
        what=f"the reminder of {of}",
    )


@pytest_asyncio.fixture(loop_scope="session")
async def restored(breakable: Breakable) -> AsyncIterator[Service]:
    """A service that is restored from a backup; afterwards it begins anew."""
    service = breakable.service
    yield service
    await service.kill()
    service.configure({"storage": {"url": None}})
    shutil.rmtree(service.data_dir)
    await service.start()


@pytest.mark.timeout(150, func_only=True)
async def test_a_restored_service_forgets_and_repeats_nothing(
    restored: Service, breakable: Breakable, person: NewPerson, postgresql_server: PostgreSQL, tmp_path: Path
) -> None:
    """Answers, reminders and confirmations of the time since the backup stand once, and what they promised holds.

    First into SQLite, as it was; then, lost again, into PostgreSQL.
    """
    service = restored
    mei, li = await person("mei", at=breakable.homeserver), await person("li", at=breakable.homeserver)
    room = await admitted(mei, service, li, option=NOTEBOOK)
    message, *_ = await chat(
        room,
        [
            (li, f"I will bring the {CANARY} on Saturday at 9"),
            (mei, "We meet at the station on Saturday"),
            (li, "Who has the boat keys?"),
            (mei, "I have the boat keys"),
            (li, "I'll bring the bread"),
            (li, "And Tom will bring the tent on Sunday"),
        ],
    )
    await ask(mei, room, "!circle zone Berlin", service)
    await ask(li, room, "!circle keep the safe is behind the clock", service)
    await ask(mei, room, "!circle remind me tomorrow at 9 to call the plumber", service)
    await ask(mei, room, f"!circle remind me in {REMINDER_SECONDS} seconds to water the plants", service)
    told = await command(service, "backup", "--output", str(tmp_path / "backup"))
    assert "rows" in told

    # What happens since: answers, a reminder that comes, one that is set, and much that is taken back.
    summary = await answer(mei, room, await mei.say(room, "!circle summary"), service)
    assert CANARY in body(summary)
    await reminded(mei, room, service, "water")
    await ask(mei, room, "!circle remind me tomorrow at 10 to buy bread", service)
    await ask(mei, room, "!circle cancel 1", service)
    await ask(li, room, "!circle drop 1", service)
    await li.redact(room, message)
    await mei.wait_for_redaction(room, summary["event_id"])
    await mei.wait_for_text(room, "Posted again", sender=service.user_id)
    await li.say(room, "!circle out")
    before = await settled(mei, room, service)
    purged = service.data_dir / "purged.jsonl"
    async with asyncio.timeout(60):
        while not any('"out"' in line and li.user_id in line for line in await lines_of(purged)):
            pass
    assert CANARY not in await asyncio.to_thread(purged.read_text)

    for url in (None, postgresql_server.create()):
        stood = {event["event_id"] for event in await said_by(mei, room, service)}
        await service.kill()
        for path in service.data_dir.glob("circles.db*"):
            path.unlink()
        shutil.rmtree(service.data_dir / "crypto", ignore_errors=True)
        service.configure({"storage": {"url": url}})
        assert "made again" in await command(service, "restore", "--input", str(tmp_path / "backup"))
        assert CANARY.encode() not in await every_value_of(service)
        await service.start()

        assert await settled(mei, room, service) == before
        stands = await said_by(mei, room, service)
        assert len([event for event in stands if event["event_id"] not in stood]) == 1
        assert CANARY.encode() not in await every_value_of(service)
    reminders = await ask(mei, room, "!circle reminders", service)
    assert "bread" in reminders
    assert "plumber" not in reminders
    assert "safe" not in await ask(mei, room, "!circle notes", service)
    later = await ask(mei, room, "!circle summary", service)
    assert "tent" not in later, "Li is still out"
