"""Every sentence of a receipt, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.language import Language

Sentence = Mapping[Language, str]

NOTHING_YET: Final[Sentence] = {
    "en": "I haven't answered you here yet. Reply “why” to one of my messages.",
    "zh": "我在这里还没回答过你。回复我的一条消息说“为什么”就行。",
}
NOT_MINE: Final[Sentence] = {
    "en": "That message isn't mine. Reply “why” to one of mine.",
    "zh": "那条不是我说的。回复我的一条消息说“为什么”吧。",
}
RESTS_ON: Final[Sentence] = {"en": "This answer rests on:", "zh": "这个回答的根据："}
LINKS_IN_IT: Final[Sentence] = {
    "en": "It rests on the messages it links to. Who asked for it can ask me “why” in private and see the rest.",
    "zh": "根据就是它里面链接的那些消息。提问的人可以私下问我“为什么”，看到其余的。",
}
NO_SOURCES: Final[Sentence] = {
    "en": "It rests on no message of this room.",
    "zh": "它没有用到群里的任何消息。",
}
NO_MODEL: Final[Sentence] = {
    "en": "No AI model was used: nothing left for it.",
    "zh": "没有用 AI 模型，什么都没送出去。",
}
POLICY: Final[Sentence] = {"en": "In force then: {policy}.", "zh": "当时的规矩：{policy}。"}
NO_POLICY: Final[Sentence] = {
    "en": "Nobody had chosen then what I may look at, so I looked at nothing.",
    "zh": "当时还没人定下我能看什么，所以我什么都没看。",
}
GONE: Final[Sentence] = {
    "en": "I took that answer back, because something in it was taken back or changed.",
    "zh": "那个回答我收回了，因为里面有内容被收回或改过。",
}
SUCCESSOR: Final[Sentence] = {"en": "I said it again without that", "zh": "去掉之后重新说的"}
CUT: Final[Sentence] = {
    "en": "There are more; they don't fit here.",
    "zh": "还有一些，这里放不下。",
}

FILE_TITLE: Final[Sentence] = {"en": "What my answers to you rest on", "zh": "我给你的回答都根据什么"}
FILE: Final[Sentence] = {
    "en": "What my answers to you rest on, {days} days back: {count}. Delete this once you have saved it.",
    "zh": "最近 {days} 天我给你的回答都根据什么，一共 {count} 个。存好后可以删掉这条。",
}
NONE_GIVEN: Final[Sentence] = {
    "en": "I gave you no answer in the last {days} days.",
    "zh": "最近 {days} 天我没有回答过你。",
}
HOW_LONG: Final[Sentence] = {
    "en": "How far back? Say “receipts 30 days”, a year at most.",
    "zh": "要多久的？可以说“凭据 30 天”，最多一年。",
}
PERIODS: Final[Mapping[str, int]] = {
    **{"today": 1, "week": 7, "last week": 7, "this week": 7, "month": 31, "last month": 31, "year": 366},
    **{"今天": 1, "一周": 7, "上周": 7, "这周": 7, "本周": 7, "一个月": 31, "上个月": 31, "这个月": 31, "一年": 366},
}
_HEADS: Final[Mapping[str, Sentence]] = {
    "ask": {"en": "Answer", "zh": "回答"},
    "summary": {"en": "Summary", "zh": "总结"},
    "digest": {"en": "Digest", "zh": "摘要"},
    "notes": {"en": "Notes", "zh": "笔记"},
    "reminders": {"en": "Reminder", "zh": "提醒"},
}


def answer_head(feature: str, hour: str, language: Language) -> str:
    """Return what an answer was, and when."""
    return f"{_HEADS.get(feature, _HEADS['ask'])[language]} · {hour}"


_CALL: Final[Sentence] = {
    "en": "Sent to {model} at {host}, {hour}.",
    "zh": "送给了 {host} 上的 {model}，{hour}。",
}
_CALL_UNANSWERED: Final[Sentence] = {
    "en": "Sent to {model} at {host}, {hour}; no usable answer came back.",
    "zh": "送给了 {host} 上的 {model}，{hour}；没有得到能用的回答。",
}


def call_line(hour: str, model: str, host: str, language: Language, *, answered: bool) -> str:
    """Return where text went for an answer."""
    return (_CALL if answered else _CALL_UNANSWERED)[language].format(model=model, host=host, hour=hour)


def source_label(number: int, name: str, hour: str) -> str:
    """Return the text of a link to a message: who and when."""
    return f"[{number}] {name} {hour}".rstrip()
