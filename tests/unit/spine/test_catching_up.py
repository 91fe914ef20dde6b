"""Catching up: exactly what was never delivered is taken in, in order, once, judged by what holds now."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.contact import Contact
from circles.adapters.store import journal, positions
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.tables import journal as journal_table
from circles.adapters.store.tables import messages as messages_table
from circles.core.ids import RoomID, UserID
from circles.core.settings import Settings
from circles.entrypoints import catching_up
from circles.entrypoints.catching_up import CatchingUp
from circles.entrypoints.deliveries import Deliveries
from circles.entrypoints.intake import Intake
from circles.errors import MatrixBadRequest, MatrixForbidden, MatrixUnavailable
from circles.facts import rooms
from circles.facts.tables import policies
from circles.metrics import Metrics
from circles.testing import AI, ROOM, FakeClock, MemoryDatabase
from circles_policies.content import POLICY_TYPE, to_content
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Member, Preset, preset
from rows import MEI, NOW, Rows, message, opened

OTHER = RoomID("!other")
REMOTE = UserID("@eve:far.example")


@dataclass
class FakeHomeserver:
    """Timelines and their stream, as `/sync` and `/messages` show them; it is asked until `ends` is set."""

    user_id: UserID = AI
    stream: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    invites: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    gone: set[str] = field(default_factory=set[str])
    joined: set[RoomID] = field(default_factory=set[RoomID])
    down: int = 0
    polls: bool | None = True
    anew: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list[str])
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    ends: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, text: str, *, sender: str = MEI, room: str = ROOM, at: int = NOW, **changes: Any) -> dict[str, Any]:
        event = {**message(text, sender=sender, at=at), "room_id": room, **changes}
        self.stream.append(event)
        return event

    async def sync(self, since: str | None, filter_: Mapping[str, Any], _timeout: int) -> dict[str, Any]:
        self._answer("sync")
        if self.polls is None:
            return {}
        if not self.polls:
            raise MatrixBadRequest
        token = f"s{len(self.stream)}"
        if filter_["room"].get("rooms") == []:
            if since == token:
                self.ends.set()
                await self.answers.wait()
                self.answers.clear()
            return {"next_batch": f"s{len(self.stream)}"}
        new = self.stream[int(str(since)[1:]) :]
        joined: dict[str, Any] = {}
        for room in {event["room_id"] for event in new} - self.gone:
            events = [event for event in new if event["room_id"] == room]
            joined[room] = {"timeline": {"events": events[-1:], "limited": len(events) > 1}}
        invited = {room: {"invite_state": {"events": state}} for room, state in self.invites.items()}
        return {"next_batch": token, "rooms": {"join": joined, "invite": invited}}

    async def messages(
        self, room_id: str, start: str | None, limit: int, direction: str = "b", to: str | None = None
    ) -> dict[str, Any]:
        assert direction == "b"
        self._answer(room_id)
        if room_id in self.gone:
            raise MatrixForbidden
        begin = int(start) if start else len(self.stream)
        end = int(to[1:]) if to else 0
        places = [n for n in range(begin - 1, end - 1, -1) if self.stream[n]["room_id"] == room_id]
        page = {"chunk": [dict(self.stream[n]) for n in places[:limit]]}
        return {**page, "end": str(places[limit - 1])} if len(places) > limit else page

    async def joined_rooms(self) -> frozenset[RoomID]:
        return frozenset(self.joined)

    async def request(self, _method: str, _path: str) -> dict[str, Any]:
        self._answer("versions")
        return {}

    def _answer(self, name: str) -> None:
        self.asked.append(name)
        if self.down:
            self.down -= 1
            raise MatrixUnavailable


@dataclass
class Scene:
    """A service that watches a homeserver."""

    rows: Rows
    homeserver: FakeHomeserver
    intake: Intake
    deliveries: Deliveries
    catching_up: CatchingUp
    backs: list[int]
    pauses: list[float]

    async def deliver(self, *events: dict[str, Any]) -> None:
        async with self.deliveries.one():
            await self.intake.accept(f"t{len(self.homeserver.asked)}-{events[0]['event_id']}", list(events))

    async def run(self) -> None:
        """Run until the homeserver's open request waits."""
        self.homeserver.ends.clear()
        task = asyncio.create_task(self.catching_up.run())
        ended = asyncio.create_task(self.homeserver.ends.wait())
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        for each in (task, ended):
            each.cancel()
        await asyncio.gather(task, ended, return_exceptions=True)
        assert self.homeserver.ends.is_set()

    async def journal(self) -> list[str]:
        query = select(journal_table.c.event_id).order_by(journal_table.c.seq)
        return await self.rows.do(lambda c: list(c.execute(query).scalars()))

    async def pending(self) -> list[str]:
        query = select(journal_table.c.event_id).where(journal_table.c.state == "pending").order_by(journal_table.c.seq)
        return await self.rows.do(lambda c: list(c.execute(query).scalars()))

    async def kept(self) -> list[str]:
        return await self.rows.do(lambda c: list(c.execute(select(messages_table.c.text)).scalars()))

    async def stands_at(self, token: str) -> None:
        await self.rows.do(lambda c: positions.save(c, token, NOW))


