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
    "en": "I took that answer back, because something in it was taken back.",
    "zh": "那个回答我收回了，因为里面有内容被收回。",
}
SUCCESSOR: Final[Sentence] = {"en": "I said it again without that", "zh": "去掉之后重新说的"}
CUT: Final[Sentence] = {
    "en": "There are more; they don't fit here.",
    "zh": "还有一些，这里放不下。",
}

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
