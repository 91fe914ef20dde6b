"""The room's budget for the AI's unasked words (PRODUCT.md B5). Pure: no clock, no database.

All features share it: whatever nobody asked for fits in here or becomes a line of the room's next digest.
Answers, reminders, digests and check-ins that people set are outside it.
"""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

NIGHT_START: Final = time(22, 0)
NIGHT_END: Final = time(8, 0)


class Dial(StrEnum):
    """How much a room wants to hear unasked."""

    OFF = "off"
    QUIET = "quiet"
    LIVELY = "lively"


PER_DAY: Final = {Dial.OFF: 0, Dial.QUIET: 1, Dial.LIVELY: 3}
"""So many times the operator's number a room and day; `QUIET` is where every room starts."""


def per_day(dial: Dial, usual: int = 1) -> int:
    """Return how many unasked posts a day fit, where the operator lets a quiet room have `usual`."""
    return PER_DAY[dial] * usual


def voice_day(now: datetime, zone: str | None) -> str:
    """Return the day that `now` falls in where the room is, as the key of its count (`facts.tables.voice.day`)."""
    return _local(now, zone).date().isoformat()


def is_night(now: datetime, zone: str | None, start: time = NIGHT_START, end: time = NIGHT_END) -> bool:
    """Return whether it is night where the room is. `start` is inside, `end` is not; equal: no night."""
    at = _local(now, zone).time()
    if start <= end:
        return start <= at < end
    return at >= start or at < end


def may_speak(
    now: datetime,
    zone: str | None,
    spoken_today: int,
    most: int = 1,
    night_start: time = NIGHT_START,
    night_end: time = NIGHT_END,
) -> bool:
    """Return whether one more unasked post fits: the day's count is not used up, and it is not night."""
    return spoken_today < most and not is_night(now, zone, night_start, night_end)


def _local(now: datetime, zone: str | None) -> datetime:
    return now.astimezone(ZoneInfo(zone or "UTC"))