def in_force(connection: Connection, which: Preset, room: RoomID) -> None:
    rooms.save_room(connection, room, membership="join", filled=True, levels={"users": {MEI: 100}})
    content = to_content(preset(which))
    connection.execute(
        policies.insert().values(
            room_id=room, content=content, state="in_force", asked_at=0, starts_at=0, written=False
        )
    )
    for user in (MEI, REMOTE):
        rooms.save_member(connection, room, user, membership="join")
        rooms.save_choice(connection, room, user, fold_choice(Member(since=None), Choice.TOLD, 0))


def scene_of(rows: Rows, *, gated: bool = False) -> Scene:
    homeserver, deliveries = FakeHomeserver(), Deliveries(hold_seconds=0.01)
    facts = Settings(ai=AI, server_name="home.example", gated=gated)
    ghosts = re.compile(r"@circle_.*:home\.example")
    intake = Intake(rows.database, rows.performer, facts, FakeClock(), Metrics(), lambda _: None, ghosts)
    backs: list[int] = []
    pauses: list[float] = []

    async def back() -> None:
        backs.append(len(homeserver.asked))

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if seconds > 4 and len(pauses) > 3:
            homeserver.ends.set()
        await asyncio.sleep(0)

    client = cast("MatrixClient", homeserver)
    watch = CatchingUp(
        rows.database, client, cast("Contact", homeserver), intake, deliveries, facts, FakeClock(), back, sleep
    )
    return Scene(rows, homeserver, intake, deliveries, watch, backs, pauses)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened(tmp_path) as rows:
        await rows.do(lambda c: in_force(c, Preset.NOTEBOOK, ROOM))
        await rows.do(lambda c: in_force(c, Preset.ON_CALL, OTHER))
        yield scene_of(rows)


def ids(*events: dict[str, Any]) -> list[str]:
    return [event["event_id"] for event in events]


async def test_what_was_not_delivered_is_taken_in_before_what_comes_after(scene: Scene) -> None:
    """In the order of the room, from behind the newest event that had been delivered."""
    first = scene.homeserver.say("!circle help")
    await scene.deliver(first)
    missed = [scene.homeserver.say(f"!circle help {n}") for n in range(3)]
    await scene.stands_at("s0")

    await scene.run()

    assert await scene.journal() == ids(first, *missed)
    assert len(scene.backs) == 1
    later = scene.homeserver.say("!circle policy")
    await scene.deliver(later)
    assert (await scene.journal())[-1:] == ids(later)


async def test_a_delivery_waits_until_it_is_done() -> None:
    """So nothing overtakes what was said before it."""
    waiting = Deliveries(held=True)
    order: list[str] = []

    async def one() -> None:
        async with waiting.one():
            order.append("delivered")

    task = asyncio.create_task(one())
    await asyncio.sleep(0)
    order.append("caught up")
    waiting.release()
    await task

    assert order == ["caught up", "delivered"]


