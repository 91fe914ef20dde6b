"""In which rooms we are: what our rows say, held against what the homeserver says.

Deliveries tell of every kick, but one may be lost with a homeserver that crashed, and a homeserver whose database was
recreated or restored knows nothing of rooms we were in.  What it says clearly (left, banned) counts at once.  A room it
does not know is *lost*: nothing is read or said there, its wakes wait, and after a week what is held for it is deleted;
comes it back before, all goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.core import effects as fx
from circles.core.ids import RoomID
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath, Performer
from circles.errors import MatrixForbidden, MatrixNotFound
from circles.facts import events as event_facts
from circles.facts import rooms, wakes
from circles.facts.current_state import REREAD
from circles.ports import Database, TellsTime

log = logging.getLogger(__name__)

DOUBT: Final = "doubt"
"""The spine's wake that asks whether we are still in a room: `doubt:<room id>`."""
LOST: Final = "lost"
"""The spine's wake that asks for the last time."""
LOST_FOR: Final = timedelta(days=7)


class Whereabouts:
    """Finds out where we are no longer, or again."""

    def __init__(
        self,
        database: Database,
        client: MatrixClient,
        intake: Intake,
        performer: Performer,
        clock: TellsTime,
        after: Callable[[Aftermath], None],
    ) -> None:
        """Take what the composition root wires."""
        self._database = database
        self._client = client
        self._intake = intake
        self._performer = performer
        self._clock = clock
        self._after = after

    async def look(self) -> None:
        """Ask once for all rooms; whatever differs is looked at room by room, by wakes.

        Raises:
            MatrixError: the homeserver did not answer.
        """
        there = await self._client.joined_rooms()
        known = await self._database.read(rooms.whereabouts)
        differ = [room_id for room_id, membership in known.items() if (membership == "join") != (room_id in there)]
        if differ:
            log.info("Some rooms are not as we left them.", extra={"action": "rooms_differ", "rooms": len(differ)})
            await self.doubt(*differ)

    async def doubt(self, *room_ids: RoomID) -> None:
        """Have it asked whether we are still in these rooms."""
        now = self._clock.now()
        asking = [fx.WakeAt(fx.SPINE, f"{DOUBT}:{room_id}", room_id, now) for room_id in room_ids]
        await self._perform(*asking)

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
        facts = await self._database.read(partial(rooms.room_facts, room_id=room_id))
        if facts is not None and facts.membership == "join":
            # Then it is not as our rows say: who may what there is read anew.
            await self._perform(fx.WakeAt(fx.SPINE, f"{REREAD}:{room_id}", room_id, self._clock.now()))
        return facts is not None and facts.membership != "join"

    async def give_up(self, room_id: RoomID, _rest: str = "") -> None:
        """Look for a lost room one last time, then delete what is held for it."""
        facts = await self._database.read(partial(rooms.room_facts, room_id=room_id))
        if facts is None or facts.membership != rooms.LOST:
            return
        await self.settle(room_id)
        now = self._now()

        def depart(connection: Connection) -> Aftermath:
            still = rooms.room_facts(connection, room_id)
            if still is None or still.membership != rooms.LOST:
                return Aftermath()
            event_facts.departed(connection, room_id, now)
            return self._performer.perform(connection, (fx.Depart(room_id),), now)

        self._after(await self._database.write(depart))

    async def _lose(self, room_id: RoomID) -> None:
        now = self._clock.now()

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
            after = self._performer.perform(connection, (last,), self._now())
            after.interrupted.add(room_id)
            return after

        self._after(await self._database.write(lose))

    async def _find(self, room_id: RoomID) -> None:
        def find(connection: Connection) -> Aftermath:
            facts = rooms.room_facts(connection, room_id)
            if facts is None or facts.membership != rooms.LOST:
                return Aftermath()
            # Its state may have changed meanwhile: it is read again before anything is said.
            rooms.save_room(connection, room_id, membership="join", filled=False)
            log.info("A lost room is back.", extra={"action": "room_found", "room_id": room_id})
            effects = (fx.CancelWake(fx.SPINE, f"{LOST}:{room_id}"), fx.enter(room_id, self._clock.now()))
            wakes.let_go(connection, room_id)
            after = self._performer.perform(connection, effects, self._now())
            after.lanes.add(room_id)
            return after

        self._after(await self._database.write(find))

    async def _perform(self, *effects: fx.Effect) -> None:
        work: Any = partial(self._performer.perform, effects=effects, now=self._now())
        self._after(await self._database.write(work))

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
