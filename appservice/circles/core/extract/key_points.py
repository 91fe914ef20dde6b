"""Which messages carry a conversation: TextRank over TF-IDF, in milliseconds for a day of talk. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from circles.core.extract.lines import Line
from circles.core.extract.replies import agrees, asks_anything, is_small_talk
from circles.core.extract.tokens import is_cjk, terms, without_links
from circles.core.extract.when import time_phrases

_CHUNK: Final = 400
_DAMPING: Final = 0.85
_STEPS: Final = 30
_ALIKE: Final = 0.6
"""Cosine similarity from which two messages say the same and only the better one is kept."""


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
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, 0.0)
    score = _rank(alike) * np.array([_worth(lines[at].text, len(words[at])) for at in among])
    chosen: list[int] = []
    for place in np.argsort(-score, kind="stable"):
        if len(chosen) == limit:
            break
        if all(alike[place, other] < _ALIKE for other in chosen):
            chosen.append(int(place))
    return [among[place] for place in chosen]


def _tf_idf(documents: list[list[str]]) -> NDArray[np.float64]:
    vocabulary: dict[str, int] = {}
    for document in documents:
        for term in document:
            vocabulary.setdefault(term, len(vocabulary))
    counts = np.zeros((len(documents), len(vocabulary)))
    for row, document in enumerate(documents):
        for term in document:
            counts[row, vocabulary[term]] += 1.0
    idf = np.log((1.0 + len(documents)) / (1.0 + (counts > 0).sum(axis=0))) + 1.0
    weighted = np.log1p(counts) * idf
    norms = np.linalg.norm(weighted, axis=1, keepdims=True)
    return np.asarray(weighted / np.where(norms > 0, norms, 1.0), dtype=np.float64)


def _rank(alike: NDArray[np.float64]) -> NDArray[np.float64]:
    """PageRank by power iteration; messages like no other share the random jump only."""
    size = len(alike)
    sums = alike.sum(axis=1, keepdims=True)
    moves = np.where(sums > 0, alike / np.where(sums > 0, sums, 1.0), 1.0 / size)
    score = np.full(size, 1.0 / size)
    for _ in range(_STEPS):
        score = (1.0 - _DAMPING) / size + _DAMPING * (score @ moves)
    return score


def _worth(text: str, length: int) -> float:
    """Weigh what similarity cannot see: a sentence or two, with a day in it, that is no question."""
    worth = min(1.0, length / 8.0) if length <= 40 else max(0.5, 40.0 / length)
    if time_phrases(text):
        worth *= 1.3
    if asks_anything(text):
        worth *= 0.7
    if agrees(text):
        worth *= 0.8
    return worth
