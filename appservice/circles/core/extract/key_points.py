"""Which messages carry a conversation: TextRank over TF-IDF, in milliseconds for a day of talk. Pure."""

from __future__ import annotations

import heapq
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from circles.core.extract.lines import Line
from circles.core.extract.replies import agrees, asks_anything, is_small_talk
from circles.core.extract.tokens import is_cjk, terms, without_links
from circles.core.extract.when import time_phrases

_CHUNK: Final = 400
_DAMPING: Final = 0.85
_STEPS: Final = 30
_ALIKE: Final = 0.6
"""Cosine similarity from which two messages say the same and only the better one is kept."""

_MOST_WORTH: Final = 1.3
_NOTHING: Final = 1e-9

Vector = dict[str, float]


def key_points(lines: Sequence[Line], limit: int) -> tuple[str, ...]:
    """Return the ids of at most `limit` messages that carry the conversation, in time order."""
    kept = [at for at, line in enumerate(lines) if not is_small_talk(line.text)]
    words = {at: _words(lines[at].text) for at in kept}
    kept = [at for at in kept if len(set(words[at])) >= 2]
    while len(kept) > _CHUNK:
        share = max(4 * limit, _CHUNK // 8)
        chunks = [kept[start : start + _CHUNK] for start in range(0, len(kept), _CHUNK)]
        narrowed = sorted(at for chunk in chunks for at in _best(lines, words, chunk, share))
        if len(narrowed) == len(kept):
            break
        kept = narrowed
    return tuple(lines[at].id for at in sorted(_best(lines, words, kept, limit)))


def _words(text: str) -> list[str]:
    """Single Chinese characters say too little to make two messages alike."""
    return [term for term in terms(without_links(text)) if len(term) > 1 or not is_cjk(term)]


def _best(lines: Sequence[Line], words: dict[int, list[str]], among: list[int], limit: int) -> list[int]:
    if limit <= 0 or not among:
        return []
    vectors = _tf_idf([words[at] for at in among])
    usual = statistics.median(len(words[at]) for at in among)
    scores = [score * _fullness(words[at], usual) for at, score in zip(among, _rank(vectors), strict=True)]
    # What a message is worth takes longest to say: it is asked only of those that could come next if it were the most.
    waiting = [(-_rounded(score * _MOST_WORTH), place, False) for place, score in enumerate(scores)]
    heapq.heapify(waiting)
    chosen: list[int] = []
    while waiting and len(chosen) < limit:
        _, place, weighed = heapq.heappop(waiting)
        if not weighed:
            worth = scores[place] * _worth(lines[among[place]].text)
            heapq.heappush(waiting, (-_rounded(worth), place, True))
        elif all(_cosine(vectors[place], vectors[other]) < _ALIKE for other in chosen):
            chosen.append(place)
    return [among[place] for place in chosen]


def _rounded(score: float) -> float:
    """Of two that differ in nothing but the order of a sum, the earlier one comes first."""
    return round(score, 12)


def _tf_idf(documents: list[list[str]]) -> list[Vector]:
    counts = [Counter(document) for document in documents]
    holders = Counter(term for count in counts for term in count)
    idf = {term: math.log((1.0 + len(documents)) / (1.0 + held)) + 1.0 for term, held in holders.items()}
    vectors: list[Vector] = []
    for count in counts:
        weights = {term: math.log1p(times) * idf[term] for term, times in count.items()}
        norm = math.hypot(*weights.values()) or 1.0
        vectors.append({term: weight / norm for term, weight in weights.items()})
    return vectors


def _cosine(one: Vector, other: Vector) -> float:
    return sum(weight * other.get(term, 0.0) for term, weight in one.items())


def _rank(vectors: list[Vector]) -> list[float]:
    """PageRank by power iteration over how alike the messages are; one like no other shares the random jump only.

    The matrix of likenesses is V Vᵀ without its diagonal, and never made: a step goes through V and back, which costs
    as much as there are words.
    """
    size = len(vectors)
    holders = Counter(term for vector in vectors for term in vector)
    # A word of one message makes it like itself only.
    rows = [[(term, weight) for term, weight in vector.items() if holders[term] > 1] for vector in vectors]
    own = [sum(weight * weight for _, weight in row) for row in rows]

    def carried(shares: list[float]) -> list[float]:
        sums: dict[str, float] = defaultdict(float)
        for row, share in zip(rows, shares, strict=True):
            for term, weight in row:
                sums[term] += share * weight
        return [
            sum([sums[term] * weight for term, weight in row]) - share * alone
            for row, share, alone in zip(rows, shares, own, strict=True)
        ]

    degrees = carried([1.0] * size)
    scores = [1.0 / size] * size
    for _ in range(_STEPS):
        shares = [score / degree if degree > _NOTHING else 0.0 for score, degree in zip(scores, degrees, strict=True)]
        astray = sum(score for score, degree in zip(scores, degrees, strict=True) if degree <= _NOTHING)
        base = (1.0 - _DAMPING + _DAMPING * astray) / size
        scores = [base + _DAMPING * arrived for arrived in carried(shares)]
    return scores


def _fullness(words: Sequence[str], usual: float) -> float:
    """A sentence or two says more than a word; how long that is depends on how long people here usually speak.

    A Chinese message says as much in fewer terms, and one of a page as little as in one of its sentences.
    """
    length = len(words)
    if sum(map(is_cjk, words)) * 2 > length:
        return min(1.0, length / 8.0) if length <= 40 else max(0.5, 40.0 / length)
    return min(1.0, length / min(max(3.0 * usual, 8.0), 24.0))


def _worth(text: str) -> float:
    """Weigh what similarity cannot see: a day in it, that it is no question, that it is no mere yes."""
    worth = 1.0
    if time_phrases(text):
        worth *= _MOST_WORTH
    if asks_anything(text):
        worth *= 0.7
    if agrees(text):
        worth *= 0.8
    return worth
