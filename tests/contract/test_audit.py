"""The totals per day: complete, per day in UTC, and telling nothing of anybody."""

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from circles.adapters.store import egress, quota
from circles.adapters.store.audit import Day, totals
from circles.adapters.store.egress import Departure, Outcome
from circles.adapters.store.purges import purges
from circles.core.ids import EventID, RoomID, UserID
from circles.entrypoints.auditing import audited
from circles.facts.tables import policies, posts, sources
from circles.testing import FakeClock
from rows import Rows, opened

NIGHT = datetime(2027, 2, 7, 23, 59, 59, tzinfo=UTC)
ROOM, MEI = RoomID("!garden:home.example"), UserID("@mei:home.example")
LIMITS = quota.DailyLimits(50, 200, 200_000)


@pytest.fixture(params=["sqlite", "postgresql"])
async def rows(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rows]:
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    async with opened(tmp_path, url=url) as made:
        yield made


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def something(connection: Connection, at: datetime, number: int) -> None:
    """One answer by a model that rests on two messages, and one kept message taken back."""
    departure = Departure(
        at=ms(at),
        room_id=ROOM,
        asker=MEI,
        purpose="ask",
        host="models.example",
        model="large",
        size=1_000,
        policy_id=1,
        generation=0,
        events={EventID(f"$a{number}"): MEI, EventID(f"$b{number}"): MEI},
    )
    egress.settle(connection, egress.record(connection, departure), Outcome.ANSWERED)
    egress.record(connection, replace(departure, events={}))
    payer = quota.account(at, ROOM, MEI)
    quota.take(connection, payer, LIMITS, calls=1, tokens=10, now=at)
    post = {"effect_id": f"e{number}", "room_id": ROOM, "about": ROOM, "kind": "answer", "feature": "ask", "at": ms(at)}
    connection.execute(insert(posts).values(**post))
    for event_id in departure.events:
        connection.execute(insert(sources).values(effect_id=f"e{number}", event_id=event_id, sender=MEI, at=ms(at)))
    connection.execute(insert(purges).values(at=ms(at), place="messages", verb="gone", what={}))
    connection.execute(insert(purges).values(at=ms(at), place="members", verb="is", what={}))
    connection.execute(
        insert(policies).values(room_id=ROOM, content={}, state="over", asked_at=ms(at), starts_at=0, written=False)
    )


async def test_every_day_has_its_totals(rows: Rows) -> None:
    """The last second of a day is that day's; days before the first asked for are left out."""
    before, after = NIGHT - timedelta(days=1), NIGHT + timedelta(seconds=1)
    for number, at in enumerate((before, NIGHT, NIGHT, after)):
        await rows.do(partial(something, at=at, number=number))

    found = await rows.do(lambda c: totals(c, NIGHT.date()))

    one = Day(
        date(2027, 2, 8),
        model_calls=1,
        posts=1,
        rests_on=2,
        requests=2,
        unanswered=1,
        messages_sent=2,
        bytes_sent=2_000,
        hosts=("models.example",),
        policies=1,
        removed=1,
    )
    doubled: dict[str, Any] = {key: 2 * value for key, value in asdict(one).items() if isinstance(value, int)}
    assert found == [replace(one, day=NIGHT.date(), **doubled), one]


async def test_nothing_names_a_room_a_person_or_a_message(rows: Rows) -> None:
    """In the table and as JSON."""
    await rows.do(lambda c: something(c, FakeClock().now(), 1))
    for as_json in (False, True):
        told = "\n".join(await audited(rows.database, FakeClock(), 30, as_json=as_json))
        assert "models.example" in told
        for secret in ("garden", "mei", "$a1"):
            assert secret not in told


async def test_where_nothing_was_that_is_said(rows: Rows) -> None:
    """An empty answer would look like a fault."""
    assert await audited(rows.database, FakeClock(), 7, as_json=True) == ()
    assert "Nothing since" in (await audited(rows.database, FakeClock(), 7, as_json=False))[0]
