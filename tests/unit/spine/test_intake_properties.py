"""Intake under any repetition, splitting and interleaving of deliveries: the same rows, one effect an event."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, select

from circles.adapters.store import quarantine as quarantine_store
from circles.adapters.store.tables import journal, messages, outbox
from circles.core.ids import RoomID, UserID
from circles.facts import events as event_facts
from circles.facts import rooms
from circles.facts.tables import marks, members, policies, posts, wakes
from circles.testing import AI
from circles_policies.content import POLICY_TYPE, to_content
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Member, Preset, preset
from knocks import Knocks, knocking
from rows import LI, MEI, NOW

Json = dict[str, Any]
KIM: Final = "@kim:home.example"
PEOPLE: Final = (MEI, LI, KIM)
MINUTE: Final = 60_000
ROOM_MARK, EVENT_MARK = "!R", "$R"
WORDS: Final = (
    "good morning",
    "circle: what is on?",
    "!circle help",
    "!circle out",
    "!circle in",
    "!circle policy group notebook",
    "!circle off",
    "!circle remind me tomorrow at nine to go",
    "@circle stop",
)


@dataclass(frozen=True)
class Step:
    """One event of a room, as the drawing made it; `to` is which earlier one it speaks of."""

    kind: str
    who: int
    what: int
    to: int


STEPS: Final = st.builds(
    Step,
    kind=st.sampled_from(
        ["say", "say", "say", "edit", "hide", "redact", "policy", "join", "leave", "echo", "junk", "poison"]
    ),
    who=st.integers(0, len(PEOPLE) - 1),
    what=st.integers(0, len(WORDS) - 1),
    to=st.integers(0, 6),
)


def event(number: int, step: Step) -> Json:
    """Write one event; ids and room are marks, replaced for each room it is played in."""
    sender, target = PEOPLE[step.who], f"{EVENT_MARK}{max(number - 1 - step.to, 0)}"
    made: Json = {
        "event_id": f"{EVENT_MARK}{number}",
        "room_id": ROOM_MARK,
        "sender": sender,
        "type": "m.room.message",
        "origin_server_ts": NOW - (60 - number) * MINUTE,
        "content": {"msgtype": "m.text", "body": WORDS[step.what]},
    }
    match step.kind:
        case "edit":
            new = {"msgtype": "m.text", "body": f"edited {WORDS[step.what]}"}
            made["content"] |= {"m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": target}}
        case "hide":
            relation = {"rel_type": "m.annotation", "event_id": target, "key": "🙈"}
            made |= {"type": "m.reaction", "content": {"m.relates_to": relation}}
        case "redact":
            made |= {"type": "m.room.redaction", "redacts": target, "content": {}}
        case "policy":
            content = to_content(preset(list(Preset)[step.what % len(Preset)]))
            made |= {"type": POLICY_TYPE, "state_key": "", "content": content}
        case "join" | "leave":
            made |= {"type": "m.room.member", "state_key": sender, "content": {"membership": step.kind}}
        case "echo":
            made["sender"] = AI
        case "junk":
            made["content"] = {"body": 7, "m.relates_to": []}
        case "poison":
            made["origin_server_ts"] = 10**30
            made["content"]["m.mentions"] = {"user_ids": [AI]}
            made |= {"type": "m.room.create", "state_key": "", "content": {"room_version": {"a": 1}}}
        case _:
            pass
    return made


def parts(cut_at: set[int], items: Sequence[Json]) -> list[list[Json]]:
    """Cut a list into transactions."""
    cuts = sorted(cut_at)
    edges = [0, *(cut for cut in cuts if cut < len(items)), len(items)]
    return [list(items[begin:end]) for begin, end in itertools.pairwise(edges) if begin < end]


CUTS: Final = st.sets(st.integers(1, 8), max_size=5)


@dataclass(frozen=True)
class Delivery:
    """What comes at once: transactions by id, each with its events."""

    at_once: tuple[tuple[str, tuple[Json, ...]], ...]


@st.composite
def played(draw: st.DrawFn) -> tuple[list[Json], list[Delivery]]:
    """Draw a room's events, and a way to deliver them in order with anything repeated in between."""
    events = [event(number, step) for number, step in enumerate(draw(st.lists(STEPS, min_size=1, max_size=9)))]
    deliveries: list[Delivery] = []
    sent: list[Json] = []
    for number, part in enumerate(parts(draw(CUTS), events)):
        same = (f"{number}", tuple(part))
        deliveries.append(Delivery((same,) * draw(st.integers(1, 3))))
        sent += part
        for extra in range(draw(st.integers(0, 2))):
            again = tuple(draw(st.permutations(sent)))[: draw(st.integers(1, len(sent)))]
            # A repeat of what came: under an id that came, with other events than then, or under one of its own.
            name = draw(st.sampled_from([f"{number}", "0", f"x{number}-{extra}"]))
            deliveries.append(Delivery(((name, again), same)))
    return events, deliveries


