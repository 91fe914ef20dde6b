"""Sending over real sockets that stall, break and refuse: one event each, in order, and no lane held for ever."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.sealing import Sealing
from circles.adapters.matrix.direct import DirectRooms
from circles.adapters.matrix.sender import Sender
from circles.adapters.store import outbox
from circles.core import effects as fx
from circles.core.ids import RoomID
from circles.facts import rooms
from circles.testing import AI, ROOM, FakeClock
from circles.troubles import Troubles
from circles_harness.wire import Answer, Cut, Half, Stall, Wire
from rows import LI, MEI, Rows, a_post, opened
from standin import PlainSealing, Standin, known_again, standing_in

OTHER = RoomID("!other")
SENDS = "/send/m.room.message"


@dataclass
class Sending:
    """The sender, the wire, what stands behind it, and a clock that its pauses move."""

    rows: Rows
    homeserver: Standin
    wire: Wire
    client: MatrixClient
    clock: FakeClock
    troubles: Troubles
    pauses: list[float] = field(default_factory=list[float])
    sender: Sender | None = None

    async def start(self) -> None:
        """Begin as after a start of the program."""
        sealing = cast("Sealing", PlainSealing(self.client))
        direct = DirectRooms(self.rows.database, self.client, sealing, "home.example", "circle-")
        self.sender = Sender(
            self.rows.database, self.client, direct, sealing, self.clock, lambda _c, _e, _n: None, sleep=self._sleep
        )
        await self.sender.start()

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)

    async def said(self, *texts: str, room_id: RoomID = ROOM) -> list[str]:
        """Wait until the AI said all of this, and return what it said in the room."""
        await self.until(lambda: set(texts) <= set(self.homeserver.bodies(room_id)))
        return self.homeserver.bodies(room_id)

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.to_thread(lambda: None)

    async def idle(self) -> None:
        async with asyncio.timeout(60):
            while await self.rows.database.read(outbox.pending_count):
                pass


@pytest.fixture
async def sending(tmp_path: Path) -> AsyncIterator[Sending]:
    async with opened(tmp_path) as rows, standing_in() as homeserver, Wire(homeserver.url) as wire:
        for room_id in (ROOM, OTHER):
            homeserver.room(room_id, MEI, LI)
        await rows.do(lambda c: rooms.save_room(c, OTHER, membership="join", filled=True))
        clock = FakeClock()
        troubles = Troubles(clock)
        client = MatrixClient(wire.url, AI, homeserver.as_token, "CIRCLES", troubles=troubles, timeout_seconds=0.5)
        await client.open()
        made = Sending(rows, homeserver, wire, client, clock, troubles)
        await made.start()
        yield made
        assert made.sender is not None
        await made.sender.stop()
        await made.client.close()


def lines(caplog: pytest.LogCaptureFixture, action: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if vars(record).get("action") == action]


async def post(sending: Sending, *texts: str, room_id: RoomID = ROOM) -> None:
    """Say something, as a handler's commit does."""
    after = await sending.rows.perform(*(fx.Post(room_id, fx.Words(text), "answer", "fake") for text in texts))
    for lane in after.lanes:
        assert sending.sender is not None
        sending.sender.kick(lane)


HTML = {"Content-Type": "text/html"}
TROUBLE = {
    "cut before it was handled": Cut(),
    "cut after it was handled": Cut(handled=True),
    "half an answer": Half(),
    "a proxy's 502": Answer(502, b"<html>bad gateway</html>", HTML),
    "a proxy's 503 with json": Answer(503, b'{"errcode": "M_UNKNOWN"}'),
    "a proxy's 403": Answer(403, b"<html>forbidden</html>", HTML),
    "a proxy's 200": Answer(200, b"<html>welcome</html>", HTML),
    "an empty 200": Answer(200, b"{}"),
    "no answer": Stall(),
    "no answer, though handled": Stall(handled=True),
}


@pytest.mark.parametrize("fault", TROUBLE.values(), ids=TROUBLE)
async def test_whatever_happens_on_the_way_it_is_said_once_and_in_order(sending: Sending, fault: Any) -> None:
    """Twice, then it works: the same transaction id, so the homeserver tells a repeat; the next waits its turn."""
    sending.wire.fail(fault, times=4 if isinstance(fault, Cut) else 2, path=SENDS)
    await post(sending, "one", "two", "three")

    assert await sending.said("one", "two", "three") == ["one", "two", "three"]
    await sending.idle()
    sent = sending.wire.asked("PUT", SENDS)
    assert len({request.path for request in sent}) == 3, "one transaction id for each row"
    assert {request.query.get("device_id") for request in sent} == {"CIRCLES"}
    assert len(sent) > 3


async def test_a_homeserver_that_never_answers_one_room_holds_up_no_other(sending: Sending) -> None:
    """And that one is tried again after its time-out, with the same transaction id, until it is answered."""
    sending.wire.fail(Stall(), times=math.inf, path="rooms/!family/send")
    await post(sending, "stuck")
    await sending.wire.wait_asked("PUT", "family/send")
    await post(sending, "free", room_id=OTHER)

    assert await sending.said("free", room_id=OTHER) == ["free"]
    tried = await sending.wire.wait_asked("PUT", "family/send", times=3)
    assert len({request.path for request in tried}) == 1
    sending.wire.mend()
    assert await sending.said("stuck") == ["stuck"]


