"""The sender: in order, once, through outages; what cannot be carried out holds up nothing for ever."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import pytest

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.sealing import Sealing
from circles.adapters.matrix.direct import DirectRooms
from circles.adapters.matrix.sender import BACKOFF_SECONDS, MOST_FAULTS, MOST_JOINS, Sender
from circles.adapters.store import outbox
from circles.core import compose
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, UserID
from circles.errors import (
    MatrixBadRequest,
    MatrixError,
    MatrixForbidden,
    MatrixRateLimited,
    MatrixUnavailable,
)
from circles.facts import posts
from circles.testing import AI, NOON, ROOM, FakeClock
from rows import LI, NOW, Rows, a_post, opened

DIRECT = RoomID("!direct")


@dataclass
class FakeHomeserver:
    """Takes events, each transaction id once, and fails as it is told to."""

    user_id: UserID = AI
    failures: deque[Exception] = field(default_factory=deque[Exception])
    events: dict[str, tuple[RoomID, str, Mapping[str, Any]]] = field(
        default_factory=dict[str, tuple[RoomID, str, Mapping[str, Any]]]
    )
    paths: list[str] = field(default_factory=list[str])
    asked: int = 0
    timeline: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    during: Callable[[], Any] | None = None

    def _fail(self) -> None:
        self.asked += 1
        if self.failures:
            raise self.failures.popleft()

    async def send(self, room_id: RoomID, type_: str, content: Mapping[str, Any], txn_id: str) -> EventID:
        self._fail()
        self.events.setdefault(txn_id, (room_id, type_, content))
        if self.during is not None:
            await self.during()
        return EventID(f"$e{txn_id}")

    async def redact(self, room_id: RoomID, event_id: EventID, txn_id: str) -> EventID:
        return await self.send(room_id, "m.room.redaction", {"redacts": event_id}, txn_id)

    async def request(self, _method: str, path: str, _body: Mapping[str, Any]) -> dict[str, Any]:
        self._fail()
        self.paths.append(unquote(path))
        return {}

    async def messages(self, _room_id: RoomID, _start: str | None, _limit: int) -> dict[str, Any]:
        return {"chunk": self.timeline}

    @property
    def bodies(self) -> list[str]:
        return [str(content.get("body", content.get("redacts"))) for _, _, content in self.events.values()]


class PlainSealing:
    """Sealing where nothing is encrypted."""

    def __init__(self, homeserver: FakeHomeserver) -> None:
        self.homeserver = homeserver

    async def is_encrypted(self, _room_id: RoomID) -> bool:
        return False

    async def is_secret(self, _effect_id: str) -> bool:
        return False

    async def send(self, room_id: RoomID, content: Mapping[str, Any], txn_id: str, *, encrypted: bool) -> EventID:
        assert not encrypted
        return await self.homeserver.send(room_id, "m.room.message", content, txn_id)


class FakeDirect:
    """The direct message with a person, or why there is none."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def room_for(self, _user_id: UserID, *, secret: bool) -> RoomID:
        assert not secret
        if self.error is not None:
            raise self.error
        return DIRECT


@dataclass
class Sending:
    """A sender whose pauses pass at once, or when told."""

    rows: Rows
    homeserver: FakeHomeserver
    direct: FakeDirect
    clock: FakeClock
    sender: Sender
    pauses: list[float]
    told: list[str]
    hold: float = float("inf")
    """Pauses longer than this do not end by themselves."""
    waits: bool = False

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.to_thread(lambda: None)

    async def until_idle(self) -> None:
        async with asyncio.timeout(60):
            while vars(self.sender)["_lanes"]:
                await asyncio.wait(list(vars(self.sender)["_lanes"].values()))
                await asyncio.sleep(0)


@pytest.fixture
async def sending(tmp_path: Path) -> AsyncIterator[Sending]:
    async with opened(tmp_path) as rows:
        homeserver, direct, clock = FakeHomeserver(), FakeDirect(), FakeClock()
        pauses: list[float] = []
        told: list[str] = []
        made: list[Sending] = []

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if seconds > made[0].hold:
                made[0].waits = True
                await asyncio.Event().wait()

        sender = Sender(
            rows.database,
            cast("MatrixClient", homeserver),
            cast("DirectRooms", direct),
            cast("Sealing", PlainSealing(homeserver)),
            clock,
            lambda _connection, effect_id, _now: told.append(effect_id),
            sleep,
        )
        made.append(Sending(rows, homeserver, direct, clock, sender, pauses, told))
        await sender.start()
        yield made[0]
        await sender.stop()


