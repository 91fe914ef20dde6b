"""What people chose, told to the homeserver's gate (gated mode), so that the homeserver enforces it too.

The rows of `members` are the truth here, and each knows whether the gate has it.  Nothing is said to anybody while the
gate lacks a choice that it would take: "done" means that both sides have stored it.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final
from urllib.parse import quote

from circles.adapters.matrix.client import MatrixClient
from circles.core.ids import RoomID
from circles.errors import MatrixBadRequest, MatrixError, MatrixForbidden
from circles.facts import rooms
from circles.ports import Database
from circles_policies.model import Member

log = logging.getLogger(__name__)

BATCH: Final = 100
CONFLICT: Final = 409
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
        new = [told for told in found if (told.room_id, told.user_id, told.member) not in self._refused]
        for told in new:
            try:
                await self._client.request("PUT", _path(told), _body(told))
            except MatrixForbidden:
                self._refused.add((told.room_id, told.user_id, told.member))
            except MatrixBadRequest as error:
                if error.status != CONFLICT:
                    raise
                # Something tightened it there in the same moment: what is true now is told next.
            else:
                await self._database.write(partial(rooms.now_at_gate, told=told))
        return bool(new)


def _path(told: rooms.Untold) -> str:
    # The choice for every circle stands under a name that no room can have.
    room = quote(told.room_id or "*", safe="")
    return f"/_circles/v1/rooms/{room}/standings/{quote(told.user_id, safe='')}"


def _body(told: rooms.Untold) -> dict[str, object]:
    member = told.member if told.room_id else told.member.model_copy(update={"since": None})
    return {"member": member.model_dump(mode="json"), "because": told.because}
