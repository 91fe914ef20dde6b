"""What the demo says in the terminal, and the record it writes: plain text, one step after the other.

Text is as wide as a terminal shows it: a Chinese character takes two columns.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TextIO

Language = Literal["en", "zh"]
WIDTH: Final = 100
NAME_COLUMNS: Final = 7


class Teller:
    """Says each step as it happens, in one language, and counts what did not happen."""

    def __init__(self, language: Language = "en", out: TextIO | None = None) -> None:
        """Take the language to tell in, and where to write; None: the terminal."""
        self.language: Language = language
        self._out = out or sys.stdout
        self._number = 0
        self._began = time.monotonic()
        self._bold = self._out.isatty() and not os.environ.get("NO_COLOR")

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    def choose(self, en: str, zh: str) -> str:
        """Return a sentence in the language of this telling."""
        return zh if self.language == "zh" else en

    def title(self, text: str) -> None:
        """Say what this is."""
        self._line(f"\n{self._strong(text)}")

    def step(self, text: str) -> None:
        """Begin a step."""
        self._number += 1
        self._line(f"\n{self._strong(f'{self._number:2}  {text}')}")

    def quote(self, text: str) -> None:
        """Show what somebody said at length."""
        for line in text.splitlines() or [""]:
            for row in wrapped(line, WIDTH - 6) or [""]:
                self._line(f"    │ {row}".rstrip())

    def message(self, hour: str, name: str, text: str) -> None:
        """Show one message of the conversation."""
        lead = f"    {hour:5}  {name}{' ' * max(0, NAME_COLUMNS - columns(name))} "
        rows = wrapped(text, WIDTH - columns(lead)) or [""]
        self._line(lead + rows[0])
        for row in rows[1:]:
            self._line(" " * columns(lead) + row)

    def good(self, text: str) -> None:
        """Say that something holds."""
        self._mark("✓", text)

    def bad(self, text: str) -> None:
        """Say that something does not hold."""
        self._mark("✗", text)

    def note(self, text: str) -> None:
        """Say something in passing."""
        self._mark("·", text)

    def plain(self, text: str = "") -> None:
        """Say something outside the steps."""
        self._line(text)

    def _mark(self, sign: str, text: str) -> None:
        rows = [row for line in text.splitlines() for row in wrapped(line, WIDTH - 6)]
        self._line(f"    {sign} {rows[0] if rows else ''}")
        for row in rows[1:]:
            self._line(f"      {row}")

    def _strong(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._bold else text

    def _line(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


class Record:
    """The demo's record: one JSON object a line, written as the steps happen, so that anyone can follow and fetch."""

    def __init__(self, path: Path | None) -> None:
        """Begin the file anew; None writes nothing."""
        self.path = path
        self._file = path.open("w", encoding="utf-8") if path is not None else None

    def write(self, step: str, **values: Any) -> None:
        """Add one line."""
        if self._file is None:
            return
        line: Mapping[str, Any] = {"step": step, "at": datetime.now(UTC).isoformat(timespec="milliseconds"), **values}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """End it."""
        if self._file is not None:
            self._file.close()


def columns(text: str) -> int:
    """Return how many columns a terminal needs for a text."""
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or char in "\ufe0f\u200d\u20e3":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in rows of at most so many columns, broken at spaces or between Chinese characters."""
    rows: list[str] = []
    row = ""
    for piece in _pieces(text):
        if row and columns(row) + columns(piece.rstrip()) > width:
            rows.append(row.rstrip())
            row = ""
        row += piece
    if row.strip():
        rows.append(row.rstrip())
    return [part for line in rows for part in (textwrap.wrap(line, width) if columns(line) > width else [line])]


def _pieces(text: str) -> Iterable[str]:
    piece = ""
    for char in text:
        piece += char
        if char == " " or _columns(char) == 2:
            yield piece
            piece = ""
    if piece:
        yield piece


def counted(count: int, thing: str) -> str:
    """Return a count with its noun."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def listed(names: Sequence[str], language: Language = "en") -> str:
    """Return names as a sentence lists them."""
    if language == "zh":
        return "、".join(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
