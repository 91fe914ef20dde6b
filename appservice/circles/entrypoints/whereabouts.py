"""In which rooms we are: what our rows say, held against what the homeserver says.

Deliveries tell of every kick, but one may be lost with a homeserver that crashed, and a homeserver whose database was
recreated or restored knows nothing of rooms we were in.  What it says clearly (left, banned) counts at once.  A room it
does not know is *lost*: nothing is read or said there, its wakes wait, and after a week what is held for it is deleted;
comes it back before, all goes on.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.core import effects as fx
from circles.core.ids import RoomID
from circles.entrypoints.committing import Commits
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath
from circles.errors import MatrixForbidden, MatrixNotFound
from circles.facts import events as event_facts
from circles.facts import rooms, wakes
from circles.facts.current_state import REREAD

log = logging.getLogger(__name__)

DOUBT: Final = "doubt"
"""The spine's wake that asks whether we are still in a room: `doubt:<room id>`."""
LOST: Final = "lost"
"""The spine's wake that asks for the last time."""
LOST_FOR: Final = timedelta(days=7)


class Whereabouts:
    """Finds out where we are no longer, or again."""

    def __init__(self, commits: Commits, client: MatrixClient, intake: Intake) -> None:
        """Take what the composition root wires."""
        self._commits = commits
        self._client = client
        self._intake = intake

    async def look(self) -> None:
        """Ask once for all rooms; whatever differs is looked at room by room, by wakes.

        Raises:
            MatrixError: the homeserver did not answer.
        """
        there = await self._client.joined_rooms()
        known = await self._commits.read(rooms.whereabouts)
        differ = [room_id for room_id, membership in known.items() if (membership == "join") != (room_id in there)]
        if differ:
            log.info("Some rooms are not as we left them.", extra={"action": "rooms_differ", "rooms": len(differ)})
            await self.doubt(*differ)

    async def doubt(self, *room_ids: RoomID) -> None:
        """Have it asked whether we are still in these rooms."""
        now = self._commits.now
        asking = [fx.WakeAt(fx.SPINE, f"{DOUBT}:{room_id}", room_id, now) for room_id in room_ids]
        await self._commits.perform(*asking)

    async def settle(self, room_id: RoomID, _rest: str = "") -> None:
        """Ask whether we are in a room, and believe it. Safe to repeat.

        Raises:
            MatrixError: the homeserver did not answer; to be tried again.
        """
        try:
            event = await self._client.own_membership(room_id)
        except (MatrixForbidden, MatrixNotFound):
            await self._lose(room_id)
            return
        if event.get("content", {}).get("membership") == "join":
            await self._find(room_id)
            return
        # The event that was never delivered, or came before we were here to take it: it acts as if it came now.
        await self._intake.accept(None, [{**event, "room_id": room_id}])

    async def gone(self, room_id: RoomID) -> bool:
        """Ask whether we are in a room no longer.

        Raises:
            MatrixError: the homeserver did not answer; to be tried again.
        """
        await self.settle(room_id)
        facts = await self._commits.read(partial(rooms.room_facts, room_id=room_id))
        if facts is not None and facts.membership == "join":
            # Then it is not as our rows say: who may what there is read anew.
            await self._commits.perform(fx.WakeAt(fx.SPINE, f"{REREAD}:{room_id}", room_id, self._commits.now))
        return facts is not None and facts.membership != "join"

    async def give_up(self, room_id: RoomID, _rest: str = "") -> None:
        """Look for a lost room one last time, then delete what is held for it."""
        facts = await self._commits.read(partial(rooms.room_facts, room_id=room_id))
        if facts is None or facts.membership != rooms.LOST:
            return
        await self.settle(room_id)
        now = self._commits.now_ms

        def depart(connection: Connection) -> Aftermath:
            still = rooms.room_facts(connection, room_id)
            if still is None or still.membership != rooms.LOST:
                return Aftermath()
            event_facts.departed(connection, room_id, now)
            return self._commits.carry(connection, fx.Depart(room_id))

        await self._commits.write(depart)

    async def _lose(self, room_id: RoomID) -> None:
        now = self._commits.now

        def lose(connection: Connection) -> Aftermath:
            facts = rooms.room_facts(connection, room_id)
            if facts is None or facts.membership != "join":
                return Aftermath()
            rooms.save_room(connection, room_id, membership=rooms.LOST)
            rooms.save_member(connection, room_id, self._client.user_id, membership=rooms.LOST)
            rooms.tighten(connection, room_id)
            log.warning(
                "The homeserver knows nothing of a room we were in.",
                extra={"action": "room_lost", "room_id": room_id, "days": LOST_FOR.days},
            )
            last = fx.WakeAt(fx.SPINE, f"{LOST}:{room_id}", room_id, now + LOST_FOR)
            after = self._commits.carry(connection, last)
            after.interrupted.add(room_id)
            return after

        await self._commits.write(lose)

    async def _find(self, room_id: RoomID) -> None:
        def find(connection: Connection) -> Aftermath:
            facts = rooms.room_facts(connection, room_id)
            if facts is None or facts.membership != rooms.LOST:
                return Aftermath()
            # Its state may have changed meanwhile: it is read again before anything is said.
            rooms.save_room(connection, room_id, membership="join", filled=False)
            log.info("A lost room is back.", extra={"action": "room_found", "room_id": room_id})
            effects = (fx.CancelWake(fx.SPINE, f"{LOST}:{room_id}"), fx.enter(room_id, self._commits.now))
            wakes.let_go(connection, room_id)
            after = self._commits.carry(connection, *effects)
            after.lanes.add(room_id)
            return after

        await self._commits.write(find)