async def test_rows_go_in_order_and_the_feature_is_told_of_its_posts(sending: Sending) -> None:
    """Each once, however often the lane is kicked."""
    await sending.rows.perform(a_post("one"), a_post("two", buttons=("✅",)), a_post("three"))
    for _ in range(3):
        sending.sender.kick(ROOM)
    await sending.until_idle()

    assert [body for body in sending.homeserver.bodies if body != "None"] == ["one", "two", "three"]
    assert len(sending.told) == 3
    assert await sending.rows.waiting() == []


@pytest.mark.parametrize("failure", [MatrixUnavailable(), MatrixUnavailable(status=502), MatrixRateLimited(status=429)])
async def test_what_fails_is_tried_again_with_growing_pauses(sending: Sending, failure: MatrixError) -> None:
    """The same transaction id each time, so that it is one event; in order."""
    sending.homeserver.failures.extend([failure] * 9)
    await sending.rows.perform(a_post("one"), a_post("two"))
    sending.sender.kick(ROOM)
    await sending.until_idle()

    assert sending.homeserver.bodies == ["one", "two"]
    assert sending.homeserver.asked == 11
    assert sum(sending.pauses) >= sum(BACKOFF_SECONDS)


async def test_it_waits_as_long_as_it_is_asked_to(sending: Sending) -> None:
    """`Retry-After` is obeyed, and being heard of does not cut it short."""
    sending.homeserver.failures.append(MatrixRateLimited(status=429, retry_after=timedelta(seconds=7)))
    await sending.rows.perform(a_post("one"))
    sending.sender.kick(ROOM)
    await sending.until_idle()

    assert sending.pauses == [7.0]


async def test_a_homeserver_that_is_heard_of_ends_the_pause(sending: Sending) -> None:
    """After ten minutes down nobody waits another minute; only the first step of a pause is always kept."""
    sending.hold = 1
    sending.homeserver.failures.extend([MatrixUnavailable()] * 5)
    await sending.rows.perform(a_post("one"))
    sending.sender.kick(ROOM)
    for asked in (3, 4, 5):
        await sending.until(lambda asked=asked: sending.homeserver.asked == asked and sending.waits)  # type: ignore[misc]
        sending.waits = False
        sending.sender.heard()
    await sending.until_idle()

    assert sending.homeserver.bodies == ["one"]


@pytest.mark.parametrize("refusal", [MatrixForbidden(status=403), MatrixBadRequest(status=400, errcode="M_TOO_LARGE")])
async def test_what_is_refused_for_good_is_given_up_without_its_words(sending: Sending, refusal: MatrixError) -> None:
    """And what depends on it is too; the next goes on."""
    sending.homeserver.failures.append(refusal)
    await sending.rows.perform(a_post("refused", buttons=("✅",), pin=True), a_post("next"))
    sending.sender.kick(ROOM)
    await sending.until_idle()

    assert sending.homeserver.bodies == ["next"]
    assert await sending.rows.waiting() == []
    await sending.rows.clean()
    assert b"refused</b>" not in await sending.rows.bytes()


@pytest.mark.parametrize("refusals", [MOST_JOINS - 1, MOST_JOINS])
async def test_a_join_that_is_refused_is_tried_again_for_a_while(sending: Sending, refusals: int) -> None:
    """An invite from afar may be here before it is stored where it came from; then it is given up."""
    sending.homeserver.failures.extend([MatrixForbidden(status=403)] * refusals)
    await sending.rows.perform(fx.Join(ROOM))
    sending.sender.kick(ROOM)
    await sending.until_idle()

    joined = [f"/_matrix/client/v3/rooms/{ROOM}/join"]
    assert sending.homeserver.paths == (joined if refusals < MOST_JOINS else [])
    assert await sending.rows.waiting() == []
    assert sum(sending.pauses) >= 10


async def test_a_row_that_breaks_us_is_given_up_after_a_few_attempts(sending: Sending) -> None:
    """The lane goes on."""
    sending.homeserver.failures.extend([ZeroDivisionError()] * MOST_FAULTS)
    await sending.rows.perform(a_post("broken"), a_post("next"))
    sending.sender.kick(ROOM)
    await sending.until_idle()

    assert sending.homeserver.bodies == ["next"]


