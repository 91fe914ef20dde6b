"""What a room's `m.room.retention` takes from what is kept, on both databases: by bytes, at once, never too much."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.store import kept
from circles.adapters.store.tables import messages
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID
from circles.core.settings import Settings
from circles.entrypoints.entering import Entering
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath
from circles.facts import rooms, upgrades
from circles.metrics import Metrics
from circles.testing import AI, ROOM, FakeClock, some_ports
from circles_policies import Retention
from circles_policies.retention import current
from knocks import in_force
from rows import LI, MEI, NOW, Rows, an_edit, message, opened

DAY, HOUR = 86_400_000, 3_600_000
DAYS_30 = 30 * DAY
GHOSTS = re.compile("@c_.*")
_numbers = itertools.count()


class Keeps:
    """A notebook that is kept thirty days, and what takes events in."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.clock = FakeClock()
        self.told: list[Aftermath] = []
        settings = Settings(ai=AI, server_name="home.example")
        self.intake = Intake(rows.database, rows.performer, settings, self.clock, Metrics(), self.told.append, GHOSTS)

    async def says(self, word: str, *, ago: int = 0, sender: str = MEI) -> None:
        """Let somebody say a word some time ago."""
        await self.intake.accept(None, [message(f"The {word} is with Agnes", at=NOW - ago, sender=sender)])

    async def is_set(self, content: dict[str, Any], *, ago: int = 0, sender: str = MEI) -> None:
        """Let somebody set the room's retention."""
        await self.intake.accept(None, [retention(content, at=NOW - ago, sender=sender)])

    async def stay(self) -> dict[str, int | None]:
        """Return which words are kept, and for how long from when they were said (ms)."""
        query = select(messages.c.text, messages.c.at, messages.c.until)
        found = await self.rows.do(lambda c: c.execute(query).all())
        return {text.split()[1]: until and until - at for text, at, until in found}

    async def bytes(self) -> bytes:
        """Return the bytes of the database as they are after the next cleaning."""
        await self.rows.clean()
        return await self.rows.bytes()


def retention(content: dict[str, Any], *, at: int = NOW, sender: str = MEI) -> dict[str, Any]:
    """Return the event that sets a room's retention."""
    event = message(event_id=f"$retention{next(_numbers)}", at=at, sender=sender)
    return event | {"type": "m.room.retention", "state_key": "", "content": content}


@pytest.fixture
async def keeps(store_url: str, tmp_path: Path) -> AsyncIterator[Keeps]:
    async with opened(tmp_path, url=store_url) as rows:
        await rows.do(in_force)
        yield Keeps(rows)


async def test_a_tighter_one_takes_what_is_there_at_once_and_to_the_last_byte(keeps: Keeps) -> None:
    """What is over goes in the commit of the event, the rest gets the earlier end, and what comes gets it too."""
    await keeps.says("zither", ago=3 * DAY)
    await keeps.says("flute", ago=HOUR)
    assert await keeps.stay() == {"zither": DAYS_30, "flute": DAYS_30}
    await keeps.is_set({"max_lifetime": DAY, "min_lifetime": 90 * DAY})
    await keeps.says("drum")
    await keeps.says("theorbo", ago=2 * DAY)

    assert await keeps.stay() == {"flute": DAY, "drum": DAY}
    left = await keeps.bytes()
    assert b"zither" not in left
    assert b"theorbo" not in left
    assert b"flute" in left
    assert any(ROOM in after.interrupted for after in keeps.told)
    assert f"banner:{ROOM}" in await keeps.rows.wakes()

    await keeps.rows.do(lambda c: kept.drop_expired(c, NOW + DAY - HOUR))
    assert await keeps.stay() == {"drum": DAY}
    assert b"flute" not in await keeps.bytes()
    assert await keeps.rows.do(lambda c: kept.matching(c, "Agnes")) != []


async def test_a_looser_one_or_none_counts_from_then_on_and_brings_nothing_back(keeps: Keeps) -> None:
    """Each message has the strictest end since it was written, also one that comes late."""
    await keeps.is_set({"max_lifetime": DAY}, ago=10 * HOUR)
    await keeps.says("zither", ago=5 * HOUR)
    await keeps.is_set({"max_lifetime": 7 * DAY}, ago=4 * HOUR)
    await keeps.says("flute", ago=3 * HOUR)
    await keeps.is_set({}, ago=2 * HOUR)
    await keeps.says("drum", ago=HOUR)
    await keeps.says("theorbo", ago=6 * HOUR)

    assert await keeps.stay() == {"zither": DAY, "flute": 7 * DAY, "drum": DAYS_30, "theorbo": DAY}


async def test_how_long_ago_a_remote_server_loosened_it_is_not_believed(keeps: Keeps) -> None:
    """It would reach behind what was said meanwhile; of our own server's people the time is known."""
    await keeps.is_set({"max_lifetime": DAY}, ago=10 * HOUR, sender=LI)
    await keeps.is_set({"max_lifetime": 7 * DAY}, ago=9 * HOUR, sender=LI)
    await keeps.says("zither", ago=5 * HOUR)

    assert await keeps.stay() == {"zither": DAY}


async def test_a_longer_one_leaves_the_days_of_the_policy(keeps: Keeps) -> None:
    """The stricter of both."""
    await keeps.says("zither")
    await keeps.is_set({"max_lifetime": 90 * DAY})
    await keeps.says("flute")

    assert await keeps.stay() == {"zither": DAYS_30, "flute": DAYS_30}


