"""State resets: what the homeserver says holds now, held against our rows when they cannot be right."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.store.tables import messages
from circles.core import effects as fx
from circles.core.ids import UserID
from circles.core.settings import Settings
from circles.entrypoints.committing import Commits
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath
from circles.entrypoints.rereading import LEAST_MS, Rereading
from circles.entrypoints.whereabouts import Whereabouts
from circles.errors import MatrixUnavailable
from circles.facts import events as event_facts
from circles.facts import rooms
from circles.facts.tables import policies
from circles.metrics import Metrics
from circles.testing import AI, ROOM, FakeClock
from circles_harness.wire import Answer, Wire
from circles_policies.content import POLICY_TYPE, to_content
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Level, Member, Preset, preset
from circles_policies.retention import Retention, current
from knocks import in_force
from rows import LI, MEI, NOW, Rows, message, opened
from standin import Standin, standing_in

KIM = UserID("@kim:home.example")
LEVELS: dict[str, Any] = {"users": {MEI: 100}, "state_default": 50}


@dataclass
class Doubting:
    """A room that the homeserver and our rows know alike, until a test changes one of them."""

    rows: Rows
    homeserver: Standin
    wire: Wire
    intake: Intake
    rereading: Rereading
    clock: FakeClock
    told: list[Aftermath]

    async def deliver(self, event: dict[str, Any]) -> None:
        """Take an event in, and do what the wake of it says, as the waker does."""
        await self.intake.accept(None, [event])
        await self.wake()

    async def wake(self) -> None:
        """Fire the wake if it is due."""
        due = (await self.rows.wakes()).get(f"reread:{ROOM}")
        if due is None or due > self.now:
            return
        await self.rereading.read(ROOM)
        if (await self.rows.wakes()).get(f"reread:{ROOM}") == due:
            await self.rows.perform(fx.CancelWake(fx.SPINE, f"reread:{ROOM}"))

    @property
    def now(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    async def facts(self) -> rooms.RoomFacts:
        facts = await self.rows.do(lambda c: rooms.room_facts(c, ROOM))
        assert facts is not None
        return facts

    async def joined(self) -> set[str]:
        return set(await self.rows.do(lambda c: rooms.joined(c, ROOM)))

    def reads(self) -> int:
        return len([one for one in self.wire.requests if one.path.endswith("/state")])


@pytest.fixture
async def doubting(tmp_path: Path) -> AsyncIterator[Doubting]:
    async with opened(tmp_path) as rows, standing_in() as homeserver, Wire(homeserver.url) as wire:
        homeserver.room(ROOM, MEI, LI)
        await rows.do(in_force)

        def alike(connection: Any) -> None:
            event_facts.created(connection, ROOM, MEI, {"room_version": "11"})
            rooms.save_room(connection, ROOM, membership="join", filled=True, levels=LEVELS)
            for user in (MEI, LI, AI):
                rooms.save_member(connection, ROOM, user, membership="join")

        await rows.do(alike)
        clock, told = FakeClock(), list[Aftermath]()
        client = MatrixClient(wire.url, AI, homeserver.as_token, "CIRCLES", timeout_seconds=60)
        await client.open()
        settings = Settings(ai=AI, server_name="home.example")
        intake = Intake(rows.database, rows.performer, settings, clock, Metrics(), told.append, re.compile("@c_.*"))
        commits = Commits(rows.database, rows.performer, clock, told.append)
        whereabouts = Whereabouts(commits, client, intake)
        rereading = Rereading(commits, client, intake, whereabouts)
        yield Doubting(rows, homeserver, wire, intake, rereading, clock, told)
        await client.close()


async def test_what_fits_our_rows_asks_nothing(doubting: Doubting) -> None:
    """Talk, questions, state by whoever may set it, and people who come."""
    await doubting.deliver(message("hello", sender=LI))
    await doubting.deliver(message("!circle help", sender=LI))
    topic = message(sender=MEI) | {"type": "m.room.topic", "state_key": "", "content": {"topic": "plates"}}
    await doubting.deliver(topic)
    await doubting.deliver(doubting.homeserver.member(ROOM, KIM, "join"))

    assert doubting.wire.requests == []
    assert KIM in await doubting.joined()


@pytest.mark.parametrize("text", ["hello", "!circle help"])
async def test_who_speaks_and_is_not_there_by_our_rows_is_looked_for(doubting: Doubting, text: str) -> None:
    """A reset let somebody in again: they are there, and new, so nothing of theirs counts before they are told."""
    doubting.homeserver.member(ROOM, KIM, "join")
    await doubting.deliver(message(text, sender=KIM))

    assert await doubting.joined() == {AI, MEI, LI, KIM}
    assert (await doubting.rows.do(lambda c: rooms.member(c, ROOM, KIM))).since is None
    assert f"welcome:{ROOM}" in await doubting.rows.wakes()


async def test_who_was_out_is_out_after_a_reset(doubting: Doubting) -> None:
    """Whatever a reset says about who is there."""
    out = fold_choice(Member(since=NOW), Choice.OUT, NOW)
    await doubting.rows.do(lambda c: rooms.save_choice(c, ROOM, KIM, out))
    await doubting.rows.do(lambda c: rooms.save_member(c, ROOM, KIM, membership="leave"))
    doubting.homeserver.member(ROOM, KIM, "join")
    await doubting.deliver(message("hello", sender=KIM))

    assert (await doubting.rows.do(lambda c: rooms.member(c, ROOM, KIM))).level is Level.OUT


async def test_state_by_somebody_without_the_level_makes_us_ask_who_has_which(doubting: Doubting) -> None:
    """The levels are those of the homeserver, also where we heard of that very event before."""
    levels = doubting.homeserver.state(ROOM, "m.room.power_levels", "", {**LEVELS, "users": {LI: 100}}, sender=MEI)
    await doubting.intake.accept(None, [levels])
    await doubting.rows.do(lambda c: rooms.save_room(c, ROOM, levels=LEVELS))
    await doubting.deliver(message(sender=LI) | {"type": "m.room.topic", "state_key": "", "content": {"topic": "x"}})

    power = (await doubting.facts()).power
    assert (power.may_set_policy(LI), power.may_set_policy(MEI)) == (True, False)
    assert any(ROOM in after.interrupted for after in doubting.told), "what is being made is decided anew"


async def test_being_refused_where_we_are_makes_us_ask(doubting: Doubting) -> None:
    """By our rows we might have done it."""
    levels = {**LEVELS, "events_default": 50}
    doubting.homeserver.state(ROOM, "m.room.power_levels", "", levels, sender=MEI)
    whereabouts = vars(doubting.rereading)["_whereabouts"]
    assert not await whereabouts.gone(ROOM)
    await doubting.wake()

    assert not (await doubting.facts()).power.may_send(AI, "m.room.message")


async def test_whom_the_homeserver_does_not_know_there_is_not_there(doubting: Doubting) -> None:
    """And levels that are gone are nobody's."""
    state = doubting.homeserver.rooms[ROOM].state
    del state["m.room.member", LI], state["m.room.power_levels", ""]
    await doubting.deliver(message("hello", sender=KIM))

    assert await doubting.joined() == {AI, MEI}
    assert not (await doubting.facts()).power.may_set_policy(MEI)


