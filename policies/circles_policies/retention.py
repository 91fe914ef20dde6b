"""How long a room lets its messages stay: its `m.room.retention` (MSC1763), now and over time. Pure.

It is an upper bound beside the policy's own days, and the stricter of the two holds.  Over time it is a running minimum
like all else: a tighter one counts at once, also backwards; a looser one only for what is written from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, cast

RETENTION_TYPE: Final = "m.room.retention"
MAX_LIFETIME: Final = "max_lifetime"
LONGEST_MS: Final = 2**53 - 1
"""The largest integer that JSON in Matrix holds (specification, "Canonical JSON")."""
MOST_SPANS: Final = 16
"""So many looser ones after one another are told apart; before that the strictest of them counts for all."""


class Retention(NamedTuple):
    """What a room says about how long a message stays at most.

    Attributes:
        max_lifetime: so many ms from when it was written; None: the room sets no end.
        unreadable: the room sets one that nobody can read, so nothing is kept.
    """

    max_lifetime: int | None = None
    unreadable: bool = False


NO_RETENTION: Final = Retention()
"""A room that sets no end."""


class Span(NamedTuple):
    """What a room said, from when until when (ms); until None: it says so now."""

    retention: Retention
    since: int
    until: int | None = None


def read_retention(content: Mapping[str, object]) -> Retention:
    """Return what the content of an `m.room.retention` event says.

    `min_lifetime` is not looked at: it is how long servers are asked to hold a message at least, so that people find
    it there (MSC1763).  The AI's copy serves no such purpose, and nobody is promised that it stays.

    What is no whole number of milliseconds from 0 on is unreadable.  Somebody wanted an end and we cannot tell which,
    so nothing more is kept until it can be read; but what is there keeps the end it had, for a slip of the pen must not
    delete what cannot come back.
    """
    value = content.get(MAX_LIFETIME)
    if value is None:
        return NO_RETENTION
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return Retention(unreadable=True)
    return Retention(min(value, LONGEST_MS))


def without_words(content: Mapping[str, object]) -> dict[str, object]:
    """Return a content that reads the same and is a number or nothing: people may write words where one belongs."""
    retention = read_retention(content)
    if retention.unreadable:
        return {MAX_LIFETIME: -1}
    return {} if retention.max_lifetime is None else {MAX_LIFETIME: retention.max_lifetime}


def current(spans: Sequence[Span]) -> Retention:
    """Return what a room says now."""
    return spans[-1].retention if spans and spans[-1].until is None else NO_RETENTION


def changed(spans: Sequence[Span], retention: Retention, at: int) -> tuple[Span, ...]:
    """Return what a room said over time once it says something else, from an instant (ms) on."""
    if retention == current(spans):
        return tuple(spans)
    ended = [span if span.until is not None else span._replace(until=at) for span in spans]
    if retention != NO_RETENTION:
        ended.append(Span(retention, at))
    told = [span for place, span in enumerate(ended) if not _is_covered(span, ended[place + 1 :])]
    while len(told) > MOST_SPANS:
        told[:2] = [_joined(told[0], told[1])]
    return tuple(told)


def retention_at(spans: Sequence[Span], at: int) -> Retention:
    """Return what holds for a message written at an instant (ms): the strictest that the room said since."""
    if not spans:
        return NO_RETENTION
    since = [span for span in spans if span.until is None or at < span.until]
    ends = [span.retention.max_lifetime for span in since if span.retention.max_lifetime is not None]
    return Retention(min(ends, default=None), any(span.retention.unreadable and span.since <= at for span in since))


def to_rows(spans: Iterable[Span]) -> list[list[int | bool | None]]:
    """Return spans as JSON."""
    return [[*span.retention, span.since, span.until] for span in spans]


def from_rows(rows: object) -> tuple[Span, ...]:
    """Return spans from the JSON that `to_rows` made; nothing was said where there is none."""
    return tuple(Span(Retention(most, unreadable), since, until) for most, unreadable, since, until in _rows(rows))


def _rows(rows: object) -> list[tuple[int | None, bool, int, int | None]]:
    return cast("list[tuple[int | None, bool, int, int | None]]", rows or [])


def _is_covered(span: Span, later: Sequence[Span]) -> bool:
    """Say whether a later span is as strict for every message that this one counts for."""
    most = span.retention.max_lifetime
    if most is None:
        return False
    ends = [each.retention.max_lifetime for each in later if _lasts(each, span)]
    return not span.retention.unreadable and any(end is not None and end <= most for end in ends)


def _lasts(span: Span, other: Span) -> bool:
    return span.until is None or (other.until is not None and span.until >= other.until)


def _joined(one: Span, other: Span) -> Span:
    """Return a span that is as strict as both for all that either counts for."""
    ends = [each.retention.max_lifetime for each in (one, other) if each.retention.max_lifetime is not None]
    unreadable = one.retention.unreadable or other.retention.unreadable
    until = None if one.until is None or other.until is None else max(one.until, other.until)
    return Span(Retention(min(ends, default=None), unreadable), min(one.since, other.since), until)
