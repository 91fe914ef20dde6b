"""Reminders with the real waker on real rows: numbers given side by side, and wakes that are due together."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, update

from circles.core import effects as fx
from circles.core.ids import EventID
from circles.core.quiet import Quiet
from circles.core.schedule import Repeat, Rule
from circles.entrypoints.entering import Entering
from circles.entrypoints.performing import Aftermath
from circles.entrypoints.waker import Waker
from circles.facts import rooms
from circles.facts.tables import policies
from circles.facts.tables import rooms as rooms_table
from circles.features import reminders
from circles.features.reminders import store
from circles.features.reminders.values import AddPending, AddReminder, Pending, RememberQuiet, Reminder
from circles.metrics import Metrics
from circles.ports import SchedulesWakes
from circles.testing import NOON, ROOM, FakeClock, some_ports
from circles_policies import to_content
from circles_policies.model import Preset, preset
from rows import MEI, Rows, opened, rested

WEEKLY = Rule(Repeat.WEEKS, time(13), "Europe/Berlin", weekdays=frozenset({0}))


class NoTimer:
    """A timer that never rings: the tests look themselves."""

    def arm(self, due: datetime | None, look: object) -> None:
        """Do nothing."""

    def disarm(self) -> None:
        """Do nothing."""


@dataclass
class Waking:
    """A waker with the reminders, on real rows, at a time that a test sets."""

    rows: Rows
    clock: FakeClock
    waker: Waker

    async def look(self) -> None:
        """Fire what is due, and wait until nothing is."""
        self.waker.look()
        await rested(self.waker)

    async def said(self) -> list[str]:
        """Return what waits to be sent."""
        return [str(row.payload["body"]) for row in await self.rows.waiting() if row.kind == "post"]

    async def kept(self) -> tuple[Reminder, ...]:
        """Return the room's reminders."""
        return await self.rows.do(lambda c: store.in_room(c, ROOM))


@pytest.fixture
async def waking(tmp_path: Path) -> AsyncIterator[Waking]:
    async with opened(tmp_path, (reminders.FEATURE,)) as rows:
        clock, told = FakeClock(), list[Aftermath]()
        ports = some_ports(database=rows.database, clock=clock)

        def ready(connection: Connection) -> None:
            rooms.save_room(connection, ROOM, zone="Europe/Berlin")
            store_policy(connection)

        await rows.do(ready)
        waker = Waker(
            rows.database,
            cast("SchedulesWakes", NoTimer()),
            cast("Entering", None),
            rows.performer,
            ports,
            Metrics(),
            told.append,
            (reminders.FEATURE,),
        )
        await waker.start()
        yield Waking(rows, clock, waker)
        await waker.stop()


def store_policy(connection: Connection) -> None:
    """Let the room keep what people ask for."""
    connection.execute(
        policies.insert().values(
            room_id=ROOM, content=to_content(preset(Preset.ON_CALL)), state="in_force", asked_at=0, starts_at=0
        )
    )


def a_reminder(**changes: object) -> Reminder:
    base = Reminder("r1", 1, ROOM, MEI, "bins", WEEKLY, "Europe/Berlin", NOON, EventID("$asked"), NOON)
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


async def test_requests_taken_up_at_once_get_numbers_of_their_own(waking: Waking) -> None:
    """Eight waited for a time zone; each is one that people can name."""
    for number in range(8):
        words = f"tomorrow at {number + 8}:00 to do no. {number}"
        waiting = Pending(f"p{number}", ROOM, MEI, words, EventID(f"$p{number}"), NOON)
        await waking.rows.perform(AddPending(waiting), fx.WakeAt("reminders", waiting.id, ROOM, NOON))
    await waking.look()

    assert sorted(row.number for row in await waking.kept()) == [*range(1, 9)]
    assert len(await waking.said()) == 8
    assert len(await waking.rows.wakes()) == 8


@pytest.mark.parametrize("days", [0, 20])
async def test_its_own_time_and_a_snooze_due_together_are_one_message(waking: Waking, days: int) -> None:
    """Also after three weeks in which nothing ran; then its rhythm goes on."""
    row = a_reminder(again=NOON - timedelta(minutes=5))
    await waking.rows.perform(
        AddReminder(row),
        fx.WakeAt("reminders", "r1", ROOM, NOON),
        fx.WakeAt("reminders", "r1/again", ROOM, NOON - timedelta(minutes=5)),
    )
    waking.clock.advance(timedelta(days=days))
    await waking.look()

    assert len(await waking.said()) == 1
    (kept,) = await waking.kept()
    assert (kept.again, kept.next_due) == (None, NOON + timedelta(days=7 if days == 0 else 21))
    assert set(await waking.rows.wakes()) == {"r1"}


async def test_quiet_hours_hold_it_and_a_kill_in_them_loses_nothing(waking: Waking) -> None:
    """The row says when it is due, the wake when it comes."""
    await waking.rows.perform(
        AddReminder(a_reminder()),
        fx.WakeAt("reminders", "r1", ROOM, NOON),
        RememberQuiet(ROOM, Quiet(time(12), time(15), "Europe/Berlin")),
    )
    await waking.look()
    assert await waking.said() == []
    assert await waking.rows.wakes() == {"r1": int((NOON + timedelta(hours=2)).timestamp() * 1000)}

    waking.clock.advance(timedelta(hours=2))
    await waking.look()
    assert await waking.said() == ["mei, you asked me to remind you: bins (held for the quiet hours: was due 13:00)"]


async def test_quiet_hours_that_were_ended_hold_nothing(waking: Waking) -> None:
    """The rows are asked when the hour comes."""
    quiet = Quiet(time(12), time(15), "Europe/Berlin")
    await waking.rows.perform(AddReminder(a_reminder()), fx.WakeAt("reminders", "r1", ROOM, NOON))
    await waking.rows.perform(RememberQuiet(ROOM, quiet), RememberQuiet(ROOM, None))
    await waking.look()

    assert len(await waking.said()) == 1
    assert await waking.rows.do(lambda c: rooms.quiet_hours(c, ROOM)) is None
    assert await waking.rows.do(lambda c: c.execute(update(rooms_table).values(quiet=quiet.to_json())).rowcount) == 1


async def test_however_many_a_member_asks_for_the_limit_holds_and_is_said(waking: Waking) -> None:
    """Sixty at once, each decided beside the others: fifty are kept, and the others hear the number and what to do."""
    for number in range(60):
        words = f"tomorrow at 9:00 to do no. {number}"
        waiting = Pending(f"p{number}", ROOM, MEI, words, EventID(f"$p{number}"), NOON)
        await waking.rows.perform(AddPending(waiting), fx.WakeAt("reminders", waiting.id, ROOM, NOON))
    await waking.look()

    assert sorted(row.number for row in await waking.kept()) == [*range(1, 51)]
    refused = [said for said in await waking.said() if "as many as I can hold" in said]
    assert len(refused) == 10
    assert "You have 50 reminders here" in refused[0]
