"""Text cut into terms: lower-cased words with their endings dropped, Chinese characters singly and in pairs. Pure.

The index of a circle's memory and the query that searches it are cut here, by the same rule, so they meet.
SQLite's own tokenizers find nothing for a two-character Chinese word; a column of these terms under unicode61 does.
"""

from __future__ import annotations

import re
from typing import Final

from circles.core.extract.text import fold

_CJK: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_PART: Final = re.compile(rf"(?P<cjk>[{_CJK}]+)|(?P<word>[^\W_{_CJK}]+)(?:'(?P<tail>s|ll|re|ve|d|m|t)\b)?")
_ASCII_WORD: Final = re.compile(r"([a-z0-9]+)(?:'(?:s|ll|re|ve|d|m|t)\b)?")
"""The same for folded text without any other character."""
_LINK: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_VOWEL: Final = re.compile(r"[aeiouy]")

_STOP_EN_WORDS: Final = (
    "a about above after again all also am an and any anyone are aren as at be because been before being but by can"
    " could couldn did didn do does doesn doing don down each either else even ever every few for from further get got"
    " had hadn has hasn have haven having he her here hers him his how i if in into is isn it its just let like ll me"
    " more most much my no nor not now of off oh ok okay on once one only or other our ours out over own per please"
    " quite rather really same she should shouldn since so some still such than thank thanks that the their theirs them"
    " then there these they thing things this those though through to too um under until up upon us very was wasn we"
    " well were weren what when where which while who whom whose why will with won would wouldn yeah yep yes yet you"
    " your yours"
)
_STOP_EN: Final = frozenset(_STOP_EN_WORDS.split())
_STOP_ZH: Final = frozenset(
    "的了是在我你您他她它们这那有和与及或就不也都吗呢吧啊呀哦嗯喔哈嘛噢唉诶咯啦哇很太个一些么什怎哪谁几为"
    "被把给让到去来要会能可以"
    "想说得地着过还再又才只从对向上下里最更之而且但因所如果虽然其该每此于请"
)
_STOP_PAIRS_WORDS: Final = (
    "一下 一个 一些 一样 一起 不是 不过 东西 事情 今后 他们 以及 但是 你们 其实 包括 可能 咱们 哪些 因为"
    " 大家 如果 就是 已经 应该 怎么 怎样 所以"
    " 时候 有些 有人 有的 比较 没有 然后 现在 的话 知道 虽然 觉得 还是 还有 这个 这些 这样 那个 那些 那么"
    " 问题 需要 什么 为什 我们"
)
_STOP_PAIRS: Final = frozenset(_STOP_PAIRS_WORDS.split())


_INFLECTED: Final = frozenset("sdge")
"""How a word ends that `stem` may shorten."""


def is_cjk(term: str) -> bool:
    """Say whether a term is Chinese (or Japanese, Korean) characters."""
    return re.match(rf"[{_CJK}]", term) is not None


def carries_meaning(word: str) -> bool:
    """Say whether an English word, in lower case, is more than grammar."""
    return word not in _STOP_EN


def without_links(text: str) -> str:
    """Return `text` without the addresses in it."""
    return _LINK.sub(" ", text)


def stem(word: str) -> str:
    """Return an English word without the endings of plural and tense, so that "booked" finds "booking"."""
    if len(word) < 4 or not word.isascii() or word.isdigit():
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= 3 and _VOWEL.search(root):
            doubled = root[-1] == root[-2] and root[-1] not in "lsz"
            return root[:-1] if doubled else root.removesuffix("e")
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("ches", "shes", "xes", "sses")) else word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


def _parts(text: str) -> list[tuple[str, bool]]:
    found = _PART.finditer(fold(text))
    return [(part["cjk"] or part["word"], part["cjk"] is not None) for part in found]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def terms(text: str) -> list[str]:
    """Return the terms that carry meaning, in order and with repeats: words, Chinese characters and their pairs."""
    kept: list[str] = []
    for part, cjk in _parts(text):
        if not cjk:
            kept += [stem(part)] if part not in _STOP_EN else []
            continue
        kept += [char for char in part if char not in _STOP_ZH]
        kept += [pair for pair in _pairs(part) if pair not in _STOP_PAIRS and not _STOP_ZH.issuperset(pair)]
    return kept


def index_terms(text: str) -> str:
    """Return the text of the index column: every term, stop words too, separated by spaces."""
    folded = fold(text)
    if folded.isascii():
        words: list[str] = _ASCII_WORD.findall(folded)
        return " ".join([stem(word) if word[-1] in _INFLECTED else word for word in words])
    cut: list[str] = []
    for part, cjk in _parts(text):
        cut += [*part, *_pairs(part)] if cjk else [stem(part)]
    return " ".join(cut)


def query_terms(text: str) -> tuple[str, ...]:
    """Return what to look up for `text`, each once: pairs for a run of Chinese, the character where it stands alone.

    Stop words are left out unless the query is nothing else.
    """
    every: dict[str, bool] = {}
    for part, cjk in _parts(text):
        if not cjk:
            every.setdefault(stem(part), part not in _STOP_EN)
        elif len(part) == 1:
            every.setdefault(part, part not in _STOP_ZH)
        else:
            for pair in _pairs(part):
                every.setdefault(pair, pair not in _STOP_PAIRS and _STOP_ZH.isdisjoint(pair))
            if not any(every[pair] for pair in _pairs(part)):
                for pair in _pairs(part):
                    every[pair] = pair not in _STOP_PAIRS and not _STOP_ZH.issuperset(pair)
    content = tuple(term for term, carries in every.items() if carries)
    return content or tuple(every)
