"""Off the record: a thread, or everybody's talk for a time, that any member keeps from the AI."""

from __future__ import annotations

from typing import Final

from circles.core.language import Language
from circles.feature import Command, Feature
from circles.features.off_record import handler, store
from circles.features.off_record.control import control
from circles.features.off_record.decide import NAME, EndStretches
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
            name="off_record",
            whole=True,
            words=_forms(ControlWord.OFF_RECORD),
            handle=handler.confirm,
            help={"en": "off record for an hour – I look away", "zh": "接下来一小时别看 – 我不看"},
            waiting=True,
        ),
        Command(
            name="on_record",
            whole=True,
            words=_forms(ControlWord.ON_RECORD),
            handle=handler.end,
            help={"en": "", "zh": ""},
            waiting=True,
            unlisted=True,
        ),
    ),
    control=control,
    writers={EndStretches: store.write},
)