async def test_a_delivery_does_not_wait_for_ever() -> None:
    """The homeserver would count us as down; what is read later is then merely later."""
    held = Deliveries(held=True, hold_seconds=0.01)
    async with held.one():
        pass
    async with held.one():
        pass
    assert held.count == 2


async def test_it_reads_only_rooms_with_news(scene: Scene) -> None:
    """One request finds them; a room whose newest event is known, or our own, is not read."""
    known = scene.homeserver.say("!circle help")
    await scene.deliver(known)
    scene.homeserver.say("an answer", sender=AI, room=OTHER)
    await scene.stands_at("s0")

    await scene.run()

    assert ROOM not in scene.homeserver.asked
    assert OTHER not in scene.homeserver.asked


async def test_without_a_position_every_room_is_asked_and_then_there_is_one(scene: Scene) -> None:
    """After an upgrade, or behind a gate that shows no rooms: each room, back to the newest event known of it."""
    known, missed = scene.homeserver.say("!circle help"), scene.homeserver.say("!circle policy")
    await scene.deliver(known)

    await scene.run()

    assert await scene.journal() == ids(known, missed)
    assert {ROOM, OTHER} <= set(scene.homeserver.asked)
    assert (await scene.rows.do(positions.load)).token == "s2"


async def test_what_is_known_stays_the_end_though_newer_events_came_in_between(scene: Scene) -> None:
    """A delivery may get through after contact broke off and before the rooms are read, also before a restart."""
    before = scene.homeserver.say("!circle help")
    await scene.deliver(before)
    await scene.rows.do(lambda c: positions.save(c, "s0", NOW))
    await scene.rows.do(lambda c: positions.broke(c, journal.last_seq(c)))
    missed, after = scene.homeserver.say("!circle policy"), scene.homeserver.say("!circle notes")
    await scene.deliver(after)

    await scene.run()

    assert sorted(await scene.journal()) == sorted(ids(before, missed, after))
    assert (await scene.rows.do(positions.load)).broken_seq is None


async def test_a_homeserver_that_goes_away_meanwhile_is_read_when_it_is_back(scene: Scene) -> None:
    """With pauses that grow; nothing is taken in twice."""
    scene.homeserver.down = 3
    missed = scene.homeserver.say("!circle help")
    await scene.stands_at("s0")

    await scene.run()

    assert await scene.journal() == ids(missed)
    assert scene.pauses[:3] == [0.5, 1, 2]


async def test_a_homeserver_that_was_away_is_met_before_anything_is_read(scene: Scene) -> None:
    """It may be one made anew, that does not know us; at the start that is done already."""
    met: list[int] = []

    async def meet() -> None:
        met.append(len(scene.backs))
        if len(met) == 1:
            raise MatrixUnavailable

    vars(scene.catching_up)["_meet"] = meet
    task = asyncio.create_task(scene.catching_up.run())
    async with asyncio.timeout(60):
        await scene.homeserver.ends.wait()
        assert met == []
        scene.homeserver.down = 1
        scene.homeserver.answers.set()
        while len(scene.backs) < 2:
            await asyncio.to_thread(lambda: None)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert met == [1, 1]


async def test_an_absence_that_no_request_met_is_made_good_too(scene: Scene) -> None:
    """The connection was made anew: what came since it last stood for certain may have something lost before it."""
    known = scene.homeserver.say("!circle help")
    await scene.deliver(known)
    await scene.stands_at("s0")
    task = asyncio.create_task(scene.catching_up.run())
    async with asyncio.timeout(60):
        await scene.homeserver.ends.wait()
        missed, after = scene.homeserver.say("!circle policy"), scene.homeserver.say("!circle notes")
        await scene.deliver(after)
        scene.homeserver.anew.set()
        while len(scene.backs) < 2:
            await asyncio.to_thread(lambda: None)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert sorted(await scene.journal()) == sorted(ids(known, missed, after))


