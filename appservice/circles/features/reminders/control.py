"""What `stop` does to an alarm: a control word, so it silences one under every policy, and at once."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

from circles.core.effects import Effect
from circles.core.settings import Settings
from circles.feature import Control
from circles.features.reminders import change, store
from circles_policies.words import ControlWord


def control(event: Control, connection: Connection, _settings: Settings) -> tuple[Effect, ...]:
    """Silence the alarms of whoever says `stop` where it is said; said by someone who decides, those of all."""
    if event.event.word is not ControlWord.STOP:
        return ()
    now = datetime.fromtimestamp(event.now / 1000, UTC)
    rows = store.ringing(connection, event.room.room_id, event.sender, everyone=event.decides)
    return tuple(effect for row in rows for effect in change.silenced(row, now))
