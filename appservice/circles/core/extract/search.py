"""The messages that best answer a question, by their words alone (BM25): quoted, or nothing at all. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from circles.core.extract.asked import answers_kind, kinds_asked
from circles.core.extract.lines import Line, sender_names
from circles.core.extract.replies import asks_anything, later
from circles.core.extract.text import MAX_CHARS, fold
from circles.core.extract.tokens import index_terms, query_terms

_K1: Final = 1.2
_B: Final = 0.6
_COVERAGE: Final = 0.25
"""The share of the question's weight that a message must meet: one common word of five is no answer."""
_ANSWERS: Final = 2.0
"""How much more the answer to a question that was found is worth than the question."""
_OF_BEST: Final = 0.35
_QUESTION_WORDS: Final = re.compile(
    r"哪一?天|什么时候|啥时候|何时|几号|几点|初几|星期几|周几|礼拜几|多久|谁|哪位|哪个人|哪儿|哪里"
    r"|什么地方|哪家|哪个|在哪|去哪|多少|几个|几人|多长|怎么样?|为什么|什么|请问|告诉我|是不是|有没有"
    r"|吗|呢|我们|咱们|大家|说了?|定了?|\b(?:tell me|find|show me|did (?:we|anyone|you)|do (?:we|you)|say"
    r"|said|know|remember|decide[d]?|what|when|where|who|which|how|why|many|much|time|day|date)\b"
)


@dataclass(frozen=True, slots=True)
class ScoredId:
    """A line and how well it answers; scores compare only within one search."""

    id: str
    score: float


def search(
    lines: Sequence[Line], query: str, limit: int = 5, people: Mapping[str, str] | None = None
) -> tuple[ScoredId, ...]:
    """Return the lines that best answer `query`, best first; empty where no word of substance is found."""
    low = fold(query)
    wanted = query_terms(_QUESTION_WORDS.sub(" ", low))
    if not wanted or not lines:
        return ()
    documents = [Counter(index_terms(f"{line.name} {line.text[:MAX_CHARS]}").split()) for line in lines]
    idf = _weights(documents, wanted)
    scores = _bm25(documents, wanted, idf)
    asked = kinds_asked(query)
    names = sender_names(lines, people)
    for at, line in enumerate(lines):
        if scores[at] > 0:
            scores[at] *= math.prod(1.6 if answers_kind(kind, line.text, names) else 1.0 for kind in asked)
    _lift_answers(lines, scores, asked, names)
    scores = [score * (0.5 if asks_anything(line.text) else 1.0) for score, line in zip(scores, lines, strict=True)]
    best = max(scores)
    ranked = sorted((at for at in range(len(lines)) if scores[at] > _OF_BEST * best), key=lambda at: (-scores[at], at))
    return tuple(ScoredId(lines[at].id, round(scores[at], 6)) for at in ranked[:limit])


def _weights(documents: Sequence[Counter[str]], wanted: Sequence[str]) -> dict[str, float]:
    total = len(documents)
    found = {term: sum(term in document for document in documents) for term in wanted}
    return {term: math.log(1.0 + (total - count + 0.5) / (count + 0.5)) for term, count in found.items()}


def _bm25(documents: Sequence[Counter[str]], wanted: Sequence[str], idf: Mapping[str, float]) -> list[float]:
    average = sum(document.total() for document in documents) / len(documents) or 1.0
    whole = sum(idf.values())
    scores: list[float] = []
    for document in documents:
        found = [term for term in wanted if document[term]]
        if sum(idf[term] for term in found) < _COVERAGE * whole:
            scores.append(0.0)
            continue
        size = _K1 * (1.0 - _B + _B * document.total() / average)
        scores.append(sum(idf[term] * document[term] * (_K1 + 1.0) / (document[term] + size) for term in found))
    return scores


def _lift_answers(lines: Sequence[Line], scores: list[float], asked: Sequence[str], names: Mapping[str, str]) -> None:
    """A reply to a question that was found answers it even where it repeats none of its words."""
    for at in [at for at, score in enumerate(scores) if score > 0 and asks_anything(lines[at].text)]:
        for answer in later(lines, at, near=3):
            line = lines[answer]
            fits = line.reply_to == lines[at].id or (
                bool(asked) and all(answers_kind(kind, line.text, names) for kind in asked)
            )
            if line.sender != lines[at].sender and fits and not asks_anything(line.text):
                scores[answer] = max(scores[answer], _ANSWERS * scores[at])
                break
