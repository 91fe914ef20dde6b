"""Where we are: kicked unseen, a homeserver made anew or restored, and the way back; what is held follows."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.sealing import Sealing
from circles.adapters.matrix.direct import DirectRooms
from circles.adapters.matrix.sender import Sender
from circles.core import effects as fx
from circles.core.ids import RoomID
from circles.core.settings import Settings
from circles.entrypoints.committing import Commits
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath
from circles.entrypoints.whereabouts import DOUBT, LOST, LOST_FOR, Whereabouts
from circles.errors import MatrixUnavailable
from circles.facts import rooms, wakes
from circles.facts.tables import policies
from circles.metrics import Metrics
from circles.testing import AI, NOON, ROOM, FakeClock
from circles_harness.wire import Answer, Wire
from knocks import in_force
from rows import LI, MEI, Rows, a_post, opened
from standin import PlainSealing, Standin, known_again, standing_in


@dataclass
class There:
    """The parts that find out where we are, over a wire, with rows that say we are in the room."""

    rows: Rows
    homeserver: Standin
    wire: Wire
    client: MatrixClient
    clock: FakeClock
    whereabouts: Whereabouts
    sender: Sender
    told: list[Aftermath]

    async def membership(self) -> str | None:
        facts = await self.rows.do(lambda c: rooms.room_facts(c, ROOM))
        return facts.membership if facts is not None else None

    async def policy_states(self) -> list[str]:
        return await self.rows.do(lambda c: list(c.execute(select(policies.c.state)).scalars()))

    async def look(self) -> None:
        """Look, and do what the wakes of it say, as the waker does."""
        await self.whereabouts.look()
        for key in await self.rows.wakes():
            kind, _, room_id = key.partition(":")
            if kind == DOUBT:
                await self.whereabouts.settle(RoomID(room_id))
                await self.rows.perform(fx.CancelWake(fx.SPINE, key))

    async def carry_out(self, *lanes: str) -> None:
        """Let the sender do what it can with these lanes."""
        for lane in lanes:
            self.sender.kick(lane)
        async with asyncio.timeout(60):
            while vars(self.sender)["_lanes"]:
                await asyncio.wait(list(vars(self.sender)["_lanes"].values()))
                await asyncio.sleep(0)


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[There]:
    async with opened(tmp_path) as rows, standing_in() as homeserver, Wire(homeserver.url) as wire:
        homeserver.room(ROOM, MEI, LI)
        await rows.do(in_force)
        clock, told = FakeClock(), list[Aftermath]()
        client = MatrixClient(wire.url, AI, homeserver.as_token, "CIRCLES")
        await client.open()
        settings = Settings(ai=AI, server_name="home.example", may_invite=lambda _user, _server: True)
        ghosts = re.compile("@circle_.*")
        intake = Intake(rows.database, rows.performer, settings, clock, Metrics(), told.append, ghosts)
        commits = Commits(rows.database, rows.performer, clock, told.append)
        whereabouts = Whereabouts(commits, client, intake)

        async def sleep(seconds: float) -> None:
            clock.advance(timedelta(seconds=seconds))

        sealing = cast("Sealing", PlainSealing(client))
        direct = DirectRooms(rows.database, client, sealing, "home.example", "circle-")
        sender = Sender(
            rows.database, client, direct, sealing, clock, lambda _c, _e, _n: None, sleep=sleep, gone=whereabouts.gone
        )
        await sender.start()
        yield There(rows, homeserver, wire, client, clock, whereabouts, sender, told)
        await sender.stop()
        await client.close()


async def hold_something(there: There) -> None:
    """Keep a message of the room, and have a wake that is due tomorrow."""
    await there.rows.keep("the plates are in the attic")
    await there.rows.perform(fx.WakeAt("reminders", "r1", ROOM, NOON + timedelta(days=1)))


async def kept(there: There) -> int:
    return (await there.rows.bytes()).count(b"the plates are in the attic")


# --- what the homeserver says clearly -----------------------------------------------------------------------------


async def test_where_all_is_as_we_left_it_one_request_is_all(there: There) -> None:
    """Whatever the number of rooms."""
    await there.look()

    assert [request.path for request in there.wire.requests] == ["/_matrix/client/v3/joined_rooms"]
    assert await there.rows.wakes() == {}


@pytest.mark.parametrize("membership", ["leave", "ban"])
async def test_a_kick_nobody_told_us_of_counts_when_it_is_found(there: There, membership: str) -> None:
    """Lost with a homeserver that crashed: jobs end, what was kept goes, the policy is over; a later delivery of it
    changes nothing.
    """
    await hold_something(there)
    event = there.homeserver.member(ROOM, AI, membership, sender=MEI)
    await there.look()

    assert await there.membership() == membership
    assert await there.rows.wakes() == {}
    assert await there.policy_states() == ["ended"]
    assert any(ROOM in after.interrupted for after in there.told)
    await there.rows.clean()
    assert not await kept(there)
    assert (await there.rows.journal_of(event["event_id"]) or ("",))[0] == "settled"


async def test_being_forbidden_to_speak_makes_us_look(there: There) -> None:
    """A post is refused because we were kicked: nothing else of the room is tried."""
    await there.rows.perform(a_post("one"), a_post("two"))
    there.homeserver.member(ROOM, AI, "leave", sender=MEI)
    await there.carry_out(ROOM)

    assert await there.membership() == "leave"
    assert await there.rows.waiting() == []
    assert len(there.wire.asked("PUT", "/send/")) == 1


async def test_being_forbidden_to_speak_in_a_room_we_are_in_is_only_that(there: There) -> None:
    """The row is given up; the room stays as it is."""
    there.wire.fail(Answer(403, b'{"errcode": "M_FORBIDDEN"}'), path="/send/")
    await there.rows.perform(a_post("muted"), a_post("heard"))
    await there.carry_out(ROOM)

    assert await there.membership() == "join"
    assert there.homeserver.bodies(ROOM) == ["heard"]
    assert await there.policy_states() == ["in_force"]


# --- a homeserver that knows nothing ------------------------------------------------------------------------------


async def test_a_room_the_homeserver_does_not_know_is_lost_and_not_forgotten(there: There) -> None:
    """Nothing is said or read there; what waits for it waits; what is held stays for a week."""
    await hold_something(there)
    await there.rows.perform(a_post("waits"))
    there.homeserver.rooms.clear()
    await there.look()
    await there.carry_out(ROOM)

    assert await there.membership() == rooms.LOST
    assert set(await there.rows.wakes()) == {"r1", f"{LOST}:{ROOM}"}
    assert (await there.rows.do(lambda c: rooms.pace(c, ROOM)))[1]
    assert [row.kind for row in await there.rows.waiting()] == ["post"]
    assert await kept(there)


async def test_a_lost_room_that_comes_back_goes_on(there: There) -> None:
    """The homeserver's backup was put in: what waited is said, its state is read anew, no reminder is gone."""
    await hold_something(there)
    await there.rows.perform(a_post("waits"))
    gone, there.homeserver.rooms = there.homeserver.rooms, {}
    await there.look()
    due = int((NOON + timedelta(days=1)).timestamp() * 1000)
    put_off = {"first_due": due}
    await there.rows.perform(fx.WakeAt("reminders", "r1", ROOM, NOON + timedelta(days=2), put_off))
    there.homeserver.rooms = gone
    await there.look()
    await there.carry_out(*(lane for after in there.told for lane in after.lanes))

    assert await there.membership() == "join"
    assert there.homeserver.bodies(ROOM) == ["waits"]
    assert (await there.rows.wakes())["r1"] == due
    assert set(await there.rows.wakes()) == {"r1", f"enter:{ROOM}"}
    assert await there.policy_states() == ["in_force"]
    assert await kept(there)


