"""The word that puts something off the record is obeyed inside the commit that takes it in: it only tightens.

`on record` is not: what loosens may wait for its turn (`handler.end`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from circles.core import effects as fx
from circles.core.ids import EventID
from circles.core.settings import Settings
from circles.facts import rooms
from circles.feature import Control, Effects
from circles.features.off_record import store
from circles.features.off_record.decide import asked
from circles_policies.words import ControlWord

DAY_MS: Final = 86_400_000


def control(event: Control, connection: Connection, settings: Settings) -> Effects:
    """Write the stretch that a word asks for, and take back what was made from what it covers."""
    if event.event.word is not ControlWord.OFF_RECORD or event.room.direct:
        return ()
    if rooms.marks_since(connection, event.sender, event.now - DAY_MS) >= settings.marks_per_day:
        return ()
    thread = event.event.thread
    stretch = asked(
        event.words.text if event.words is not None else "",
        event_id=event.event_id,
        room_id=event.room.room_id,
        thread=EventID(thread) if thread is not None else None,
        by=event.sender,
        at=event.at,
        now=event.now,
    )
    store.begin(connection, stretch)
    return (fx.TakeBackTalk(stretch.room_id, stretch.since, stretch.thread),)
