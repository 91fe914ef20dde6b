"""Consent: who decides what the AI may look at, keep and send, and how each person says no for themselves."""

from __future__ import annotations

from typing import Final

from circles.core.language import Language
from circles.feature import Command, Feature
from circles.features.consent import handler
from circles.features.consent.control import control, follow
from circles.features.consent.decide import NAME, Choose, SaveBanner, SetLanguage, StartPolicy, Welcome, WithdrawPolicy
from circles_policies.words import ALONE, ControlWord


def _forms(word: ControlWord) -> dict[Language, tuple[str, ...]]:
    forms = ALONE.get(word, ())
    return {
        "en": tuple(form for form in forms if form.isascii()),
        "zh": tuple(form for form in forms if not form.isascii()),
    }


FEATURE: Final = Feature(
    name=NAME,
    purpose="consent",
    commands=(
        Command(
            name="policy",
            words=_forms(ControlWord.POLICY),
            handle=handler.show_policy,
            help={"en": "policy – what I may look at", "zh": "规则 – 我能看什么"},
            waiting=True,
            about_circle=True,
        ),
        Command(
            name="enable",
            words=_forms(ControlWord.ENABLE),
            handle=handler.show_policy,
            help={"en": "", "zh": ""},
            waiting=True,
            about_circle=True,
            unlisted=True,
        ),
        Command(
            name="out",
            whole=True,
            words=_forms(ControlWord.OUT),
            handle=handler.confirm_choice,
            help={"en": "out / in – keep your talk from me", "zh": "不看我 / 可以看我 – 你来定"},
            waiting=True,
        ),
        Command(
            name="not_at_all",
            whole=True,
            words=_forms(ControlWord.NOT_AT_ALL),
            handle=handler.confirm_choice,
            help={"en": "", "zh": ""},
            waiting=True,
            unlisted=True,
        ),
        Command(
            name="in",
            whole=True,
            words=_forms(ControlWord.IN),
            handle=handler.confirm_choice,
            help={"en": "", "zh": ""},
            waiting=True,
            unlisted=True,
        ),
        Command(
            name="keep_out",
            words={"en": ("keep out",), "zh": ()},
            handle=handler.keep_out,
            help={"en": "", "zh": ""},
            waiting=True,
            about_circle=True,
            unlisted=True,
        ),
        Command(
            name="let_back",
            words={"en": ("let back",), "zh": ("不再拦",)},
            handle=handler.keep_out,
            help={"en": "", "zh": ""},
            waiting=True,
            about_circle=True,
            unlisted=True,
        ),
        Command(
            name="off",
            whole=True,
            words=_forms(ControlWord.OFF),
            handle=handler.rest,
            help={"en": "off – I rest", "zh": "休息 – 我就休息"},
            waiting=True,
        ),
        Command(
            name="stop",
            whole=True,
            words=_forms(ControlWord.STOP),
            handle=handler.confirm_stopped,
            help={"en": "stop – never mind the answer", "zh": "停 – 不用答了"},
            waiting=True,
            unlisted=True,
        ),
        Command(
            name="leave",
            whole=True,
            words=_forms(ControlWord.LEAVE),
            handle=handler.leave,
            help={"en": "leave – I go, or you vote", "zh": "离开 – 我走，或大家投票"},
            waiting=True,
        ),
        Command(
            name="language",
            words={"en": ("language",), "zh": ("语言",)},
            handle=handler.speak,
            lasting=True,
            help={"en": "language Chinese", "zh": "语言 英文"},
            waiting=True,
            unlisted=True,
        ),
    ),
    control=control,
    follow=follow,
    fire=handler.fire,
    sent=handler.sent,
    entered=handler.enter,
    writers=dict.fromkeys((Choose, SaveBanner, Welcome, StartPolicy, WithdrawPolicy, SetLanguage), handler.write),
)
