"""The messages that best answer a question, by their words alone (BM25): quoted, or nothing at all. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from circles.core.extract.asked import answers_kind, kinds_asked
from circles.core.extract.decisions import decisions
from circles.core.extract.lines import Line, sender_names
from circles.core.extract.proposals import proposal
from circles.core.extract.replies import asks_anything, earlier, later
from circles.core.extract.text import MAX_CHARS
from circles.core.extract.tokens import index_terms
from circles.core.extract.wanted import Slot, present, wanted

_K1: Final = 1.2
_B: Final = 0.6
_COVERAGE: Final = 0.33
"""The share of the question's weight that a message must meet, where it meets two of its words, or all it is about."""
_ONE_WORD: Final = 0.55
"""The same where it meets one: who asks about the key to the house is not served by any word about the house."""
_WITHOUT_KIND: Final = 0.75
"""The same where it also lacks the kind of thing that is asked for: no hour where the question is when."""
_ATTRIBUTE: Final = 0.5
"""How much of its weight a word has that the answer need not name: the "colour" in "what colour is it", and what only
says more of another word."""
_ANSWERS: Final = 2.0
"""How much more the answer to a question that was found is worth than the question."""
_GOES_ON: Final = 0.9
"""How much what its writer goes on to say is worth of a message that was found, where it holds what is asked for."""
_NEAR: Final = 0.8
"""The worth of a message that leaves out what is talked about, because the one before it named that."""
_BRIEF: Final = 80
"""What is decided in place of a proposal is said in about so many characters."""
_WEAKER: Final = 0.65
_OF_BEST: Final = 0.35


@dataclass(frozen=True, slots=True)
class ScoredId:
    """A line and how well it answers; scores compare only within one search."""

    id: str
    score: float


def search(
    lines: Sequence[Line], query: str, limit: int = 5, people: Mapping[str, str] | None = None
) -> tuple[ScoredId, ...]:
    """Return the lines that best answer `query`, best first; empty where no word of substance is found."""
    documents = [Counter(index_terms(f"{line.name} {line.text[:MAX_CHARS]}").split()) for line in lines]
    known = {term for document in documents for term in document}
    slots = present(wanted(query), known)
    if not slots or not lines:
        return ()
    asked = kinds_asked(query)
    names = sender_names(lines, people)

    def bar(line: Line, known: Sequence[float]) -> float:
        """A question of the same kind that was asked before need not fit as well: its answer comes after it."""
        if asks_anything(line.text) and set(asked) & set(kinds_asked(line.text)):
            return _COVERAGE
        fits = all(answers_kind(kind, line.text, names) for kind in asked) if asked else None
        return _bar(slots, known, fits)

    scores = _bm25(lines, documents, slots, bar)
    for at, line in enumerate(lines):
        if scores[at] > 0:
            scores[at] *= math.prod(1.6 if answers_kind(kind, line.text, names) else 1.0 for kind in asked)
    _lift_answers(lines, scores, asked, names)
    _lift_what_goes_on(lines, scores, asked, names)
    _lift_decided(lines, scores)
    scores = [score * (0.5 if asks_anything(line.text) else 1.0) for score, line in zip(scores, lines, strict=True)]
    best = max(scores)
    ranked = sorted((at for at in range(len(lines)) if scores[at] > _OF_BEST * best), key=lambda at: (-scores[at], at))
    return tuple(ScoredId(lines[at].id, round(scores[at], 6)) for at in ranked[:limit])


