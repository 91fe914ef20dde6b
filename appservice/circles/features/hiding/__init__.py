"""Hiding: one message that anyone keeps from the AI, and how that is undone."""

from __future__ import annotations

from typing import Final

from circles.core.language import Language
from circles.feature import Command, Feature
from circles.features.hiding import handler, store
from circles.features.hiding.control import control
from circles.features.hiding.decide import NAME, Unhide
from circles_policies.words import ALONE, ControlWord


def _forms(word: ControlWord) -> dict[Language, tuple[str, ...]]:
    return {
        "en": tuple(form for form in ALONE[word] if form.isascii()),
        "zh": tuple(form for form in ALONE[word] if not form.isascii()),
    }


FEATURE: Final = Feature(
    name=NAME,
    purpose=NAME,
    commands=(
        Command(
            name="hide",
            whole=True,
            words=_forms(ControlWord.HIDE),
            handle=handler.confirm_hidden,
            help={"en": "hide – as a reply: leave that out", "zh": "这句别看 – 回复那句话"},
            waiting=True,
        ),
        Command(
            name="unhide",
            whole=True,
            words=_forms(ControlWord.UNHIDE),
            handle=handler.unhide,
            help={"en": "", "zh": ""},
            waiting=True,
            unlisted=True,
        ),
    ),
    control=control,
    fire=handler.fire,
    writers={Unhide: store.write},
)
