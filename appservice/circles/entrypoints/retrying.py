"""A quarantined event, asked of the homeserver anew and taken in as if it came now. No copy of it was kept."""

from __future__ import annotations

import logging
from functools import partial

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.store import quarantine
from circles.core.ids import EventID, RoomID
from circles.entrypoints.intake import Intake
from circles.errors import MatrixForbidden, MatrixNotFound
from circles.ports import Database

log = logging.getLogger(__name__)


class Retrying:
    """Tries quarantined events again."""

    def __init__(self, database: Database, client: MatrixClient, intake: Intake) -> None:
        """Take what the composition root wires."""
        self._database = database
        self._client = client
        self._intake = intake

    async def retry(self, room_id: RoomID, event_id: str) -> None:
        """Take one event in anew. Safe to repeat: what is no longer in quarantine is left alone.

        Raises:
            MatrixError: the homeserver did not answer; to be tried again.
        """
        row = await self._database.read(partial(quarantine.find, key=event_id))
        if row is None:
            return
        try:
            event = await self._client.event(room_id, EventID(event_id))
        except (MatrixForbidden, MatrixNotFound) as error:
            log.warning(
                "A quarantined event is not to be had any more.",
                extra={"action": "quarantine_gone", "event_id": event_id, "errcode": error.errcode},
            )
            return
        log.info("A quarantined event is tried again.", extra={"action": "quarantine_retried", "event_id": event_id})
        await self._intake.again({**event, "event_id": event_id, "room_id": room_id})
