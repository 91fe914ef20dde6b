"""Rereading: a room's state, read anew where the homeserver's is not what our rows say.

What it shows then counts as if it were delivered now.  The homeserver decides who is there and who has which level; a
policy or a tombstone that we have heard of before is not taken from it again, so a state reset can bring back no looser
policy.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.core import effects as fx
from circles.core.ids import RoomID
from circles.entrypoints.committing import Commits
from circles.entrypoints.intake import Intake
from circles.entrypoints.performing import Aftermath
from circles.entrypoints.whereabouts import Whereabouts
from circles.errors import MatrixForbidden, MatrixNotFound
from circles.facts import current_state, rooms
from circles.facts.current_state import REREAD

log = logging.getLogger(__name__)

LEAST_MS: Final = 600_000
"""A room's state is not read again sooner: it may be megabytes, and events that come late look like contradictions."""


class Rereading:
    """Reads rooms anew, each in a while at most."""

    def __init__(self, commits: Commits, client: MatrixClient, intake: Intake, whereabouts: Whereabouts) -> None:
        """Take what the composition root wires."""
        self._commits = commits
        self._client = client
        self._intake = intake
        self._whereabouts = whereabouts
        self._read_at: dict[RoomID, int] = {}

    async def read(self, room_id: RoomID, _rest: str = "") -> None:
        """Read a room's state and let it count, or put that off where it was read just now. Safe to repeat.

        Raises:
            MatrixError: the homeserver did not answer; to be tried again.
        """
        now = self._commits.now_ms
        self._read_at = {each: at for each, at in self._read_at.items() if now - at < LEAST_MS}
        if room_id in self._read_at:
            due = datetime.fromtimestamp((self._read_at[room_id] + LEAST_MS) / 1000, UTC)
            await self._commits.perform(fx.WakeAt(fx.SPINE, f"{REREAD}:{room_id}", room_id, due))
            return
        try:
            state = await self._client.state(room_id)
        except (MatrixForbidden, MatrixNotFound):
            await self._whereabouts.doubt(room_id)
            return
        await self._commits.write(lambda c: self._believe(c, room_id, state, now))
        self._read_at[room_id] = now

    def _believe(self, connection: Connection, room_id: RoomID, state: list[dict[str, Any]], now: int) -> Aftermath:
        facts = rooms.room_facts(connection, room_id)
        after = Aftermath()
        if facts is None or not facts.filled or facts.membership != "join":
            return after
        found = current_state.differences(connection, room_id, state)
        current_state.leave_out(connection, room_id, found)
        for event in found.events:
            shown = current_state.as_delivered(event, room_id)
            after.add(self._intake.anew(connection, shown, now, only_if_new=current_state.only_if_new(event)))
        if found:
            rooms.tighten(connection, room_id)
            after.interrupted.add(room_id)
            after.renamed.add(room_id)
        log.info(
            "A room's state was read anew.",
            extra={
                "action": "state_reread",
                "room_id": room_id,
                "events": len(found.events),
                "absent": len(found.absent),
            },
        )
        return after
