"""What the words of a question look for: its content words, other forms of them, and which of them matter. Pure.

A question names what it is about ("the parrot", 鹦鹉) and asks for something that the answer will not name: the word
"colour" stands in few answers to "what colour …". So some words need not be met, and some must be.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from circles.core.extract.text import fold
from circles.core.extract.tokens import carries_meaning, is_cjk, stem

QUESTION_WORDS: Final = re.compile(
    r"哪一?天|什么时候|啥时候|何时|几号|几点|初几|星期几|周几|礼拜几|多久|谁|哪位|哪个人|哪儿|哪里"
    r"|什么地方|哪家|哪个|在哪|去哪|多少钱?|几块钱?|几个|几人|多长|怎么样?|为什么|什么|请问|告诉我|是不是|有没有"
    r"|吗|呢|我们|咱们|大家|说了?|定了?|\b(?:tell me|find|show me|did (?:we|anyone|you)|do (?:we|you)|say"
    r"|said|know|remember|decide[d]?|what|when|where|who|which|how|why|many|much|time|day|date)\b"
)
_ATTRIBUTE_WORDS: Final = (
    "colour color name price cost time day date place address size number age kind sort type brand weight height length"
    " reason title amount total keep kept put stored stand located happen happens held"
)
_ATTRIBUTES: Final = frozenset(_ATTRIBUTE_WORDS.split())
"""What a question asks for by a word that its answer leaves out: the colour of a thing, where it is kept."""
_ATTRIBUTE_WORDS_ZH: Final = "颜色 名字 时间 日期 地方 地址 价格 价钱 号码 大小 年龄 种类 牌子 原因 星期 公里"
_ATTRIBUTES_ZH: Final = frozenset(_ATTRIBUTE_WORDS_ZH.split())
_ADJECTIVE_WORDS: Final = (
    "new old big small first last next best good same other little long short great whole own right wrong"
)
_ADJECTIVES: Final = frozenset(_ADJECTIVE_WORDS.split())
"""Words before a noun that alone say nothing of what is asked."""
_TALK_WORDS: Final = (
    "discuss discussion debate talk talked think thought thoughts mention mentioned summarize summarise summary present"
    " presentation opinion opinions view views meeting group team conclusion conclusions idea ideas anything something"
    " agree agreed"
)
_TALK: Final = frozenset(_TALK_WORDS.split())
"""Words about the talk itself: what is asked is what it was about."""
_DETERMINER: Final = re.compile(
    r"\b(?:the|a|an|my|your|our|their|his|her|its|this|that|these|those|which|what|about|on|of|for)\b|'s\b"
)
_HUNG: Final = re.compile(
    r"\b(?:of|to|for|on|in|at|from|with)\s+(?:(?:the|a|an|my|your|our|their|his|her)\s+)?([a-z0-9]+)"
)
_HOW: Final = re.compile(r"\bhow (\w+)")
_WORD: Final = re.compile(r"[a-z0-9']+")
_NAMED: Final = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+")
_GRAMMAR_ZH: Final = re.compile(
    "[的了是在我你您他她它们这那有和与及或就不也都吗呢吧啊呀哦很太个一些么怎哪谁几为被把让到着还再又才只从对向里]+"
)
"""Characters that end a word before them and begin one after them."""
_SOFT_ZH: Final = frozenset("给去来要会能可以想得地过上下")
"""Characters that are grammar alone, but stand in words too: 会计, 要求."""
_HAN_RUN: Final = re.compile(r"[\u3400-\u9fff]+")
_LIGHT_ZH: Final = frozenset("子头儿时候家里面边人事新旧大小多")
"""Characters that a longer word loses or gains without meaning less: 鞋子 and 鞋."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that is looked for.

    Attributes:
        forms: the terms that meet it, the first as it was said.
        weaker: terms that meet it in part, where no form of it is met.
        optional: the answer need not name it.
        focus: it is what the question is about.
        aside: it only says more of that: the "house" in "the key to the house".
    """

    forms: tuple[str, ...]
    weaker: tuple[str, ...] = ()
    optional: bool = False
    focus: bool = False
    aside: bool = False


def wanted(question: str) -> tuple[Slot, ...]:
    """Return what a question looks for, each thing once; empty where it says nothing of substance."""
    low = fold(question)
    slots = _with_asides([*_english(question, low), *_chinese(low)], low)
    if not any(slot.focus for slot in slots):
        slots = [replace(slot, focus=not slot.optional) for slot in slots]
    return tuple({slot.forms[0]: slot for slot in reversed(slots)}.values())[::-1]


def _with_asides(slots: Sequence[Slot], low: str) -> list[Slot]:
    """Return the slots, those that a preposition hangs on an earlier one marked as what they are."""
    hung = {stem(word) for word in _HUNG.findall(low)}
    return [
        replace(slot, aside=True)
        if slot.forms[0] in hung and any(each.focus and each.forms[0] not in hung for each in slots[:at])
        else slot
        for at, slot in enumerate(slots)
    ]


def present(slots: Collection[Slot], known: Collection[str]) -> tuple[Slot, ...]:
    """Return the slots without pairs that only seem words: a pair nobody wrote, between two that somebody did."""
    pairs = [slot.forms[0] for slot in slots if len(slot.forms[0]) == 2 and is_cjk(slot.forms[0])]
    written = {pair for pair in pairs if pair in known}
    return tuple(
        slot
        for slot in slots
        if slot.forms[0] not in pairs
        or slot.forms[0] in written
        or not any(slot.forms[0][0] == pair[1] or slot.forms[0][1] == pair[0] for pair in written)
    )


def _english(question: str, low: str) -> list[Slot]:
    names = {stem(fold(name)) for name in _NAMED.findall(question)}
    about = {stem(word) for found in _DETERMINER.finditer(low) for word in _run(low, found.end())}
    asked = QUESTION_WORDS.sub(" ", low)
    measures = set(_HOW.findall(low))
    slots: list[Slot] = []
    for word in _WORD.findall(asked):
        if not carries_meaning(word.removesuffix("'s")) or word in _TALK:
            continue
        term = stem(word.removesuffix("'s"))
        optional = word in _ATTRIBUTES or word in _ADJECTIVES or word in measures
        slots.append(Slot(_spellings(word, term), optional=optional, focus=not optional and term in about | names))
    return slots


def _run(low: str, start: int) -> list[str]:
    """Return the content words that follow a determiner, up to the first word that is none."""
    found: list[str] = []
    for word in _WORD.findall(low[start : start + 60]):
        if not carries_meaning(word) or word in _TALK:
            break
        found.append(word)
    return found


def _spellings(word: str, term: str) -> tuple[str, ...]:
    """Return a word's term, and that of its other spelling on the other side of the Atlantic."""
    others = {
        stem(other)
        for ours, theirs in (("our", "or"), ("is", "iz"), ("re", "er"), ("ll", "l"))
        for mine, other_side in ((ours, theirs), (theirs, ours))
        if len(word) > 5 and mine in word[2:]
        for other in (word[:2] + word[2:].replace(mine, other_side, 1),)
    }
    if len(word) == 4 and word.endswith("e"):
        others.add(stem(f"{word}d"))  # "moved" loses an e that "move" keeps
    return (term, *sorted(others - {term}))


def _chinese(low: str) -> list[Slot]:
    slots: list[Slot] = []
    for run in _HAN_RUN.findall(QUESTION_WORDS.sub(" ", low)):
        for piece in _GRAMMAR_ZH.split(run):
            if len(piece) == 1 and piece not in _SOFT_ZH:
                slots.append(Slot((piece,)))
            for at in range(len(piece) - 1):
                pair = piece[at : at + 2]
                single = tuple(char for char in pair if char not in _LIGHT_ZH and char not in _SOFT_ZH)
                if single:
                    optional = pair in _ATTRIBUTES_ZH
                    slots.append(Slot((pair,), single if len(single) == 1 else (), optional, focus=not optional))
    return slots
