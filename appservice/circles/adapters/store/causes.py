"""Ids of effects, made from what caused them: handling the same thing again writes the same ids.

So whatever a restored database does a second time is known by its id, in the room and to the homeserver, and does not
happen twice.  A cause that writes several effects of a kind numbers them; one without a cause gets a random id.
"""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from sqlalchemy import Connection, select

from circles.adapters.store.tables import outbox
from circles.core.ids import EffectID
from circles.facts.posts import FOUND
from circles.facts.tables import posts

_cause: Final[ContextVar[str | None]] = ContextVar("cause", default=None)


@contextmanager
def because(cause: str | None) -> Generator[None]:
    """Make the ids of all effects that are written inside from `cause`; None leaves the cause that is."""
    token = _cause.set(cause if cause is not None else _cause.get())
    try:
        yield
    finally:
        _cause.reset(token)


def answering(event_id: str) -> str:
    """Return the cause that the handling of a person's event is."""
    return f"answer {event_id}"


def waiting_for(event_id: str) -> str:
    """Return the cause of the placeholder that an event gets."""
    return f"placeholder {event_id}"


def effect_id(cause: str, kind: str, number: int = 0) -> EffectID:
    """Return the id of a cause's first, second, … effect of a kind."""
    return EffectID(hashlib.sha256(f"{cause}\0{kind}\0{number}".encode(errors="surrogatepass")).hexdigest()[:32])


def new_id(connection: Connection, kind: str) -> EffectID:
    """Return the id for one more effect of a kind."""
    cause = _cause.get()
    if cause is None:
        return EffectID(uuid.uuid4().hex)
    ids = (effect_id(cause, kind, number) for number in itertools.count())
    return next(each for each in ids if not _is_taken(connection, each))


def _is_taken(connection: Connection, each: EffectID) -> bool:
    """Return whether a row of ours has this id; one that was found in a room is still to be had."""
    rows = select(outbox.c.seq).where(outbox.c.id == each)
    known = select(posts.c.effect_id).where(posts.c.effect_id == each, posts.c.state != FOUND)
    return any(connection.execute(query).first() is not None for query in (rows, known))
