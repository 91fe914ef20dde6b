"""What people chose reaches the homeserver's gate before anything is said or looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.standings import GateStandings
from circles.core.ids import UserID
from circles.facts import rooms
from circles.testing import AI, ROOM
from circles_policies.minimum import Choice, fold_choice
from circles_policies.model import Member
from rows import LI, MEI, opened


@dataclass
class FakeGate:
    """A gate that stores what it is told, once what would prove it stands in the room."""

    user_id: str = AI
    believes: bool = True
    conflicts: int = 0
    """So many times something changed at the gate in the same moment."""
    told: list[str] = field(default_factory=list[str])

    requests: int = 0

    async def request(self, _method: str, _path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.requests += 1
        people = [each["user_id"] for each in body["standings"]]
        if not self.believes:
            return {"refused": people, "changed": []}
        if self.conflicts:
            self.conflicts -= 1
            return {"refused": [], "changed": people}
        self.told += people
        return {"refused": [], "changed": []}


async def test_what_the_gate_refused_is_told_again_before_the_room_is_looked_at(tmp_path: Path) -> None:
    """Our notice may have come into the room a moment ago: nobody who was told is missing from the first summary."""
    gate = FakeGate(believes=False)
    async with opened(tmp_path) as rows:
        standings = GateStandings(rows.database, cast("MatrixClient", gate))
        told = fold_choice(Member(since=None), Choice.TOLD, 0)
        for person in (MEI, LI):
            await rows.do(partial(rooms.save_choice, room_id=ROOM, user_id=person, choice=told))
        await standings.flush()
        gate.believes = True
        await standings.flush()
        assert gate.told == []

        await standings.settle(ROOM)

    assert len(gate.told) == 2


async def test_a_room_of_two_thousand_is_told_in_a_few_requests(tmp_path: Path) -> None:
    """Everybody once, and then the gate lacks nothing."""
    gate = FakeGate()
    people = [UserID(f"@p{number}:far.example") for number in range(2_000)]
    async with opened(tmp_path) as rows:
        standings = GateStandings(rows.database, cast("MatrixClient", gate))
        told = fold_choice(Member(since=None), Choice.TOLD, 0)
        await rows.do(
            lambda c: rooms.save_standings(c, [rooms.standing_row(ROOM, each, told, "join", 0) for each in people])
        )
        await standings.flush()

        assert sorted(gate.told) == sorted([*people, MEI, LI])
        assert gate.requests <= 5
        assert await rows.do(partial(rooms.not_at_gate, limit=1, besides=(AI,))) == []


async def test_what_changed_at_the_gate_in_the_same_moment_is_told_anew(tmp_path: Path) -> None:
    """Nobody hears of an error, and nothing that waits to be said is lost."""
    gate = FakeGate(conflicts=2)
    async with opened(tmp_path) as rows:
        standings = GateStandings(rows.database, cast("MatrixClient", gate))
        told = fold_choice(Member(since=None), Choice.TOLD, 0)
        await rows.do(partial(rooms.save_choice, room_id=ROOM, user_id=MEI, choice=told))

        await standings.flush()

    assert MEI in gate.told
