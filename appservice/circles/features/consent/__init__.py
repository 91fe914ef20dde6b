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
            name="rules",
            whole=True,
            words={
                "en": (
                    *("what are the rules", "what are the rules here", "which rules hold here", "the rules", "rules"),
                    *(
                        "what can you see",
                        "what may you see",
                        "what do you see",
                        "what can you read",
                        "what do you read",
                    ),
                    *("what may you look at", "what do you look at", "what do you keep", "who can you see"),
                    *("what may you read", "what do you store", "what is the policy", "what's the policy"),
                    *("what do you do with our messages", "do you read everything", "do you read all messages"),
                ),
                "zh": (
                    *(
                        "这里的规矩是什么",
                        "这里的规则是什么",
                        "规矩是什么",
                        "规则是什么",
                        "这里有什么规矩",
                        "有什么规则",
                    ),
                    *(
                        "你能看到什么",
                        "你能看什么",
                        "你看得到什么",
                        "你会看什么",
                        "你看什么",
                        "你都看什么",
                        "你会存什么",
                    ),
                    *("你都能看到什么", "你会留下什么", "你什么都看吗", "我们说的你都看吗", "你会看所有消息吗"),
                ),
            },
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
            name="out_of",
            words={"en": (), "zh": ()},
            handle=handler.choose,
            help={"en": "", "zh": ""},
            waiting=True,
            unlisted=True,
            tool="The asker wants their own messages not to be looked at any more (opt out), for themself alone.",
        ),
        Command(
            name="not_at_all_in",
            words={"en": (), "zh": ()},
            handle=handler.choose,
            help={"en": "", "zh": ""},
            waiting=True,
            unlisted=True,
        ),
        Command(
            name="in_again",
            words={"en": (), "zh": ()},
            handle=handler.choose,
            help={"en": "", "zh": ""},
            waiting=True,
            unlisted=True,
        ),
        Command(
            name="come_back",
            words={"en": (), "zh": ()},
            handle=handler.tell_how_to_come_back,
            help={"en": "", "zh": ""},
            waiting=True,
            unlisted=True,
            tool="The asker wants their own messages to be looked at again (opt in).",
        ),
        Command(
            name="choice",
            whole=True,
            words={
                "en": (
                    *("am i out", "am i in", "am i opted out", "am i opted in", "did i opt out", "my choice"),
                    *("do you read my messages", "do you look at my messages", "can you see my messages"),
                    *("can you read my messages", "do you see my messages", "are you reading my messages"),
                    *("are you spying on me", "are you watching me", "do you watch me", "do you read me"),
                    *("are you looking at my messages", "can you see me", "do you see me", "do you still read me"),
                ),
                "zh": (
                    *("我被看到了吗", "我被看了吗", "你在看我吗", "你看我吗", "你能看到我吗", "你看得到我吗"),
                    *("你会看我的消息吗", "你在看我的消息吗", "你能看到我的消息吗", "你看我的消息吗", "我退出了吗"),
                    *("你能看到我说的话吗", "你看得到我说的话吗", "你在监视我吗", "你监视我吗", "你还在看我吗"),
                    *("你还看我吗", "我的选择", "我选了什么"),
                ),
            },
            handle=handler.tell_choice,
            help={"en": "am I out? – what you chose", "zh": "你在看我吗 – 你选了什么"},
            waiting=True,
            unlisted=True,
            tool="Tell the asker whether their own messages are looked at: what they chose themself.",
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
            words={
                "en": (
                    *("language", "speak english", "speak chinese", "answer in english", "answer in chinese"),
                    *("use english", "use chinese", "switch to english", "switch to chinese"),
                ),
                "zh": (
                    "语言",
                    "说英文",
                    "说中文",
                    "讲中文",
                    "讲英文",
                    "用中文",
                    "用英文",
                    "说英语",
                    "用英语",
                    "改成中文",
                    "改成英文",
                ),
            },
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
