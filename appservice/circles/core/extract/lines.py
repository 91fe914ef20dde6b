"""One message as the extractors see it, and the piece of it that a result quotes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the window.

    Attributes:
        id: its event ID.
        sender, name: the user ID and the display name of who wrote it.
        at: when, in milliseconds since the epoch.
        text: its words as a person reads them.
        reply_to: the event it answers, or None.
        thread: the root of the thread it is in, or None.
    """

    id: str
    sender: str
    name: str
    at: int
    text: str
    reply_to: str | None = None
    thread: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence worth showing, as it was written.

    Attributes:
        id: the line that contains the quote.
        quote: that part of the line's text, word for word; it starts at `start`.
        related: the other lines it rests on (who agreed, what was contradicted), in time order.
    """

    id: str
    quote: str
    start: int
    related: tuple[str, ...] = ()


def sender_names(lines: Sequence[Line], people: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the names by user ID: those of `people`, then of the senders; an empty name counts as none."""
    names = {user_id: name.strip() for user_id, name in (people or {}).items() if name.strip()}
    for line in lines:
        if line.name.strip():
            names.setdefault(line.sender, line.name.strip())
    return names
