"""Every sentence about how much the AI says unasked, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.language import Language
from circles.core.voice import Dial, per_day

Sentence = Mapping[Language, str]

WHICH: Final[Sentence] = {
    "en": "Say “voice off”, “voice quiet” or “voice lively”.",
    "zh": "可以说“话量 关”、“话量 少”或“话量 多”。",
}
FOR_ADMINS: Final[Sentence] = {
    "en": "Thanks! An admin of this room sets how much I say unasked.",
    "zh": "谢谢！我主动说多少，由群管理员来定。",
}
IN_PRIVATE: Final[Sentence] = {
    "en": "In private I only answer and remind. Say it in a room, for that room.",
    "zh": "私信里我只回答和提醒。想定群里的，到群里说。",
}


def state(dial: Dial, usual: int, language: Language) -> str:
    """Say how the dial stands and how it is turned."""
    return (
        f"{_now(dial, usual, language)} {WHICH[language]}"
        if language == "en"
        else _now(dial, usual, language) + WHICH[language]
    )


def turned(dial: Dial, usual: int, language: Language) -> str:
    """Say how the dial stands now."""
    return f"All right. {_now(dial, usual, language)}" if language == "en" else f"好。{_now(dial, usual, language)}"


def _now(dial: Dial, usual: int, language: Language) -> str:
    most = per_day(dial, usual)
    if language == "zh":
        if not most:
            return "没人问我就不说；想说的放进下次摘要。你设的提醒和摘要照常。"
        return f"没人问的话我一天最多说 {most} 句，夜里不说；多的放进下次摘要。"
    if not most:
        return (
            "Unasked I say nothing here; what I would say goes into the next digest. "
            "Reminders and digests you set still come."
        )
    often = "once a day" if most == 1 else f"{most} times a day"
    return f"Unasked I speak at most {often} here, never at night; the rest goes into the next digest."
