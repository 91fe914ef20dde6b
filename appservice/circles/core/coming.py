"""What one feature tells another: dates that come, things people confirmed, and what was left unsaid. Frozen, pure.

A feature that has some offers them with `Feature.coming` and `Feature.confirmed`; `ports.items` gathers them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from circles.core.ids import Source, UserID


@dataclass(frozen=True, slots=True)
class Coming:
    """Something with a date that the room may be shown: never what is private to one person.

    Attributes:
        at: when, aware UTC.
        text: what someone asked to keep about it.
        source: the message it rests on, None where there is none to link.
        host: in whose name it stands.
    """

    at: datetime
    text: str
    source: Source | None = None
    host: UserID | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Something people confirmed and so asked to keep.

    Attributes:
        at: when it was confirmed, aware UTC.
        text: the words that were confirmed.
        source: the message it rests on, None where there is none to link.
        by: who confirmed it.
    """

    at: datetime
    text: str
    source: Source | None = None
    by: UserID | None = None


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Something the AI would have said unasked, had it fitted into the day's voice (PRODUCT.md B5).

    Attributes:
        at: when, aware UTC.
        text: one line of its own, without words of people.
        sources: the messages it rests on.
    """

    at: datetime
    text: str
    sources: tuple[Source, ...] = ()