async def test_a_room_that_stays_lost_is_deleted_after_a_week(there: There) -> None:
    """Not before it was asked for once more; a homeserver that does not answer deletes nothing."""
    await hold_something(there)
    there.homeserver.rooms.clear()
    await there.look()
    due = (await there.rows.wakes())[f"{LOST}:{ROOM}"]
    there.clock.advance(LOST_FOR)
    assert due == int(there.clock.now().timestamp() * 1000)
    await there.wire.down()
    with pytest.raises(MatrixUnavailable):
        await there.whereabouts.give_up(ROOM)
    assert await kept(there)
    await there.wire.up()
    await there.whereabouts.give_up(ROOM)

    assert await there.membership() == "leave"
    assert "r1" not in await there.rows.wakes()
    assert await there.policy_states() == ["ended"]
    await there.rows.clean()
    assert not await kept(there)


async def test_what_was_to_be_said_in_private_finds_a_new_place(there: There) -> None:
    """The direct message is gone with the homeserver's database: the words are not."""
    await there.rows.perform(fx.Private(LI, a_post("first")))
    await there.carry_out(LI)
    there.homeserver.forget()
    await known_again(there.client)
    await there.rows.perform(fx.Private(LI, a_post("for you")))
    await there.carry_out(LI)

    assert await there.rows.waiting() == []
    assert [there.homeserver.bodies(place) for place in there.homeserver.rooms] == [["for you"]]


async def test_an_invite_to_a_room_that_was_lost_begins_anew(there: There) -> None:
    """We were out, whoever noticed: what was decided before does not count."""
    there.homeserver.rooms.clear()
    await there.look()
    there.homeserver.room(ROOM, MEI)
    there.homeserver.member(ROOM, AI, "invite", sender=MEI)
    await there.look()
    await there.whereabouts.settle(ROOM)

    assert await there.membership() == "invite"
    assert await there.policy_states() == ["ended"]
    assert [row.kind for row in await there.rows.waiting()] == ["join"]


async def test_wakes_that_were_not_put_off_stay_where_they_are(there: There) -> None:
    """Letting go touches only what was held."""
    await hold_something(there)
    before = await there.rows.wakes()

    assert await there.rows.do(lambda c: wakes.let_go(c, ROOM)) == 0
    assert await there.rows.wakes() == before
