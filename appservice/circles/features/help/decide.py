"""Which lines help shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MOST_LINES: Final = 14
"""What a phone shows without scrolling, title and foot included."""


def lines(listed: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return (example, meaning) pairs from "example – meaning" lines, the most important first, as many as fit."""
    pairs = [line.partition(" – ") for line in listed]
    return tuple((example, meaning) for example, _, meaning in pairs if meaning)[: MOST_LINES - 2]