async def test_a_while_in_which_the_process_did_not_run_is_no_quiet_moment() -> None:
    """A delivery of that while lies unread in a socket: a token from before it may not become the position."""
    now = 0.0
    deliveries = Deliveries(now=lambda: now)
    pulses, frozen = 0, asyncio.Event()

    async def sleep(seconds: float) -> None:
        nonlocal now, pulses
        now, pulses = now + seconds, pulses + 1
        if pulses == 3:
            frozen.set()
            await asyncio.Event().wait()

    pulse = asyncio.create_task(deliveries.run(sleep))
    await frozen.wait()
    now += 60
    assert not deliveries.were_quiet_after(0)
    now += 0.5
    assert not deliveries.were_quiet_after(0)
    pulse.cancel()
    await asyncio.gather(pulse, return_exceptions=True)


@dataclass
class Sleep:
    """A scene whose process may be found not to have run for a minute."""

    scene: Scene
    seconds: float = 0.0

    async def deliver_after(self, *events: dict[str, Any]) -> None:
        self.seconds += 60
        await self.scene.deliver(*events)


@pytest.fixture
async def sleeper(scene: Scene) -> AsyncIterator[Sleep]:
    """Let the scene's watch run, with as much patience as the service has."""
    sleeper = Sleep(scene)
    vars(scene.deliveries).update(now=lambda: sleeper.seconds, _hold_seconds=20)

    async def for_ever(_seconds: float) -> None:
        await asyncio.Event().wait()

    pulse = asyncio.create_task(scene.deliveries.run(for_ever))
    yield sleeper
    pulse.cancel()
    await asyncio.gather(pulse, return_exceptions=True)