def _bm25(
    lines: Sequence[Line],
    documents: Sequence[Counter[str]],
    slots: Sequence[Slot],
    bar: Callable[[Line, Sequence[float]], float],
) -> list[float]:
    average = sum(document.total() for document in documents) / len(documents) or 1.0
    met = [[_times(document, slot) for slot in slots] for document in documents]
    weights = [_weight(len(documents), sum(each[at] > 0 for each in met)) for at in range(len(slots))]
    needed = [
        weight * (_ATTRIBUTE if slot.optional or slot.aside else 1.0)
        for slot, weight in zip(slots, weights, strict=True)
    ]
    about = [any(count for count, slot in zip(times, slots, strict=True) if slot.focus) for times in met]
    scores: list[float] = []
    for at, (document, times) in enumerate(zip(documents, met, strict=True)):
        before = () if about[at] else earlier(lines, at, near=2)
        near = about[at] or any(about[each] for each in before)
        # What it is about may stand in the message just before: that one counts for it.
        known = [
            max(count, *(met[each][place] for each in before)) if slot.focus and before and any(times) else count
            for place, (slot, count) in enumerate(zip(slots, times, strict=True))
        ]
        share = sum(weight * min(count, 1.0) for weight, count in zip(needed, known, strict=True))
        if not near or share < bar(lines[at], known) * sum(needed):
            scores.append(0.0)
            continue
        size = _K1 * (1.0 - _B + _B * document.total() / average)
        scores.append(
            sum(weight * count * (_K1 + 1.0) / (count + size) for weight, count in zip(weights, times, strict=True))
            * (1.0 if about[at] else _NEAR)
        )
    return scores


def _bar(slots: Sequence[Slot], known: Sequence[float], fits: bool | None) -> float:
    """Return the share of a question's weight that a message must meet, by which of its words that meets.

    `fits`: whether it holds the kind of thing that is asked for; None where no kind is.
    """
    said = [slot for slot, count in zip(slots, known, strict=True) if count and not slot.optional]
    if sum(len(slot.forms[0]) > 1 for slot in said) > 1:
        return _COVERAGE
    if fits is False:
        return _WITHOUT_KIND
    whole = all(count > 0 for count, slot in zip(known, slots, strict=True) if slot.focus)
    return _COVERAGE if fits and whole else _ONE_WORD


def _times(document: Counter[str], slot: Slot) -> float:
    """Return how often a message meets a slot; in part, where only a weaker form of it stands there."""
    times = sum(document[form] for form in slot.forms)
    return float(times) if times else _WEAKER * any(document[form] for form in slot.weaker)


def _weight(total: int, count: int) -> float:
    """Return what a word is worth: the rarer the more. One that nobody wrote weighs as one that was written once."""
    count = max(count, 1)
    return math.log(1.0 + (total - count + 0.5) / (count + 0.5))


def _lift_answers(lines: Sequence[Line], scores: list[float], asked: Sequence[str], names: Mapping[str, str]) -> None:
    """A reply to a question that was found answers it even where it repeats none of its words."""
    best = max(scores, default=0.0)
    for at in [at for at, score in enumerate(scores) if score > 0 and asks_anything(lines[at].text)]:
        same = scores[at] == best
        for answer in later(lines, at, near=3):
            line = lines[answer]
            if line.sender == lines[at].sender:
                continue
            # To the very question, where it asks for no kind of thing that can be seen, the next word is the answer.
            fits = line.reply_to == lines[at].id or (
                all(answers_kind(kind, line.text, names) for kind in asked) if asked else same
            )
            if fits and not asks_anything(line.text):
                scores[answer] = max(scores[answer], _ANSWERS * scores[at])
                break


def _lift_what_goes_on(
    lines: Sequence[Line], scores: list[float], asked: Sequence[str], names: Mapping[str, str]
) -> None:
    """Who says a thing goes on about it without naming it again: that answers where it holds what is asked for."""
    if not asked:
        return
    for at in [at for at, score in enumerate(scores) if score > 0]:
        if all(answers_kind(kind, lines[at].text, names) for kind in asked):
            continue
        for position in later(lines, at, near=3):
            line = lines[position]
            if line.sender == lines[at].sender and all(answers_kind(kind, line.text, names) for kind in asked):
                scores[position] = max(scores[position], _GOES_ON * scores[at])
                break


def _lift_decided(lines: Sequence[Line], scores: list[float]) -> None:
    """What was decided in place of a proposal that was found answers, not the proposal."""
    for at in [at for at, score in enumerate(scores) if score > 0 and _is_proposal(lines[at].text)]:
        near = [each for each in later(lines, at) if len(lines[each].text) <= _BRIEF]
        decided = {each.id for each in decisions([lines[at], *(lines[each] for each in near)])}
        instead = next((each for each in near if lines[each].id in decided), None)
        if lines[at].id not in decided and instead is not None:
            scores[instead] = max(scores[instead], _ANSWERS * scores[at])


def _is_proposal(text: str) -> bool:
    return len(text) <= _BRIEF and proposal(text) is not None
