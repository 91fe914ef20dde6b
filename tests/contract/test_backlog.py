"""What waits and what today cost, on both databases, and as `/metrics` shows it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import update

from circles.adapters.store import backlog, journal, quarantine
from circles.adapters.store.backlog import Waiting
from circles.adapters.store.tables import journal as journal_table
from circles.core import effects as fx
from circles.entrypoints.health import Health, health_app
from circles.entrypoints.measuring import FRESH_SECONDS, Measuring
from circles.facts import rooms
from circles.metrics import Metrics
from circles.testing import NOON, ROOM, FakeClock
from rows import MEI, NOW, Rows, a_post, message, opened

MINUTE_MS = 60_000


@pytest.fixture
async def rows(tmp_path: Path, store_url: str) -> AsyncIterator[Rows]:
    async with opened(tmp_path, url=store_url) as given:
        yield given


async def test_ages_are_those_of_the_oldest_that_waits(rows: Rows) -> None:
    """What is settled, sent, still to come or set aside does not count as waiting."""
    for number, state in enumerate(("pending", "pending", "settled", "quarantined", "parked")):
        event = message(f"{number}")
        received = NOW - (5 - number) * MINUTE_MS
        await rows.do(lambda c, e=event, r=received: journal.add(c, e, at=r, received_at=r, pending=True))  # type: ignore[misc]
        change = update(journal_table).where(journal_table.c.event_id == event["event_id"]).values(state=state)
        await rows.do(lambda c, change=change: c.execute(change))  # type: ignore[misc]
    told = {"stage": "handling", "error": "KeyError", "reference": "0a1b2c3d", "now": NOW}
    await rows.do(lambda c: quarantine.note(c, event_id="$broke", room_id=ROOM, **told))  # type: ignore[arg-type]  # fields by name
    await rows.post(a_post("sent"))
    await rows.perform(a_post("waits"), now=NOW - 3 * MINUTE_MS)
    await rows.perform(
        fx.WakeAt("fake", "due", ROOM, NOON - timedelta(minutes=2)),
        fx.WakeAt("fake", "later", ROOM, NOON + timedelta(1)),
    )
    await rows.perform(fx.CountAnswer(ROOM, MEI), fx.CountAnswer(ROOM, MEI))
    found = await rows.do(lambda c: backlog.look(c, NOW, NOON.date().isoformat()))

    assert found == backlog.Backlog(
        journal=Waiting(2, 300.0),
        outbox=Waiting(1, 180.0),
        due=Waiting(1, 120.0),
        wakes=2,
        parked=1,
        quarantined=1,
        rooms=1,
        lost=0,
        shut_out=0,
        answers=2,
        calls=0,
        tokens=0,
    )
    await rows.do(lambda c: rooms.save_room(c, ROOM, membership="leave"))
    empty = await rows.do(lambda c: backlog.look(c, NOW, "2000-01-01"))
    assert (empty.rooms, empty.answers) == (0, 0)


async def test_rooms_that_are_lost_or_deny_our_server_are_counted(rows: Rows) -> None:
    """A lost one is none we are in; one that denies our server is, for as long as we are in it."""

    async def counted(**change: object) -> tuple[int, int, int]:
        await rows.do(lambda c: rooms.save_room(c, ROOM, **change))
        found = await rows.do(lambda c: backlog.look(c, NOW, "2000-01-01"))
        return found.rooms, found.lost, found.shut_out

    assert await counted(membership="join") == (1, 0, 0)
    assert await counted(membership=rooms.LOST) == (0, 1, 0)
    assert await counted(membership="join", shut_out=True) == (1, 0, 1)
    assert await counted(membership="leave") == (0, 0, 0)


class Broken:
    """A database that is down."""

    async def read(self, _work: object) -> object:
        raise ConnectionError

    write = read


async def test_a_scrape_is_up_to_date_and_is_answered_without_a_database(rows: Rows, tmp_path: Path) -> None:
    """Asked often, it looks seldom; where the database is down it says so, and keeps what it saw last."""
    metrics, clock, seconds = Metrics(), FakeClock(NOON + timedelta(minutes=4)), [0.0]
    measuring = Measuring(
        rows.database, metrics, clock, tmp_path, lambda: True, lambda: ("hs_token_refused",), lambda: seconds[0]
    )

    async with TestClient(TestServer(health_app(lambda: Health(True), metrics, measuring.look))) as client:

        async def scrape() -> str:
            return await (await client.get("/metrics")).text()

        assert "circles_outbox_pending 0.0" in await scrape()
        await rows.perform(a_post("waits"))
        assert "circles_outbox_pending 0.0" in await scrape()
        seconds[0] += FRESH_SECONDS
        seen = await scrape()
        assert "circles_outbox_pending 1.0" in seen
        assert "circles_outbox_oldest_seconds 240.0" in seen
        assert "circles_database_up 1.0" in seen
        assert "circles_ready 1.0" in seen
        assert 'circles_trouble{trouble="hs_token_refused"} 1.0' in seen
        assert 'circles_trouble{trouble="as_token_refused"} 0.0' in seen
        assert "circles_disk_free_bytes 0.0" not in seen
        assert "circles_database_bytes 0.0" not in seen

        vars(measuring)["_database"] = Broken()
        seconds[0] += FRESH_SECONDS
        down = await scrape()
        assert "circles_database_up 0.0" in down
        assert "circles_outbox_pending 1.0" in down


def test_what_runs_is_said_in_a_bounded_way() -> None:
    """Of a version only its numbers."""
    metrics = Metrics()
    metrics.build("1.2.0.dev3+g1a2b", "sqlite", "direct")
    metrics.build("(not installed, run from its source)", "sqlite", "gated")

    text = metrics.text().decode()
    assert 'circles_build_info{database="sqlite",mode="direct",version="1.2.0"} 1.0' in text
    assert 'version="unknown"' in text
    assert replace(Waiting(), count=1).oldest_seconds == 0