async def test_after_a_while_in_which_it_did_not_run_what_comes_waits_for_what_is_missing(sleeper: Sleep) -> None:
    """The homeserver may have ended in that while and be back, though no request failed."""
    scene = sleeper.scene
    known = scene.homeserver.say("!circle help")
    await scene.deliver(known)
    await scene.stands_at("s0")
    watch = asyncio.create_task(scene.catching_up.run())
    await scene.homeserver.ends.wait()

    missed, after = scene.homeserver.say("!circle policy"), scene.homeserver.say("!circle notes")
    async with asyncio.timeout(60):
        await sleeper.deliver_after(after)

    assert await scene.journal() == ids(known, missed, after)
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_where_it_did_not_run_while_it_caught_up_it_begins_again(
    sleeper: Sleep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was reading may never be answered any more."""
    scene = sleeper.scene
    missed = [scene.homeserver.say("!circle help")]
    await scene.stands_at("s0")
    delivery: list[asyncio.Task[None]] = []
    read = scene.homeserver.messages

    async def messages(*args: Any, **options: Any) -> dict[str, Any]:
        if not delivery:
            missed.append(scene.homeserver.say("!circle policy"))
            missed.append(scene.homeserver.say("!circle notes"))
            delivery.append(asyncio.create_task(sleeper.deliver_after(missed[-1])))
            await asyncio.Event().wait()
        return await read(*args, **options)

    monkeypatch.setattr(scene.homeserver, "messages", messages)
    async with asyncio.timeout(60):
        await scene.run()
        await delivery[0]

    assert await scene.journal() == ids(*missed)


@pytest.mark.parametrize("polls", [False, None], ids=["refuses", "answers nothing"])
async def test_a_homeserver_that_keeps_no_request_open_is_asked(scene: Scene, polls: bool | None) -> None:
    """A proxy may refuse the open request, or answer for itself; then every few seconds one question does."""
    scene.homeserver.polls = polls
    missed = scene.homeserver.say("!circle help")

    await scene.run()

    assert await scene.journal() == ids(missed)
    assert scene.homeserver.asked[-1] == "versions"


async def test_a_room_that_does_not_let_us_in_any_more_stops_nothing(scene: Scene) -> None:
    """The others are read."""
    scene.homeserver.gone.add(OTHER)
    scene.homeserver.say("!circle help", room=OTHER)
    missed = scene.homeserver.say("!circle help")

    await scene.run()

    assert await scene.journal() == ids(missed)


async def test_what_a_later_policy_among_it_forbids_leaves_no_trace(scene: Scene) -> None:
    """Neither a kept message nor a pending question of before it."""
    scene.homeserver.say("the code is canary")
    scene.homeserver.say("!circle ask what is the code?")
    strict = to_content(preset(Preset.RESTING))
    scene.homeserver.say("", type=POLICY_TYPE, state_key="", content=strict)
    await scene.stands_at("s0")

    await scene.run()

    assert await scene.kept() == []
    assert await scene.pending() == []
    await scene.rows.clean()
    assert b"canary" not in await scene.rows.bytes()


async def test_a_forged_clock_does_not_lift_a_message_over_a_stricter_policy(scene: Scene) -> None:
    """Its time is not later than that of the next event whose time our own homeserver set."""
    ended = {"state": "ended", "ends_at": NOW - 1000}
    await scene.rows.do(lambda c: c.execute(policies.update().where(policies.c.room_id == ROOM).values(**ended)))

    def now_resting_then_notebook(connection: Connection) -> None:
        for which, start, end in ((Preset.RESTING, NOW - 1000, NOW - 10), (Preset.NOTEBOOK, NOW - 10, None)):
            connection.execute(
                policies.insert().values(
                    room_id=ROOM,
                    content=to_content(preset(which)),
                    state="in_force" if end is None else "ended",
                    asked_at=0,
                    starts_at=start,
                    ends_at=end,
                    written=False,
                )
            )

    await scene.rows.do(now_resting_then_notebook)
    scene.homeserver.say("said while it rested", sender=REMOTE, at=NOW)
    scene.homeserver.say("our own clock", at=NOW - 500)
    scene.homeserver.say("said now", sender=REMOTE, at=NOW)
    await scene.stands_at("s0")

    await scene.run()

    assert await scene.kept() == ["said now"]


async def test_an_invite_that_was_never_delivered_is_accepted_once(scene: Scene) -> None:
    """It is shown without an id and gets one of ours; the next catching up finds it known."""
    own = {"type": "m.room.member", "state_key": AI, "sender": MEI, "content": {"membership": "invite"}}
    scene.homeserver.invites["!new"] = [{"type": "m.room.create", "state_key": "", "content": {}, "sender": MEI}, own]
    await scene.stands_at("s0")

    await scene.run()
    await scene.run()

    facts = await scene.rows.do(lambda c: rooms.room_facts(c, RoomID("!new")))
    assert facts is not None
    assert (facts.membership, facts.inviter) == ("invite", MEI)
    assert [row.kind for row in await scene.rows.waiting() if row.lane == "!new"].count("leave") <= 1
    assert len([event_id for event_id in await scene.journal() if event_id.startswith("$invite-")]) == 1


async def test_being_put_out_and_invited_again_unheard_ends_what_was_agreed(scene: Scene) -> None:
    """The policy of before does not hold after it."""
    own = {"type": "m.room.member", "state_key": AI, "sender": MEI, "content": {"membership": "invite"}}
    scene.homeserver.invites[ROOM] = [own]
    await scene.stands_at("s0")

    await scene.run()

    assert await scene.rows.do(lambda c: rooms.current_policy(c, ROOM)) is None


async def test_an_invite_that_was_accepted_since_it_was_asked_about_ends_nothing(scene: Scene) -> None:
    """It is delivered and accepted while the homeserver's answer is on its way."""
    own = {"type": "m.room.member", "state_key": AI, "sender": MEI, "content": {"membership": "invite"}}
    scene.homeserver.invites[ROOM] = [own]
    scene.homeserver.joined.add(ROOM)
    await scene.stands_at("s0")

    await scene.run()

    assert await scene.rows.do(lambda c: rooms.current_policy(c, ROOM)) is not None


async def test_it_does_not_read_what_was_said_before_it_came(scene: Scene) -> None:
    """Of the time before its own join only its own comings and goings count."""
    early = scene.homeserver.say("!circle help")
    came = scene.homeserver.say("", type="m.room.member", state_key=AI, sender=AI, content={"membership": "join"})
    renamed = {"membership": "join", "displayname": "Circle · on call"}
    scene.homeserver.say(
        "",
        type="m.room.member",
        state_key=AI,
        sender=AI,
        content=renamed,
        unsigned={"prev_content": {"membership": "join"}},
    )
    asked = scene.homeserver.say("!circle policy")
    await scene.stands_at("s0")

    await scene.run()

    taken = await scene.journal()
    assert ids(early)[0] not in taken
    assert set(ids(came, asked)) <= set(taken)


async def test_only_a_quiet_moment_says_that_all_has_come() -> None:
    """The homeserver sends what it holds in memory without a pause."""
    time = [100.0]
    deliveries = Deliveries(now=lambda: time[0])
    async with deliveries.one():
        time[0] += 10
    assert not deliveries.were_quiet_after(105)
    time[0] += 0.5
    assert not deliveries.were_quiet_after(105)
    time[0] += 0.5
    assert deliveries.were_quiet_after(105)
    assert not deliveries.were_quiet_after(110.5)
    async with deliveries.one():
        time[0] += 10
        assert deliveries.were_quiet_after(110)
        assert not deliveries.were_quiet_after(112)


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_event_is_taken_in_once_and_in_order_whatever_was_forgotten(data: st.DataObject) -> None:
    """Rounds of talk in two rooms; of each round a prefix of each room's part is delivered, then contact breaks."""

    async def play() -> None:
        rows = Rows(cast("SqlDatabase", MemoryDatabase()), Path())
        for room in (ROOM, OTHER):
            await rows.do(partial(in_force, which=Preset.ON_CALL, room=room))
        scene = scene_of(rows)
        await scene.run()
        for _ in range(data.draw(st.integers(1, 3))):
            said = data.draw(st.lists(st.tuples(st.sampled_from([ROOM, OTHER]), st.booleans()), max_size=8))
            events = [
                scene.homeserver.say("!circle help" if command else "just talk", room=room) for room, command in said
            ]
            for room in (ROOM, OTHER):
                part = [event for event in events if event["room_id"] == room]
                delivered = part[: data.draw(st.integers(0, len(part)))]
                if delivered:
                    await scene.deliver(*delivered)
            scene.homeserver.down = data.draw(st.integers(0, 2))
            await scene.run()
        taken = await scene.journal()
        for room in (ROOM, OTHER):
            told = [event for event in scene.homeserver.stream if event["room_id"] == room]
            # Talk is not kept here, so it leaves nothing at all.
            commands = [event["event_id"] for event in told if "circle" in event["content"]["body"]]
            assert [event_id for event_id in taken if event_id in ids(*told)] == commands

    asyncio.run(play())


async def test_the_position_follows_what_has_come(scene: Scene) -> None:
    """It is written once deliveries came and then for a moment none did; and not while nothing comes at all."""
    time = [0.0]
    scene.deliveries.now = lambda: time[0]

    async def open_request_ends() -> None:
        scene.homeserver.ends.clear()
        scene.homeserver.answers.set()
        await scene.homeserver.ends.wait()

    async def token() -> str | None:
        return (await scene.rows.do(positions.load)).token

    watch = asyncio.create_task(scene.catching_up.run())
    await scene.homeserver.ends.wait()
    await scene.deliver(scene.homeserver.say("!circle help"))
    await open_request_ends()  # its token comes to be one to go to
    assert await token() == "s0"
    time[0] += 2
    await open_request_ends()
    assert await token() == "s1"
    time[0] += 2
    await scene.rows.do(lambda c: positions.save(c, "untouched", NOW))
    await open_request_ends()
    assert await token() == "untouched"
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_a_long_gap_is_read_page_by_page(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one page, in one commit."""
    monkeypatch.setattr(catching_up, "PAGE", 5)
    missed = [scene.homeserver.say(f"!circle help {n}") for n in range(12)]
    await scene.stands_at("s0")

    await scene.run()

    assert await scene.journal() == ids(*missed)


async def test_an_error_of_its_own_does_not_end_the_watch(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk today, and tomorrow there is room again."""
    missed = scene.homeserver.say("!circle help")
    await scene.stands_at("s0")
    real, faults = scene.intake.catch_up, [OSError(28, "No space left on device")]

    async def sometimes(events: list[object]) -> None:
        if faults:
            raise faults.pop()
        await real(events)

    monkeypatch.setattr(scene.intake, "catch_up", sometimes)
    await scene.run()

    assert await scene.journal() == ids(missed)