# --- playing ------------------------------------------------------------------------------------------------------


class Rooms:
    """Many rooms on one database, so that an example costs no new one."""

    def __init__(self, door: Knocks) -> None:
        self._door = door
        self._count = 0

    async def new(self) -> str:
        """Make a room with an admin and two others, who were told, under a policy that keeps."""
        self._count += 1
        name = f"p{self._count}"
        room_id = RoomID(f"!{name}")

        def make(connection: Connection) -> None:
            rooms.save_room(connection, room_id, membership="join", filled=True, levels={"users": {MEI: 100}})
            event_facts.created(connection, room_id, MEI, {"room_version": "11"})
            for user in (AI, *PEOPLE):
                rooms.save_member(connection, room_id, UserID(user), membership="join")
                choice = fold_choice(Member(since=None), Choice.TOLD, 0)
                rooms.save_choice(connection, room_id, UserID(user), choice)
            content = to_content(preset(Preset.NOTEBOOK))
            row = {"room_id": room_id, "content": content, "state": "in_force", "asked_at": 0, "starts_at": 0}
            connection.execute(policies.insert().values(written=False, **row))

        await self._door.rows.do(make)
        return name

    async def deliver(self, name: str, delivery: Delivery) -> None:
        """Deliver to a room, all at once."""
        await asyncio.gather(*(self.put(name, txn_id, events) for txn_id, events in delivery.at_once))

    async def put(self, name: str, txn_id: str, events: Sequence[Json]) -> None:
        """Deliver one transaction to a room."""
        text = json.dumps(events).replace(f'"{ROOM_MARK}"', f'"!{name}"').replace(f'"{EVENT_MARK}', f'"${name}-')
        await self._door.intake.accept(f"{name}-{txn_id}", json.loads(text))

    async def rows(self, name: str) -> dict[str, list[str]]:
        """Return all rows of a room, without what differs from room to room and from run to run."""

        def look(connection: Connection) -> dict[str, list[str]]:
            return {table.name: _of_room(connection, table, name) for table in TABLES}

        return await self._door.rows.do(look)


TABLES: Final = (journal, messages, outbox, members, marks, policies, posts, wakes, quarantine_store.quarantine)
_PASSING: Final = {"seq", "id", "reference", "effect_id", "target", "place"}
"""Columns whose values are new each time."""


def _of_room(connection: Connection, table: Table, name: str) -> list[str]:
    place = table.c.lane if "lane" in table.c else table.c.room_id
    found: list[str] = []
    for row in connection.execute(select(table).where(place == f"!{name}")).mappings():
        shown = {str(key): value for key, value in row.items() if str(key) not in _PASSING}
        text = " ".join(f"{key}={value!r}" for key, value in shown.items())
        text = text.replace(f"!{name}", ROOM_MARK).replace(f"${name}-", EVENT_MARK)
        found.append(
            re.sub(r"\b[0-9a-f]{32}\b|(announce|start|less|delete|banner)[:-]\d+(-\d+)?|(?<='policy': )\d+", "ID", text)
        )
    return sorted(found)