@pytest.mark.parametrize(
    ("headers", "body", "pause"),
    [
        ({"Retry-After": "7"}, b'{"errcode": "M_LIMIT_EXCEEDED"}', 7),
        ({}, b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}', 2.5),
        ({"Retry-After": "3"}, b"<html>slow down</html>", 3),
        ({"Retry-After": "9" * 40}, b'{"errcode": "M_LIMIT_EXCEEDED"}', 900),
        ({}, b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1e300}', 900),
        ({"Retry-After": "0"}, b'{"errcode": "M_LIMIT_EXCEEDED"}', 0.1),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}, b'{"errcode": "M_LIMIT_EXCEEDED"}', 1),
    ],
    ids=["seconds", "milliseconds", "a proxy's", "absurd", "absurd milliseconds", "none", "a date"],
)
async def test_it_waits_as_long_as_it_is_asked_to(
    sending: Sending, headers: dict[str, str], body: bytes, pause: float
) -> None:
    """Never shorter, and never longer than a quarter of an hour without asking again."""
    sending.wire.fail(Answer(429, body, headers), path=SENDS)
    await post(sending, "one", "two")
    await sending.said("one", "two")

    assert sending.pauses == [pytest.approx(pause)]


async def test_ten_minutes_down_lose_and_double_nothing(sending: Sending) -> None:
    """Nobody listens there for ten minutes; then everything comes, once, in order, in each room."""
    await sending.wire.down()
    for number in range(5):
        await post(sending, f"a{number}")
        await post(sending, f"b{number}", room_id=OTHER)
    begun = sending.clock.now()
    await sending.until(lambda: sending.clock.now() - begun > timedelta(minutes=10))
    assert sending.homeserver.bodies(ROOM) == []
    await sending.wire.up()
    await sending.idle()

    assert sending.homeserver.bodies(ROOM) == [f"a{number}" for number in range(5)]
    assert sending.homeserver.bodies(OTHER) == [f"b{number}" for number in range(5)]


async def test_the_outcome_unknown_and_then_a_restart_is_still_one_event(sending: Sending) -> None:
    """The homeserver took it, its answer was lost, and the program ended: the next one sends the row's own id again."""
    sending.wire.fail(Cut(handled=True), times=math.inf, path=SENDS)
    await post(sending, "one")
    await sending.wire.wait_asked("PUT", SENDS, times=2)
    assert sending.sender is not None
    await sending.sender.stop()
    sending.wire.mend()
    await sending.start()
    await sending.idle()

    assert sending.homeserver.bodies(ROOM) == ["one"]


async def test_a_token_that_is_not_known_any_more_is_said_and_nothing_is_lost(
    sending: Sending, caplog: pytest.LogCaptureFixture
) -> None:
    """Rotated at the homeserver: one clear line, a code at /health, it keeps trying, also for days, also in private."""
    caplog.set_level(logging.INFO)
    ours, sending.homeserver.as_token = sending.homeserver.as_token, "rotated"
    await post(sending, "one")
    after = await sending.rows.perform(fx.Private(LI, a_post("for you")))
    assert sending.sender is not None
    for lane in after.lanes:
        sending.sender.kick(lane)
    await sending.until(lambda: len(sending.pauses) > 4)
    assert len(lines(caplog, "as_token_refused")) == 1
    sending.clock.advance(timedelta(days=2))
    tried = len(sending.pauses)
    await sending.until(lambda: len(sending.pauses) > tried + 4)

    assert list(sending.troubles.standing) == ["as_token_refused"]
    assert {line["errcode"] for line in lines(caplog, "outbox_waits")} == {"M_UNKNOWN_TOKEN"}
    assert lines(caplog, "outbox_refused") == []
    sending.homeserver.as_token = ours
    await sending.idle()
    assert sending.homeserver.bodies(ROOM) == ["one"]
    assert [place for place in sending.homeserver.rooms if sending.homeserver.bodies(place) == ["for you"]]
    assert list(sending.troubles.standing) == []
    assert len(lines(caplog, "as_token_accepted")) == 1


async def test_a_new_token_is_all_it_takes(sending: Sending) -> None:
    """Rotated on both sides: a start with the new one carries out what waited."""
    sending.homeserver.as_token = "rotated"
    await post(sending, "one")
    await sending.until(lambda: len(sending.pauses) > 2)
    assert sending.sender is not None
    await sending.sender.stop()
    await sending.client.close()
    sending.client = MatrixClient(
        sending.wire.url, AI, "rotated", "CIRCLES", troubles=sending.troubles, timeout_seconds=0.5
    )
    await sending.client.open()
    await known_again(sending.client)
    await sending.start()

    assert await sending.said("one") == ["one"]
