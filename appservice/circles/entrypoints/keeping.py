"""Keeping: what people say among themselves, many messages at a time.

Most of what a homeserver delivers asks nothing of the AI: it is dropped, or noted and perhaps kept.  For that the
facts are read together and the rows written together, past SQLAlchemy, in the unit of work of the intake.  Whatever
else an event is, and whatever goes wrong, is left to the intake's own way, one event after the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import Connection

from circles.adapters.store import journal, kept
from circles.adapters.store.faults import is_the_machines
from circles.core.ids import EventID
from circles.core.settings import Settings
from circles.facts import rooms
from circles.facts.gathered import Gathered, Place
from circles.metrics import Metrics
from circles_policies.events import Classified, RoomView
from circles_policies.gate import Dropped, weigh
from circles_policies.model import Right
from circles_policies.retention import retention_at
from circles_policies.words import without_reply_fallback

Json = Mapping[str, Any]
MOST: Final = 128
"""So many events at a time, so that facts that are read for nothing, because an event changes them, are few."""
NO_BOTS: Final = frozenset[str]()
_NEVER: Final = frozenset({"m.room.redaction", "m.room.encrypted"})
"""Types that act or need work, whatever is in them."""


class Keeping:
    """Takes in the messages that nobody says to the AI."""

    def __init__(self, settings: Settings, metrics: Metrics, ghosts: re.Pattern[str], names: tuple[str, ...]) -> None:
        """Take what the intake has; `names`: those of the AI that hold in every room."""
        self._settings = settings
        self._metrics = metrics
        self._ghosts = ghosts
        self._names = names

    def take(self, connection: Connection, events: Sequence[Json], now: int) -> tuple[int, int]:
        """Take in as many of the first events as can be taken in at once.

        Returns:
            How many were taken in, and how many after them must go one by one.
        """
        count = next((at for at, event in enumerate(events) if not self._is_talk(event)), len(events))
        if count == 0:
            return 0, 1
        cursor = connection.connection.cursor()
        cursor.execute("SAVEPOINT keeping")
        try:
            taken = self._take(connection, events[:count], now)
        except Exception as error:
            if isinstance(error, connection.dialect.loaded_dbapi.OperationalError) or is_the_machines(error):
                raise  # The disk is full or broken.
            taken = None  # One of them breaks us; which, the intake's own way finds out and says.
        if taken is None:
            cursor.execute("ROLLBACK TO SAVEPOINT keeping")
        cursor.execute("RELEASE SAVEPOINT keeping")
        return (0, count) if taken is None else (taken, int(taken < count))

    def _is_talk(self, event: Json) -> bool:
        return "state_key" not in event and event["type"] not in _NEVER and event["sender"] != self._settings.ai

    def _take(self, connection: Connection, events: Sequence[Json], now: int) -> int | None:
        """Take in the first events up to one that is more than talk. None: what was written must not stand."""
        facts = Gathered(connection, events)
        counted: Counter[tuple[str, str]] = Counter()
        denied: Counter[str] = Counter()
        noted: list[tuple[str, str, str, int, str | None]] = []
        messages: list[kept.Message] = []
        taken = 0
        for event in events:
            place = facts.room(event["room_id"])
            if place is None or (place.filled and not facts.is_joined(event["room_id"], event["sender"])):
                break  # Of somebody who is not there by our rows, the intake's own way makes sure.
            if facts.is_redacted(event["room_id"], event["event_id"]):
                break
            weighed = weigh(event, self._view(connection, event, place, facts, now))
            what = weighed.classified
            if what.control is not None or what.addressed or what.edits is not None or what.encrypted:
                break
            taken += 1
            if isinstance(weighed, Dropped):
                counted["dropped", what.kind] += 1
                denied.update(weighed.reasons)
                continue
            store = weighed.may(Right.STORE)
            if store:
                text = cast("Json", event["content"]).get("body")
                if isinstance(text, str):
                    messages.append(_message(event, what, without_reply_fallback(text), store.until))
            elif not (read := weighed.may(Right.READ)):
                counted["dropped", what.kind] += 1
                denied.update(read.reasons)
                continue
            counted["passed", what.kind] += 1
            noted.append((event["event_id"], event["room_id"], event["sender"], what.at, what.thread))
        if not (journal.note(connection, noted, now) and kept.keep_all(connection, messages)):
            return None  # Some were taken in before.
        for (verdict, kind), times in counted.items():
            self._metrics.event(verdict, kind, times)
        for reason, times in denied.items():
            self._metrics.denied(reason, times=times)
        return taken

    def _view(self, connection: Connection, event: Json, place: Place, facts: Gathered, now: int) -> RoomView:
        """Return what `Intake.view` returns, from what was gathered. By place: by name it takes twice as long."""
        at, room_id = event.get("origin_server_ts"), event["room_id"]
        at = min(at, now) if isinstance(at, int) else 0

        def is_called_into(root: str) -> bool:
            return rooms.called_into(connection, room_id, EventID(root))

        return RoomView(
            self._settings.ai,
            now,
            now,
            place.policies_since(at),
            self._settings.ceiling,
            facts.member(room_id, event["sender"]),
            facts.mark(event["event_id"]),
            place.off_record,
            retention_at(place.retention, at),
            (*place.names, *self._names) if place.names else self._names,
            place.direct,
            self._ghosts,
            NO_BOTS,
            facts.is_ours,
            is_called_into,
        )


def _message(event: Json, what: Classified, text: str, until: int | None) -> kept.Message:
    return kept.Message(
        event_id=event["event_id"],
        room_id=event["room_id"],
        sender=event["sender"],
        at=what.at,
        until=until,
        thread=what.thread,
        reply_to=what.reply_to,
        text=text,
    )
