"""What people chose reaches the homeserver's gate before anything is said or looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.standings import GateStandings
from circles.errors import MatrixBadRequest, MatrixForbidden
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

    async def request(self, _method: str, path: str, _body: Mapping[str, Any]) -> dict[str, Any]:
        if not self.believes:
            raise MatrixForbidden
        if self.conflicts:
            self.conflicts -= 1
            raise MatrixBadRequest(errcode="M_UNKNOWN", status=409)
        self.told.append(path.rsplit("/", 1)[1])
        return {}


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


async def test_what_changed_at_the_gate_in_the_same_moment_is_told_anew(tmp_path: Path) -> None:
    """Nobody hears of an error, and nothing that waits to be said is lost."""
    gate = FakeGate(conflicts=2)
    async with opened(tmp_path) as rows:
        standings = GateStandings(rows.database, cast("MatrixClient", gate))
        told = fold_choice(Member(since=None), Choice.TOLD, 0)
        await rows.do(partial(rooms.save_choice, room_id=ROOM, user_id=MEI, choice=told))

        await standings.flush()

    assert "%40mei%3Ahome.example" in gate.told