async def test_a_policy_that_we_have_heard_of_is_not_brought_back(doubting: Doubting) -> None:
    """A reset to an earlier, looser one loosens nothing; one that we never heard of counts as if it came now."""
    loose = doubting.homeserver.state(ROOM, POLICY_TYPE, "", to_content(preset(Preset.NOTEBOOK)), sender=MEI)
    await doubting.intake.accept(None, [loose])
    tight = message(sender=MEI) | {"type": POLICY_TYPE, "state_key": ""}
    await doubting.intake.accept(None, [tight | {"content": to_content(preset(Preset.ADDRESSED))}])
    before = await in_force_now(doubting.rows)
    await doubting.deliver(message("hello", sender=KIM))
    assert await in_force_now(doubting.rows) == before

    doubting.clock.advance(timedelta(milliseconds=LEAST_MS))
    doubting.homeserver.state(ROOM, POLICY_TYPE, "", to_content(preset(Preset.RESTING)), sender=MEI)
    await doubting.deliver(message("hello", sender=KIM))
    assert await in_force_now(doubting.rows) == [to_content(preset(Preset.RESTING))]


async def in_force_now(rows: Rows) -> list[Any]:
    """Return the contents of the policies in force."""
    query = select(policies.c.content).where(policies.c.state == "in_force")
    return await rows.do(lambda c: json.loads(json.dumps(list(c.execute(query).scalars()))))


async def test_how_long_messages_stay_is_as_the_homeserver_says_and_told_only_where_it_changed(
    doubting: Doubting,
) -> None:
    """As after an upgrade from a release that did not listen; one that is gone there without an event stays."""
    said = await doubting.rows.keep("The zither is with Agnes", until=None)
    content = {"max_lifetime": 3_600_000}
    doubting.homeserver.state(ROOM, "m.room.retention", "", content, sender=MEI)
    for number in range(3):
        if number == 2:
            del doubting.homeserver.rooms[ROOM].state["m.room.retention", ""]
        doubting.clock.advance(timedelta(milliseconds=LEAST_MS))
        await doubting.rereading.read(ROOM)

        assert current((await doubting.facts()).retention) == Retention(3_600_000)
        assert (f"banner:{ROOM}" in await doubting.rows.wakes()) is (number == 0)
        await doubting.rows.perform(fx.CancelWake("consent", f"banner:{ROOM}"))
    until = select(messages.c.until - messages.c.at).where(messages.c.event_id == said)
    assert await doubting.rows.do(lambda c: c.execute(until).scalar()) == 3_600_000


async def test_a_room_is_read_once_in_a_while_however_much_contradicts(doubting: Doubting) -> None:
    """And then once more: what contradicted after that is not forgotten."""
    for _ in range(20):
        await doubting.deliver(message("hello", sender=KIM))
    assert doubting.reads() == 1
    doubting.homeserver.member(ROOM, KIM, "join")
    doubting.clock.advance(timedelta(milliseconds=LEAST_MS))
    await doubting.wake()

    assert doubting.reads() == 2
    assert KIM in await doubting.joined()


async def test_a_homeserver_that_does_not_answer_is_asked_again(doubting: Doubting) -> None:
    """Nothing is believed meanwhile."""
    doubting.wire.fail(Answer(502, b""), path="/state")
    doubting.homeserver.member(ROOM, KIM, "join")
    with pytest.raises(MatrixUnavailable):
        await doubting.deliver(message("hello", sender=KIM))
    await doubting.wake()

    assert KIM in await doubting.joined()


async def test_that_we_are_out_by_a_reset_counts(doubting: Doubting) -> None:
    """As if we had been told: the policy ends."""
    doubting.homeserver.member(ROOM, AI, "leave", sender=MEI)
    await doubting.deliver(message("hello", sender=KIM))

    assert (await doubting.facts()).membership == "leave"
    assert await in_force_now(doubting.rows) == []
