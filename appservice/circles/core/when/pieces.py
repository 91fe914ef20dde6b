"""Rules that read pieces out of a text: a pattern, and what its match says. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from re import Match, Pattern

from circles.core.when.values import Clock, Period, Piece, Slot

Read = Callable[[Match[str]], Piece | None]
Rules = Sequence[tuple[Pattern[str], Read]]


def scan(text: str, rules: Rules) -> Iterator[Piece]:
    """Yield every piece any rule sees, overlaps included."""
    for pattern, read in rules:
        for match in pattern.finditer(text):
            found = read(match)
            if found is not None:
                yield found


def piece(
    match: Match[str],
    slot: Slot | None = None,
    clock: Clock | None = None,
    period: Period | None = None,
    *,
    weak: bool = False,
) -> Piece:
    """Return what a match says, at its place."""
    return Piece(match.start(), match.end(), slot, clock, period, weak)


def always(slot: Slot | None = None, clock: Clock | None = None, period: Period | None = None) -> Read:
    """Return a reading that is the same for every match."""
    return lambda match: piece(match, slot, clock, period)


def said(match: Match[str], group: str) -> str:
    """Return a group in lower case with single spaces, '' if the pattern or the text lacks it."""
    return " ".join((match.groupdict().get(group) or "").lower().split())
