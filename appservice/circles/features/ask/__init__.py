"""Answers with links to the messages they rest on, or "I found nothing"."""

from __future__ import annotations

from typing import Final

from circles.core.language import Language
from circles.feature import Command, Feature
from circles.features.ask.decide import NAME, WORDS
from circles.features.ask.handler import answer, remake

_WORDS: Final[dict[Language, tuple[str, ...]]] = {"en": WORDS["en"], "zh": WORDS["zh"]}

FEATURE: Final = Feature(
    name=NAME,
    purpose="ask",
    commands=(
        Command(
            name=NAME,
            words=_WORDS,
            handle=answer,
            help={"en": "ask when is dinner – with sources", "zh": "问 几点吃饭 – 带出处"},
            about_circle=True,
            slow=True,
            tool="Answer a question from what was said in the room. The argument is the question.",
        ),
    ),
    remake=remake,
)
