"""Which lines help shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MOST_LINES: Final = 14
"""What a phone shows without scrolling, title and foot included."""


MORE: Final = ("more", "更多")
"""What asks for the second screen."""


MYSELF: Final = ("me", "us", "我", "我们")
"""Who wants help, which is not the word that is asked about."""


def about(listed: Sequence[str], asked: str) -> tuple[tuple[str, str], ...]:
    """Return the lines of one word ("help remind"); none where it is no word of theirs."""
    word = asked.strip().casefold()
    if not word or word in (*MORE, *MYSELF):
        return ()
    pairs = [line.partition(" – ") for line in listed]
    return tuple((example, meaning) for example, _, meaning in pairs if meaning and word in example.casefold())


def lines(listed: Sequence[str], *, more: bool) -> tuple[tuple[str, str], ...]:
    """Return (example, meaning) pairs from "example – meaning" lines: the first screen's, or those that follow."""
    pairs = [line.partition(" – ") for line in listed]
    told = tuple((example, meaning) for example, _, meaning in pairs if meaning)
    return told[MOST_LINES - 2 :][: MOST_LINES - 2] if more else told[: MOST_LINES - 2]