@pytest.mark.parametrize("content", [{"max_lifetime": "a day"}, {"max_lifetime": -5}, {"max_lifetime": 1.5}])
async def test_while_it_cannot_be_read_nothing_more_is_kept_and_nothing_is_deleted(
    keeps: Keeps, content: dict[str, Any]
) -> None:
    """A slip of the pen must not delete what cannot come back; once mended, all goes on."""
    await keeps.says("zither", ago=2 * HOUR)
    await keeps.is_set(content, ago=HOUR)
    await keeps.says("flute")
    assert await keeps.stay() == {"zither": DAYS_30}
    assert b"a day" not in await keeps.bytes()

    await keeps.is_set({"max_lifetime": DAY})
    await keeps.says("drum")
    assert await keeps.stay() == {"zither": DAY, "drum": DAY}


async def test_a_policy_that_names_days_gives_an_end_to_what_had_none(keeps: Keeps) -> None:
    """From "until deleted" to some days."""
    await keeps.rows.keep("The zither is with Agnes", until=None)
    await keeps.rows.perform(fx.TrimKept(ROOM, NOW - DAY, 30))

    assert await keeps.stay() == {"zither": DAYS_30}


async def test_a_huge_number_breaks_nothing(keeps: Keeps) -> None:
    """What no integer of a database holds is an end that never comes."""
    await keeps.rows.keep("The flute is with Agnes", until=None)
    await keeps.is_set({"max_lifetime": 2**70})
    await keeps.says("zither")

    assert await keeps.stay() == {"zither": DAYS_30, "flute": 2**53 - 1}
    assert await keeps.rows.do(lambda c: current(rooms.retention(c, ROOM))) == Retention(2**53 - 1)


async def test_new_words_have_the_end_of_the_old_ones(keeps: Keeps) -> None:
    """An edit gives a message no longer life."""
    await keeps.is_set({"max_lifetime": DAY}, ago=2 * HOUR)
    await keeps.intake.accept(None, [message("The zither is with Agnes", at=NOW - 90 * 60_000, event_id="$said")])
    await keeps.is_set({}, ago=HOUR)
    await keeps.intake.accept(None, [an_edit("$said", "The flute is with Agnes")])

    assert await keeps.stay() == {"flute": DAY}


async def test_what_was_set_while_we_were_down_counts_for_all_that_is_read_then(keeps: Keeps) -> None:
    """Also for what stood before it in what was missed."""
    await keeps.says("zither", ago=3 * DAY)
    missed = [
        message("The flute is with Agnes", at=NOW - 2 * DAY),
        retention({"max_lifetime": DAY}, at=NOW - HOUR),
        message("The drum is with Agnes", at=NOW - 1),
    ]
    await keeps.intake.catch_up(missed)

    assert await keeps.stay() == {"drum": DAY}
    left = await keeps.bytes()
    assert b"zither" not in left
    assert b"flute" not in left


@pytest.mark.parametrize(("content", "stays"), [({"max_lifetime": DAY}, {"flute": DAY}), (None, {"flute": DAYS_30})])
async def test_a_room_that_is_entered_says_it_with_its_state(
    keeps: Keeps, content: dict[str, Any] | None, stays: dict[str, int]
) -> None:
    """One that says nothing any more is believed as well, for what comes."""
    await keeps.is_set({"max_lifetime": 2 * DAY}, ago=HOUR)
    state = [{**message(sender=user), "type": "m.room.member", "state_key": user} for user in (MEI, LI, AI)]
    shown = [{**event, "content": {"membership": "join"}} for event in state]
    shown += [retention(content)] if content is not None else []

    class Homeserver:
        async def state(self, _room_id: str) -> list[dict[str, Any]]:
            return shown

    await keeps.rows.do(lambda c: rooms.save_room(c, ROOM, filled=False))
    ports = some_ports(clock=keeps.clock, database=keeps.rows.database)
    entering = Entering(keeps.rows.database, cast("MatrixClient", Homeserver()), keeps.intake, ports)
    assert (await entering.enter(ROOM)).here
    keeps.clock.advance(timedelta(hours=1))
    await keeps.intake.accept(None, [message("The flute is with Agnes", at=NOW + HOUR)])

    assert await keeps.stay() == stays


async def test_what_goes_along_into_an_upgraded_room_is_held_to_both(keeps: Keeps) -> None:
    """The new room's end, and one that the old room gets later."""
    new = RoomID("!onward:home.example")
    await keeps.says("zither")

    def go_on(connection: Any) -> None:
        create = {"sender": MEI, "content": {"predecessor": {"room_id": ROOM}}}
        rooms.save_room(connection, new, membership="join", create=create, retention=[[7 * DAY, False, 0, None]])
        in_force(connection, new)
        upgrades.note(connection, upgrades.Upgrade(ROOM, new, EventID("$tombstone"), MEI, NOW, followed=False))

    await keeps.rows.do(go_on)
    await keeps.rows.perform(fx.Hush(ROOM), fx.Follow(new))
    assert await keeps.stay() == {"zither": 7 * DAY}
    await keeps.is_set({"max_lifetime": DAY})
    assert await keeps.stay() == {"zither": DAY}
