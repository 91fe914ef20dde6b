"""Unique words, and where they are in some bytes, however they were written down.

A word is Latin letters and two rare Chinese characters.  Each half is unique: an index keeps them apart.  The fixed
middle lets one pass over the bytes find all of them; what stands before it is unique too, because an index that leaves
out what a word shares with the one before it (SQLite's FTS5 does) must not cut into the middle.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MIDDLE: Final = "qzxj"
_LETTERS: Final = "abcdefghiklmnoprstuvwy"  # without those of the middle
_FIRST_HAN, _HANS = 0x3400, 160
"""From U+3400 on: characters in no sentence of the program, and none that an index writes as another one."""

_LATIN: Final = re.compile(rb"qzxj([a-z]{8})", re.IGNORECASE)
_UTF8: Final = re.compile(rb"(?=((?:\xe3[\x90-\x92][\x80-\xbf]){2}))")
_ESCAPED: Final = re.compile(rb"(?=((?:\\+u34[0-9a-f]{2}){2}))", re.IGNORECASE)
_BASE64_RUN: Final = re.compile(rb"[A-Za-z0-9+/_-]{16,}")


@dataclass(frozen=True, slots=True)
class Canary:
    """One word. `number` tells it from all others of its flock."""

    number: int

    @property
    def word(self) -> str:
        """The word as people write it."""
        code = _spelled(self.number)
        return f"{code}{MIDDLE}{code}{code[::-1]}{self.han}"

    @property
    def han(self) -> str:
        """Its Chinese half."""
        first, second = divmod(self.number, _HANS)
        return chr(_FIRST_HAN + first) + chr(_FIRST_HAN + second)


@dataclass
class Flock:
    """All words of one run: so many that nobody else says."""

    size: int = 0

    def new(self) -> Canary:
        """Return a word nobody has yet."""
        if self.size == _HANS**2:
            raise ValueError("no more words")
        self.size += 1
        return Canary(self.size - 1)

    def found_in(self, data: bytes) -> frozenset[Canary]:
        """Return whose words some bytes hold: as text, with JSON's escapes, in base64 at any offset."""
        numbers = set(_plain(data))
        for run in _BASE64_RUN.findall(data):
            for offset in range(4):
                numbers.update(_plain(_decoded(run[offset:])))
        return frozenset(Canary(number) for number in numbers if number < self.size)


def _plain(data: bytes) -> Iterator[int]:
    for latin in _LATIN.findall(data):
        number = _number(latin.decode().lower())
        if number is not None:
            yield number
    for han in _UTF8.findall(data):
        yield from _of_han(han.decode("utf-8", "replace"))
    for escaped in _ESCAPED.findall(data):
        codes = [int(code, 16) for code in re.findall(rb"u([0-9a-fA-F]{4})", escaped)]
        yield from _of_han("".join(map(chr, codes)))


def _of_han(pair: str) -> Iterator[int]:
    first, second = (ord(each) - _FIRST_HAN for each in pair)
    if 0 <= first < _HANS and 0 <= second < _HANS:
        yield first * _HANS + second


def _decoded(run: bytes) -> bytes:
    whole = run[: len(run) // 4 * 4].replace(b"-", b"+").replace(b"_", b"/")
    return base64.b64decode(whole)


_CODES: Final = len(_LETTERS) ** 4
_MIX: Final = 7_919
"""Prime to the number of codes: the codes of near numbers look nothing alike."""


def _spelled(number: int) -> str:
    value, letters = number * _MIX % _CODES, ""
    for _ in range(4):
        value, letter = divmod(value, len(_LETTERS))
        letters += _LETTERS[letter]
    return letters


def _number(half: str) -> int | None:
    """Return whose second half this is, None where it is nobody's."""
    code = half[:4]
    if half[4:] != code[::-1] or not set(code) <= set(_LETTERS):
        return None
    value = 0
    for letter in reversed(code):
        value = value * len(_LETTERS) + _LETTERS.index(letter)
    return value * pow(_MIX, -1, _CODES) % _CODES