Played = Callable[[Callable[[Rooms], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Run something on one door for all examples: each has rooms of its own."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        # What one may hide is counted over all rooms, which here are those of all examples.
        opened = knocking(tmp_path_factory.mktemp("intake"), policy=False, marks_per_day=10**9)
        many = Rooms(runner.run(stack.enter_async_context(opened)))

        async def work(given: Callable[[Rooms], Awaitable[None]]) -> None:
            await given(many)

        yield lambda given: runner.run(work(given))
        runner.run(stack.aclose())


EASY: Final = settings(max_examples=12, deadline=None)


@pytest.mark.timeout(120, func_only=True)
@EASY
@given(played())
def test_repeats_change_nothing(play: Played, drawn: tuple[list[Json], list[Delivery]]) -> None:
    """Whatever comes again, at once or later, alone or among others, under its own id, another's or a new one."""
    events, deliveries = drawn

    async def work(many: Rooms) -> None:
        once, often = await many.new(), await many.new()
        for number, each in enumerate(events):
            await many.put(once, f"{number}", [each])
        for delivery in deliveries:
            await many.deliver(often, delivery)

        assert await many.rows(often) == await many.rows(once)

    play(work)


@pytest.mark.timeout(120, func_only=True)
@EASY
@given(st.lists(STEPS, max_size=6), st.lists(STEPS, max_size=6), st.data())
def test_rooms_do_not_mix(play: Played, one: list[Step], other: list[Step], data: st.DataObject) -> None:
    """Two rooms in any interleaving, also two events at once, are as each of them alone."""
    sequences = [[event(number, step) for number, step in enumerate(steps)] for steps in (one, other)]
    turns = data.draw(st.permutations([0] * len(one) + [1] * len(other)))

    async def work(many: Rooms) -> None:
        alone, mixed = [await many.new() for _ in "ab"], [await many.new() for _ in "ab"]
        for name, events in zip(alone, sequences, strict=True):
            for number, each in enumerate(events):
                await many.put(name, f"{number}", [each])
        positions = [0, 0]
        waiting: list[Awaitable[None]] = []
        for turn in turns:
            each = sequences[turn][positions[turn]]
            waiting.append(many.put(mixed[turn], f"{positions[turn]}", [each]))
            positions[turn] += 1
            if len(waiting) == 2:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)

        assert [await many.rows(name) for name in mixed] == [await many.rows(name) for name in alone]

    play(work)


TALK: Final = st.builds(
    Step, kind=st.just("say"), who=st.integers(0, 2), what=st.sampled_from([0, 1, 2, 7]), to=st.just(0)
)


@pytest.mark.timeout(120, func_only=True)
@EASY
@given(st.lists(TALK, max_size=7), st.data())
def test_what_is_only_said_may_come_in_any_order(play: Played, steps: list[Step], data: st.DataObject) -> None:
    """Nothing is lost, nothing doubled: the same events wait, the same are kept."""
    events = [event(number, step) for number, step in enumerate(steps)]
    shuffled = data.draw(st.permutations(events))
    split = parts(data.draw(CUTS), shuffled)

    async def work(many: Rooms) -> None:
        straight, mixed = await many.new(), await many.new()
        await many.put(straight, "0", events)
        await asyncio.gather(*(many.put(mixed, f"{number}", part) for number, part in enumerate(split)))

        assert await many.rows(mixed) == await many.rows(straight)

    play(work)


REDACTED: Final = st.builds(
    Step,
    kind=st.sampled_from(["say", "say", "edit", "hide", "redact", "policy", "join", "leave"]),
    who=st.integers(0, 2),
    what=st.sampled_from([0, 1, 2, 3, 6, 7, 8]),
    to=st.integers(0, 3),
)


@pytest.mark.timeout(120, func_only=True)
@EASY
@given(st.lists(STEPS, max_size=3), REDACTED, st.booleans(), st.data())
def test_a_redaction_may_come_before_what_it_names(
    play: Played, before: list[Step], step: Step, by_admin: bool, data: st.DataObject
) -> None:
    """Whatever comes first, and however often, in one delivery or several: the rows are those of their own order.

    Words that loosen are left out: said and heard they stand, and taken back unheard they are not heard.
    """
    number = len(before)
    target, redaction = event(number, step), event(number + 1, Step("redact", 0 if by_admin else step.who, 0, 0))
    drawn = [target, redaction, *data.draw(st.lists(st.sampled_from([target, redaction]), max_size=2))]
    split = parts(data.draw(CUTS), data.draw(st.permutations(drawn)))

    async def work(many: Rooms) -> None:
        straight, mixed = await many.new(), await many.new()
        for name in (straight, mixed):
            for at, each in enumerate(before):
                await many.put(name, f"{at}", [event(at, each)])
        await many.put(straight, "said", [target])
        await many.put(straight, "redacted", [redaction])
        for at, part in enumerate(split):
            await many.put(mixed, f"mixed-{at}", part)

        assert await _settled(many, mixed) == await _settled(many, straight)

    play(work)


async def _settled(many: Rooms, name: str) -> dict[str, list[str]]:
    """Return all rows of a room, but not that it is to be read anew: who leaves and then redacts is out of order."""
    rows = await many.rows(name)
    return rows | {"wakes": [row for row in rows["wakes"] if "reread:" not in row]}
