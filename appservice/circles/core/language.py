"""Which of the two languages an answer is in. Pure."""

from __future__ import annotations

import re
from typing import Final, Literal

Language = Literal["en", "zh"]

_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD: Final = re.compile(r"[A-Za-z]{2,}")


def language_of(text: str, default: Language) -> Language:
    """Return the language `text` is written in; `default` where it has no word of either.

    A Han character weighs as much as a Latin word, so "remind 妈妈 at nine tomorrow" is English.
    """
    han, latin = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    if not han and not latin:
        return default
    return "zh" if han > latin else "en"


def as_language(value: str | None, default: Language) -> Language:
    """Read a stored language; anything unknown is `default`."""
    match value:
        case "en" | "zh":
            return value
        case _:
            return default
