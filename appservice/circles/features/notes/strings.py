"""Every sentence of the notes, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles.core.language import Language
from circles_policies import POSTED_AGAIN

Sentence = Mapping[Language, str]

AGAIN: Final[Sentence] = POSTED_AGAIN
TITLE: Final[Sentence] = {"en": "Notes", "zh": "笔记"}
HELD: Final[Sentence] = {"en": "Notes", "zh": "笔记"}
HELD_OF_OTHERS: Final[Sentence] = {"en": "Notes of what others said", "zh": "记下的别人的话"}
NONE: Final[Sentence] = {
    "en": "No notes here yet. Try “keep dinner is at six”.",
    "zh": "这里还没有笔记。可以说“记下 六点吃饭”。",
}
OLDER: Final[Sentence] = {"en": "The latest ones; there are older ones too.", "zh": "最近的这些，更早的还有。"}
CUT: Final[Sentence] = {"en": "There are more; they don't fit here.", "zh": "还有一些，这里放不下。"}

NO_TEXT: Final[Sentence] = {
    "en": "What shall I keep? Say “keep dinner is at six”.",
    "zh": "要记什么？可以说“记下 六点吃饭”。",
}
TOO_LONG: Final[Sentence] = {
    "en": "That is long for a note. Up to {limit} characters fit.",
    "zh": "这条有点长，{limit} 个字以内我记得住。",
}
TOO_MANY: Final[Sentence] = {
    "en": "There are {limit} notes here, as many as I can hold. Drop one (“notes” shows them) first.",
    "zh": "这里已经有 {limit} 条笔记，装满了。说“笔记”看看，删一条就有位置了。",
}
NOT_KEPT: Final[Sentence] = {
    "en": "This room asked me to keep nothing, so I keep no notes here. In a private chat with me it works.",
    "zh": "这个群让我什么都不留，所以这里没法记。私信我就可以。",
}
OWN_WORDS: Final[Sentence] = {
    "en": "Say it in your own words, and I keep it: “keep dinner is at six”.",
    "zh": "用你自己的话说一遍，我就记下：“记下 六点吃饭”。",
}
NOT_YOURS: Final[Sentence] = {
    "en": "I may not keep your words in that circle as things stand. Here in private it works.",
    "zh": "按现在的规矩，我不能在那个圈子里留你的话。在这里私下记可以。",
}
NO_CONSENT: Final[Sentence] = {
    "en": "That circle keeps only words of people who said yes. Say “in” to me and I can keep yours.",
    "zh": "那个圈子只留说过可以的人的话。跟我说“可以看我”，我就能记你的。",
}
WHICH: Final[Sentence] = {
    "en": "Which one? “notes” shows the numbers; then say for example “drop 2”.",
    "zh": "哪一条？说“笔记”看编号，再说比如“删除 2”。",
}
NO_SUCH: Final[Sentence] = {
    "en": "There is no note with that number here. “notes” shows them.",
    "zh": "这里没有这个编号的笔记。说“笔记”看看。",
}
NOT_YOUR_NOTE: Final[Sentence] = {
    "en": "That note is someone else's. They can drop it, or an admin.",
    "zh": "这条是别人记的，TA 自己或管理员可以删。",
}
DROPPED: Final[Sentence] = {"en": "Note {number} is deleted.", "zh": "第 {number} 条笔记删了。"}

_KEPT: Final[Sentence] = {
    "en": "Kept as note {number}. “drop {number}” deletes it.",
    "zh": "记下了，第 {number} 条。说“删除 {number}”就删掉。",
}
_KEPT_PRIVATE: Final[Sentence] = {
    "en": "Kept as note {number}, for you alone. “drop {number}” deletes it.",
    "zh": "记下了，第 {number} 条，只有你看得到。说“删除 {number}”就删掉。",
}


def kept(number: int, language: Language, *, private: bool) -> str:
    """Return that a note was made."""
    return (_KEPT_PRIVATE if private else _KEPT)[language].format(number=number)
