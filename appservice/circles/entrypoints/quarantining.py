"""Setting aside an event that broke intake, in the commit of the others: by its ids and what the gate let through.

Answering the homeserver with an error instead would stop every room.  Synchronous, inside the caller's commit.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from circles.adapters.store import journal, quarantine
from circles.entrypoints.bodies import Unreadable
from circles.logs import place_of

log = logging.getLogger(__name__)

Json = Mapping[str, Any]
UNREADABLE: Final = "unreadable:"
"""What stands before the digest of an event without an id of its own."""


def set_aside(connection: Connection, raw: Json, error: Exception, passed: Json | None, now: int) -> None:
    """Put a poison event in quarantine.

    Args:
        raw: the event as it came; nothing but its ids is written of it.
        passed: what the gate forwards of it, None where it lets nothing through or the event broke the gate.
    """
    reference, name, place = uuid.uuid4().hex[:8], type(error).__name__, place_of(error)
    log.error(
        "An event could not be taken in.",
        extra={
            "action": "event_quarantined",
            "event_id": str(raw.get("event_id")),
            "room_id": str(raw.get("room_id")),
            "reference": reference,
            "error": name,
            "place": place,
        },
    )
    told: dict[str, Any] = {
        "stage": "taking_in",
        "error": name,
        "place": place,
        "reference": reference,
        "now": now,
    }
    ids = {"event_id": raw["event_id"], "room_id": raw["room_id"]}
    try:
        with connection.begin_nested():
            known = {**ids, "sender": raw["sender"] if passed is not None else ""}
            journal.add(connection, known, at=0, received_at=now, pending=False, reference=reference)
            quarantine.note(connection, **ids, **told, passed=passed)
    except (ValueError, TypeError, DataError):
        # Not even its ids can be written (half a surrogate pair, a zero): something else must tell it apart.
        digest = hashlib.sha256(raw["event_id"].encode(errors="surrogatepass")).hexdigest()
        quarantine.note(connection, event_id=f"{UNREADABLE}{digest[:32]}", room_id="", **told)


def set_aside_unreadable(connection: Connection, event: Unreadable, now: int) -> None:
    """Note what is no JSON to us. It has no id we could trust: one inside it may be another event's."""
    reference = event.digest[:8]
    log.error(
        "An event could not be read.",
        extra={"action": "event_unreadable", "reference": reference, "bytes": event.size},
    )
    quarantine.note(
        connection,
        event_id=f"{UNREADABLE}{event.digest[:32]}",
        room_id="",
        stage="reading",
        error="JSONDecodeError",
        reference=reference,
        now=now,
    )
