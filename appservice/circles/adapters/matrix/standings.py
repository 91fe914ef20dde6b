"""What people chose, told to the homeserver's gate (gated mode), so that the homeserver enforces it too.

The rows of `members` are the truth here, and each knows whether the gate has it.  Nothing is said to anybody while the
gate lacks a choice that it would take: "done" means that both sides have stored it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final, cast
from urllib.parse import quote

from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.core.ids import RoomID
from circles.errors import MatrixError
from circles.facts import rooms
from circles.ports import Database
from circles_policies.model import Member

log = logging.getLogger(__name__)

BATCH: Final = 500
"""About so many people the gate is told in one request; it takes twice as many."""
AGAIN_SECONDS: Final = 1
"""How long what the gate refused waits: that a newcomer was told counts once our notice stands in the room."""


class GateStandings:
    """Tells the gate, in the background and before anything is said."""

    def __init__(self, database: Database, client: MatrixClient) -> None:
        """Take what the composition root wires."""
        self._database = database
        self._client = client
        self._stale = True
        self._refused: set[tuple[str, str, Member]] = set()
        self._lock = asyncio.Lock()

    def note(self) -> None:
        """Say that rows may have changed."""
        self._stale = True

    async def run(self) -> None:
        """Keep the gate told."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            if self._refused:
                self._refused.clear()
                self._stale = True
            try:
                await self.flush()
            except MatrixError as error:
                log.info("The gate is not told yet.", extra={"action": "gate_waits", "errcode": error.errcode})

    async def settle(self, room_id: RoomID) -> None:
        """Tell the gate all that it lacks before a room is looked at, what it refused there before included.

        So whoever was told a moment ago is not missing from the first summary.

        Raises:
            MatrixError: the gate does not answer; looking would find too little.
        """
        if again := {refused for refused in self._refused if refused[0] == room_id}:
            self._refused -= again
            self._stale = True
        await self.flush()

    async def flush(self) -> None:
        """Tell the gate all that it lacks.

        Raises:
            MatrixError: the gate does not answer; nothing may be said until it does.
        """
        if not self._stale:
            return
        async with self._lock:
            if not self._stale:
                return
            self._stale = False
            try:
                while await self._tell_some():
                    pass
            except BaseException:
                self._stale = True
                raise

    async def _tell_some(self) -> bool:
        """Tell one batch; return whether there may be more."""
        limit = BATCH + len(self._refused)
        found = await self._database.read(partial(rooms.not_at_gate, limit=limit, besides=(self._client.user_id,)))
        new = [told for told in found if _named(told) not in self._refused][:BATCH]
        for room_id in dict.fromkeys(told.room_id for told in new):
            await self._tell(room_id, [told for told in new if told.room_id == room_id])
        return bool(new)

    async def _tell(self, room_id: RoomID, some: Sequence[rooms.Untold]) -> None:
        """Tell what stands of some people in one room, and note what the gate stored."""
        answer = await self._client.request("POST", _path(room_id), {"standings": [_claim(told) for told in some]})
        refused, changed = (set(cast("list[str]", answer.get(key, []))) for key in ("refused", "changed"))
        self._refused |= {_named(told) for told in some if told.user_id in refused}

        def note(connection: Connection) -> None:
            for told in some:
                # Where something tightened it there in the same moment, what is true now is told next.
                if told.user_id not in refused | changed:
                    rooms.now_at_gate(connection, told)

        await self._database.write(note)


def _named(told: rooms.Untold) -> tuple[str, str, Member]:
    return told.room_id, told.user_id, told.member


def _path(room_id: RoomID) -> str:
    # The choice for every circle stands under a name that no room can have.
    return f"/_circles/v1/rooms/{quote(room_id or '*', safe='')}/standings"


def _claim(told: rooms.Untold) -> dict[str, object]:
    member = told.member if told.room_id else told.member.model_copy(update={"since": None})
    return {"user_id": told.user_id, "member": member.model_dump(mode="json"), "because": told.because}