async def test_what_is_wrong_before_anything_may_be_said_is_nothing_of_the_row(sending: Sending) -> None:
    """The gate that is to be told first refuses something: what waits to be said is said once it does not."""
    refusals = [MatrixBadRequest(status=409), MatrixForbidden()]

    async def before() -> None:
        if refusals:
            raise refusals.pop()

    vars(sending.sender)["_before"] = before
    await sending.rows.perform(a_post("the question"))
    sending.sender.kick(ROOM)
    await sending.until_idle()

    assert sending.homeserver.bodies == ["the question"]


async def test_a_person_who_cannot_be_reached_is_given_up_after_a_day(sending: Sending) -> None:
    """Until then the homeserver is asked again; others' lanes never wait for it."""
    sending.direct.error = MatrixUnavailable(status=502)
    await sending.rows.perform(fx.Private(LI, a_post("private")), a_post("public"))
    sending.sender.kick(ROOM)
    sending.sender.kick(LI)
    await sending.until(lambda: sending.homeserver.bodies and len(sending.pauses) > 5)
    assert sending.homeserver.bodies == ["public"]
    assert len(await sending.rows.waiting()) == 1

    sending.clock.advance(timedelta(hours=25))
    await sending.until_idle()
    assert await sending.rows.waiting() == []
    assert sending.homeserver.bodies == ["public"]


async def test_a_homeserver_that_is_away_for_days_costs_nothing(sending: Sending) -> None:
    """Nobody answered, so nobody refused."""
    sending.direct.error = MatrixUnavailable()
    await sending.rows.perform(fx.Private(LI, a_post("private")))
    sending.clock.advance(timedelta(days=3))
    sending.sender.kick(LI)
    await sending.until(lambda: len(sending.pauses) > 5)
    sending.direct.error = None
    await sending.until_idle()

    assert sending.homeserver.bodies == ["private"]


async def test_what_is_withdrawn_on_its_way_is_redacted(sending: Sending) -> None:
    """The request was out when the message it rests on was taken back."""

    async def withdraw() -> None:
        sending.homeserver.during = None
        await sending.rows.perform(fx.Withdraw(row.id))

    await sending.rows.perform(a_post("one"))
    (row,) = await sending.rows.waiting()
    sending.homeserver.during = withdraw
    sending.sender.kick(ROOM)
    await sending.until_idle()

    assert sending.homeserver.bodies == ["one", f"$e{row.id}"]


async def test_what_the_echo_told_of_is_not_sent_again(sending: Sending) -> None:
    """The request broke off, the homeserver had taken it."""
    await sending.rows.perform(a_post("one"))
    (row,) = await sending.rows.waiting()
    await sending.rows.do(lambda c: outbox.seen(c, row.id, ROOM, EventID("$there"), NOW))
    sending.sender.kick(ROOM)
    await sending.until_idle()

    assert sending.homeserver.asked == 0
    assert await sending.rows.waiting() == []
    assert sending.told == [row.id]


@pytest.mark.parametrize("there", [True, False])
async def test_an_old_row_is_looked_for_before_it_is_sent_again(sending: Sending, there: bool) -> None:
    """The homeserver forgets transaction ids after a day: the id in the mark tells whether it stands."""
    await sending.rows.perform(a_post("one"))
    (row,) = await sending.rows.waiting()
    forged = {"sender": LI, "event_id": "$forged", "content": compose.message(row.payload, row.id)}
    own = {"sender": AI, "event_id": "$own", "content": compose.message(row.payload, row.id if there else "other")}
    sending.homeserver.timeline = [{**event, "origin_server_ts": NOW} for event in (forged, own)]
    sending.clock.instant = NOON + timedelta(hours=21)
    sending.sender.kick(ROOM)
    await sending.until_idle()

    assert sending.homeserver.bodies == ([] if there else ["one"])
    assert await sending.rows.do(lambda c: posts.is_ours(c, "$own")) is there


async def test_a_stopped_sender_leaves_its_rows(sending: Sending) -> None:
    """And a new one carries them out."""
    sending.homeserver.failures.extend([MatrixUnavailable()] * 3)
    sending.hold = 0
    await sending.rows.perform(a_post("one"))
    sending.sender.kick(ROOM)
    await sending.until(lambda: sending.pauses)
    await sending.sender.stop()
    assert len(await sending.rows.waiting()) == 1

    sending.homeserver.failures.clear()
    sending.hold = float("inf")
    await sending.sender.start()
    await sending.until_idle()
    assert sending.homeserver.bodies == ["one"]
