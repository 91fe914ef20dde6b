"""Whose 🙈 may be taken off, by whom. Pure.

A mark is somebody's wish about one message. Who put it may take it off. Whoever wrote the message has the say over
their own words: they may lift what others put on it, as if they said it again now. Whoever decides in the room may lift
what others put on somebody's message, but not what its author put on it: nobody loosens another's choice.
What was made from the message stays gone: lifting a mark lets it be looked at again, and brings nothing back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from circles.core.effects import Effect
from circles.core.ids import EventID, RoomID, UserID

NAME: Final = "hiding"


@dataclass(frozen=True, slots=True)
class Unhide(Effect):
    """Take the marks of these people off a message."""

    room_id: RoomID
    event_id: EventID
    by: tuple[UserID, ...]


def liftable(
    marked_by: Collection[UserID], asker: UserID, author: UserID | None, *, decides: bool
) -> tuple[UserID, ...]:
    """Return whose marks on a message may be lifted.

    Args:
        marked_by: whose marks stand on it.
        asker: who wants them lifted.
        author: who wrote the message, None where that is not known: then nobody is let over anyone else's mark.
        decides: whether the asker decides in the room.
    """
    if author is None:
        return tuple(by for by in marked_by if by == asker)
    return tuple(by for by in marked_by if asker in (by, author) or (decides and by != author))
