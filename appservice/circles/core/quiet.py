"""Quiet hours: a stretch of each day in which the AI says nothing by the clock. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time

from circles.core.schedule import LATE_AFTER, Repeat, Rule, lateness, next_fire
from circles.core.zones import local_time, zone_info


@dataclass(frozen=True, slots=True)
class Quiet:
    """From when until when it is quiet, in a place. `start` is inside, `end` is not; over midnight where it is earlier.

    Clock changes follow `core.schedule`: an end that does not exist that night is shifted by the gap, and of one that
    comes twice the first counts.
    """

    start: time
    end: time
    zone: str

    def __post_init__(self) -> None:
        """Refuse what is no stretch of a day."""
        zone_info(self.zone)
        if self.start == self.end:
            raise ValueError("quiet hours need an end that is not their start")

    def holds(self, instant: datetime) -> bool:
        """Return whether it is quiet then."""
        at = local_time(instant, self.zone).time()
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def ends(self, instant: datetime) -> datetime:
        """Return when it is quiet no longer: the instant itself where it is not quiet then."""
        while self.holds(instant):
            following = next_fire(Rule(Repeat.DAYS, self.end, self.zone), instant)
            if following is None:
                break  # at the end of the calendar
            instant = following
        return instant

    def held_back(self, due: datetime, now: datetime) -> bool:
        """Return whether what was due then comes now because of the quiet hours, and for no other reason."""
        return self.holds(due) and lateness(self.ends(due), now) <= LATE_AFTER

    def to_json(self) -> dict[str, str]:
        """Return it as plain values."""
        return {"start": f"{self.start:%H:%M}", "end": f"{self.end:%H:%M}", "zone": self.zone}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Quiet:
        """Return what `to_json` wrote; ValueError or KeyError if it is not that."""
        start, end = (time.fromisoformat(str(value[key])) for key in ("start", "end"))
        return cls(start, end, str(value["zone"]))
