"""The identifiers of the Matrix specification as types, and the links people follow to events. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NewType
from urllib.parse import quote, urlencode

RoomID = NewType("RoomID", str)
UserID = NewType("UserID", str)
EventID = NewType("EventID", str)
EffectID = NewType("EffectID", str)
"""The id of an effect that Matrix will see: the outbox row's id and the transaction ID of its send."""


@dataclass(frozen=True, slots=True)
class Source:
    """An event something rests on, and who wrote it: what a receipt keeps.

    `at` (ms), `thread` and `to_ai` say when and where it was written and whether to the AI, so that it is found when
    that thread or time is off the record later; `room` where it stands, if not in the room it is used for (one that was
    upgraded). Two sources are the same if event and sender are.
    """

    event_id: EventID
    sender: UserID
    at: int = field(default=0, compare=False)
    thread: EventID | None = field(default=None, compare=False)
    to_ai: bool = field(default=True, compare=False)
    room: RoomID | None = field(default=None, compare=False)


def server_of(identifier: str) -> str:
    """Return the server name after the first colon of a user ID, alias or older room ID, or '' where there is none."""
    return identifier.partition(":")[2]


def room_link(room: str, via: Sequence[str] = ()) -> str:
    """Return the matrix.to link of a room ID or alias (spec appendix "matrix.to navigation")."""
    return f"https://matrix.to/#/{quote(room, safe='!#@$:')}" + _via(via)


def event_link(room_id: RoomID, event_id: EventID, via: Sequence[str] = ()) -> str:
    """Return the matrix.to link of one event; `via` lets members of other homeservers follow it."""
    return f"https://matrix.to/#/{quote(room_id, safe='!:')}/{quote(event_id, safe='$:')}" + _via(via)


def user_link(user_id: UserID) -> str:
    """Return the matrix.to link of a user, which clients show as a pill."""
    return f"https://matrix.to/#/{quote(user_id, safe='@:')}"


def _via(via: Sequence[str]) -> str:
    return "?" + urlencode([("via", server) for server in via]) if via else ""
