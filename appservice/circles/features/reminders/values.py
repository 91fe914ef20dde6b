"""What the reminders keep, and the effects that write it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from circles.core.effects import Effect
from circles.core.ids import EventID, RoomID, Source, UserID
from circles.core.language import Language
from circles.core.quiet import Quiet
from circles.core.schedule import Repeat, Rule

NAME: Final = "reminders"
RING_EVERY: Final = timedelta(minutes=5)
MOST_RINGS: Final = 10
"""How often an alarm rings, and how many times in all, while nobody silences it."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder.

    Attributes:
        number: how people name it; unique among those of its room and those of its owner.
        next_due, again: when it comes next, and when it comes besides because it was put off.
        fired_at, done_at: when it was last said, and last ticked off.
        state: "active", "paused" (kept, but silent), or "fired" (said, not to come again).
        alarm: it rings again every few minutes until somebody silences it.
        rings: how often it has rung since its time came, 0 while it does not ring; `again` is then the next ring.
        for_room: it speaks to everyone in the room; else to its owner, where they asked for it.
        private: it speaks to its owner in their direct message.
        origin: the room it was asked for in, where that was upgraded to this one.
    """

    id: str
    number: int
    room_id: RoomID
    owner: UserID
    text: str
    rule: Rule
    zone: str
    next_due: datetime
    source_event: EventID
    created_at: datetime
    language: Language = "en"
    thread: EventID | None = None
    for_room: bool = False
    private: bool = False
    again: datetime | None = None
    fired_at: datetime | None = None
    done_at: datetime | None = None
    state: str = "active"
    alarm: bool = False
    rings: int = 0
    origin: RoomID | None = None

    @property
    def source(self) -> Source:
        """The request it rests on."""
        return Source(self.source_event, self.owner, room=self.origin)

    @property
    def recurs(self) -> bool:
        """Whether it comes more than once."""
        return self.rule.repeat is not Repeat.ONCE

    @property
    def comes(self) -> datetime | None:
        """When it comes next, None if it does not."""
        due = self.next_due if self.state == "active" else None
        return min((at for at in (due, self.again) if at), default=None)

    @property
    def counts(self) -> bool:
        """Whether it takes one of its owner's places: it comes, or would if it were not paused."""
        return self.state == "paused" or self.comes is not None


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for its asker: for a time zone (no options), or for a choice among times."""

    id: str
    room_id: RoomID
    owner: UserID
    text: str
    source_event: EventID
    asked_at: datetime
    options: tuple[Rule, ...] = ()
    for_room: bool = False
    private: bool = False
    thread: EventID | None = None
    language: Language = "en"
    alarm: bool = False
    whom: str = ""
    """Who else is meant, by name; only for what is said at once, so it is not kept."""


@dataclass(frozen=True, slots=True)
class AddReminder(Effect):
    """Keep a new reminder. Stale where another took its number meanwhile."""

    reminder: Reminder


@dataclass(frozen=True, slots=True)
class ChangeReminder(Effect):
    """Keep where a reminder stands: the named fields only, for a tap and its hour may come at once.

    Nothing happens if it was deleted meanwhile.
    """

    id: str
    changes: Mapping[str, str | int | datetime | None]


@dataclass(frozen=True, slots=True)
class DropReminder(Effect):
    """Delete a reminder."""

    id: str


@dataclass(frozen=True, slots=True)
class AddPending(Effect):
    """Keep a request until its asker has answered."""

    pending: Pending


@dataclass(frozen=True, slots=True)
class DropPending(Effect):
    """Delete a request that waited."""

    id: str


@dataclass(frozen=True, slots=True)
class RememberZone(Effect):
    """Keep a person's time zone."""

    user_id: UserID
    zone: str


@dataclass(frozen=True, slots=True)
class RememberRoomZone(Effect):
    """Keep a room's time zone."""

    room_id: RoomID
    zone: str


@dataclass(frozen=True, slots=True)
class RememberQuiet(Effect):
    """Keep a room's quiet hours; None: it has none any more."""

    room_id: RoomID
    quiet: Quiet | None


def wake_keys(key: str) -> tuple[str, str]:
    """Return the keys of a reminder's two wakes: its own time, and the one it was put off to."""
    return key, f"{key}/again"


def quiet_for(row: Reminder, quiet: Quiet | None, *, direct: bool) -> Quiet | None:
    """Return the quiet hours a reminder keeps to. An alarm in private keeps to none: it is there to wake its owner."""
    return None if row.alarm and (row.private or direct) else quiet
