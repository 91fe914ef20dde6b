"""A room of ten thousand: what it takes does not grow with the number of people, but for what is read in one piece."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.names import Names
from circles.core import effects as fx
from circles.core.call import Fire
from circles.core.ids import UserID
from circles.core.settings import Settings
from circles.entrypoints.entering import Entering
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath
from circles.facts import events as event_facts
from circles.facts import rooms
from circles.features.consent import handler
from circles.features.consent.decide import Welcome
from circles.features.consent.handler import MOST_NAMED, NEXT_NAMED
from circles.metrics import Metrics
from circles.ports import Ports
from circles.testing import AI, NOON, ROOM, FakeClock, some_ports
from circles_harness.wire import Wire
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Level, Member
from rows import LI, MEI, NOW, Rows, message, opened
from standin import Standin, standing_in

FEW, MANY = 20, 10_000


@dataclass
class Large:
    """A room on the homeserver, and what enters it."""

    rows: Rows
    homeserver: Standin
    wire: Wire
    entering: Entering
    intake: Intake
    ports: Ports

    async def enter(self) -> tuple[str, ...]:
        """Be invited and enter; return what the features do there, by kind."""
        await self.rows.do(lambda c: rooms.save_room(c, ROOM, membership="join", filled=False))
        entry = await self.entering.enter(ROOM)
        await self.rows.perform(*entry.effects)
        await self.rows.do(lambda c: rooms.save_room(c, ROOM, filled=True))
        return tuple(type(effect).__name__ for effect in entry.effects)

    async def joins(self, txn_id: str, user: str) -> None:
        """Let somebody come."""
        await self.intake.accept(txn_id, [self.homeserver.member(ROOM, user, "join")])

    async def taps(self, key: str) -> None:
        """Let Mei tap on the admission notice."""
        (notice,) = [row for row in await self.rows.waiting() if row.kind == "post"]
        await self.rows.carry_out()
        content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": f"$e{notice.id}", "key": key}}
        await self.intake.accept(None, [message(sender=MEI) | {"type": "m.reaction", "content": content}])


@asynccontextmanager
async def large(folder: Path, people: int) -> AsyncGenerator[Large]:
    """Open a room of so many."""
    async with opened(folder) as rows, standing_in() as homeserver, Wire(homeserver.url) as wire:
        homeserver.room(ROOM, MEI, LI, *(f"@p{number}:far.example" for number in range(people - 2)))
        clock, told = FakeClock(), list[Aftermath]()
        client = MatrixClient(wire.url, AI, homeserver.as_token, "CIRCLES", timeout_seconds=30)
        await client.open()
        settings = Settings(ai=AI, server_name="home.example", newcomers_seconds=60)
        intake = Intake(rows.database, rows.performer, settings, clock, Metrics(), told.append, re.compile("@c_.*"))
        ports = some_ports(clock=clock, database=rows.database, names=Names(client, clock), settings=settings)
        entering = Entering(rows.database, client, intake, ports)
        yield Large(rows, homeserver, wire, entering, intake, ports)
        await client.close()


@contextmanager
def counted() -> Generator[Callable[[], int]]:
    """Count the statements that are executed; one that writes many rows is one."""
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield lambda: len(statements)
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_a_room_of_ten_thousand_costs_requests_and_statements_like_one_of_twenty(tmp_path: Path) -> None:
    """Entering reads state and names once each, never a profile; choosing, talk, a question and a join ask for the
    people they need."""
    paths: list[list[str]] = []
    statements: list[dict[str, int]] = []
    for people in (FEW, MANY):
        (tmp_path / str(people)).mkdir()
        async with large(tmp_path / str(people), people) as room:
            cost: dict[str, int] = {}
            steps: dict[str, Awaitable[object]] = {
                "entering": room.enter(),
                "choosing": room.taps("3️⃣"),
                "talk": room.intake.accept("t1", [message("hello", sender=LI)]),
                "a question": room.intake.accept("t2", [message("!circle help", sender=LI)]),
                "a join": room.joins("t3", "@new:far.example"),
            }
            for name, step in steps.items():
                with counted() as count:
                    await step
                cost[name] = count()
            joined = await room.rows.do(lambda c: rooms.joined_count(c, ROOM))
            assert joined == people + 2
            li = await room.rows.do(lambda c: rooms.member(c, ROOM, LI))
            assert li.since is not None, "whoever was there was told by the notice"
            paths.append([request.path for request in room.wire.requests])
            statements.append(cost)
    few, many = statements

    assert paths[0] == paths[1]
    assert not [path for path in paths[1] if "/profile/" in path]
    assert {name: many[name] for name in few if name != "entering"} == {
        name: few[name] for name in few if name != "entering"
    }
    parts = MANY / event_facts.AT_ONCE
    assert many["entering"] - few["entering"] <= 3 * parts, "so many people are looked up and written at once"


async def test_many_who_come_at_once_are_told_by_one_wake_and_some_at_a_time(tmp_path: Path) -> None:
    """An event has a largest size; until they are told, nothing of theirs counts."""
    async with large(tmp_path, FEW) as room:
        await room.enter()
        await room.taps("3️⃣")
        users = [UserID(f"@n{number}:far.example") for number in range(MOST_NAMED + 5)]
        await room.intake.accept("t", [room.homeserver.member(ROOM, user, "join") for user in users])
        assert len([key for key in await room.rows.wakes() if key.startswith("welcome")]) == 1
        view = await room.rows.do(lambda c: rooms.view(c, ROOM, "en"))
        assert view is not None
        made = await handler.fire(Fire(view, f"welcome:{ROOM}", {}, NOON, NOON), room.ports)
        (told,) = [effect for effect in made if isinstance(effect, Welcome)]

        assert len(told.users) == MOST_NAMED
        assert [effect.due for effect in made if isinstance(effect, fx.WakeAt)] == [NOON + NEXT_NAMED]


async def test_what_is_found_in_state_is_what_each_member_event_would_have_made(tmp_path: Path) -> None:
    """For people we knew, knew as gone, or never saw; out here or everywhere."""
    people = [UserID(f"@p{number}:far.example") for number in range(6)]

    def before(connection: Any) -> None:
        for number, user in enumerate(people[:4]):
            standing = Member(since=1)
            if number % 2:
                standing = fold_choice(standing, Choice.OUT, 5)
            rooms.save_member(connection, ROOM, user, membership="join" if number < 2 else "leave", joined_at=7)
            rooms.save_choice(connection, ROOM, user, standing)
        out = fold_choice(Member(since=None), Choice.NOT_AT_ALL, 5)
        rooms.save_choice(connection, rooms.EVERYWHERE, people[4], out)

    found = {user: "leave" if number == 1 else "join" for number, user in enumerate(people)}

    def singly(connection: Any) -> None:
        for user, value in found.items():
            event_facts.membership(connection, ROOM, user, value, NOW)
            if value == "join":
                rooms.told(connection, ROOM, user, NOW)

    results: list[tuple[dict[UserID, Member], tuple[UserID, ...]]] = []

    def together(connection: Any) -> None:
        event_facts.found_there(connection, ROOM, found, NOW)

    for folder, write in (("one", singly), ("all", together)):
        (tmp_path / folder).mkdir()
        async with opened(tmp_path / folder) as rows:
            await rows.do(before)
            await rows.do(write)
            results.append(await rows.do(lambda c: (rooms.all_members(c, ROOM), rooms.joined(c, ROOM))))

    assert results[0] == results[1]
    assert results[0][0][people[4]].level is Level.NOT_AT_ALL


@pytest.mark.parametrize("choice", [Choice.TOLD, Choice.OUT, Choice.NOT_AT_ALL, Choice.IN, Choice.KEEP_OUT])
async def test_telling_all_is_telling_each(tmp_path: Path, choice: Choice) -> None:
    """Whatever they chose before, and whenever."""
    results: list[dict[UserID, Member]] = []
    people = [UserID(f"@p{number}:far.example") for number in range(4)]
    for folder in ("one", "all"):
        (tmp_path / folder).mkdir()
        async with opened(tmp_path / folder) as rows:

            def write(connection: Any, folder: str = folder) -> None:
                for number, user in enumerate(people):
                    standing = Member(since=None) if number == 0 else Member(since=number)
                    standing = fold_choice(standing, choice, NOW - 1 + number)
                    rooms.save_member(connection, ROOM, user, membership="leave" if number == 3 else "join")
                    rooms.save_choice(connection, ROOM, user, standing)
                if folder == "all":
                    rooms.told_all(connection, ROOM, NOW, besides=AI)
                else:
                    for user in people[:3]:
                        rooms.told(connection, ROOM, user, NOW)

            await rows.do(write)
            found = await rows.do(lambda c: rooms.members_of(c, ROOM, people))
            results.append(found)

    assert results[0] == results[1]
