"""What one message says of visits: the frames of its sentences, the day it moves to, whether it calls one off. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from circles.core.extract import visit_en, visit_zh
from circles.core.extract.replies import accepts_partly, agrees, asks, declines
from circles.core.extract.text import MAX_SENTENCE, Span, clauses, fold, sentences
from circles.core.extract.visit_frames import Frame, template
from circles.core.extract.when import When, fuller, time_phrases

_CHANGES: Final = re.compile(
    r"\b(?:mov(?:e|ed|ing)|chang(?:e|ed|ing)|shift(?:ed|ing)?|push(?:ed|ing)?|postpon(?:e|ed|ing)"
    r"|reschedul(?:e|ed|ing)|switch(?:ed|ing)?|swap(?:ped)?|instead|rather|actually|correction|not (?:on )?the"
    r"|(?<!n't )(?<!not )make (?:it|that)|meant|better)\b"
    r"|改|推迟|延到|延后|提前|换到|换成|挪|调到|调整|不是|说错|记错|还是.{1,8}(?:吧|好)|推到|更正|应该是"
)
_NOT_THIS: Final = re.compile(
    r"(?:instead of|rather than|\bnot\b(?! but)|from|(?:do|make|on|for|come)? ?not)\s+(?:on\s+|the\s+)*$"
    r"|(?:不是|从|由|原来|原定)$"
)
_CONDITION: Final = re.compile(r"如果|要是|万一|的话|\b(?:if|unless|in case|maybe|might)\b")
_AND: Final = re.compile(
    r"\s+(?=(?:and|but|then|so)\s+(?:then |also |on |we\b|i\b|i'|they\b|he\b|she\b|go |going |visit|come |the next"
    r"|you\b))"
)


_WELCOMES: Final = re.compile(
    r"等你们?|随时|欢迎|盼着|恭候|期待"
    r"|\b(?:looking forward|can't wait|see you|we'll be (?:home|here|in)|you're welcome|come on over|please do)\b"
)
_COMES: Final = re.compile(
    r"我们?.{0,4}(?:一定|准时|会)?(?:来|到|去|有空)|\bi'm free\b|\b(?:we|i)(?:'ll| will|'d| would)? (?:all"
    r" )?(?:be there"
    r"|come|love to|bring)\b"
)
_JOINS: Final = re.compile(
    r"^\W*(?:我们?|俺)(?:也|跟你们?|和你们?)(?:一起|一块儿?)?(?:去|来)|^\W*(?:带上我|算我一个|同去)"
    r"|\b(?:me too|i'm in|count me in|i'll (?:come|join|go)(?: with you| along| too)|can i (?:come|join)"
    r" (?:too|with you))\b"
)


@dataclass(frozen=True, slots=True)
class Said:
    """A frame and the sentence it stands in."""

    frame: Frame
    quote: str


@dataclass(frozen=True, slots=True)
class Move:
    """The day that a sentence moves a visit to; `asked` where it only asks to."""

    when: When
    quote: str
    asked: bool


def frames_of(text: str, people: Mapping[str, str], known: frozenset[str]) -> list[Said]:
    """Return the visits a message puts; a sentence without a time has that of the sentence before."""
    found: list[Said] = []
    earlier: When | None = None
    since = 0
    for span in sentences(text):
        if span.end - span.start > MAX_SENTENCE:
            continue
        sentence = text[span.start : span.end]
        chinese = len(re.findall(r"[\u4e00-\u9fff]", sentence)) >= 2
        parts = tuple(template(text, part, people, known) for part in _parts(text, span, chinese=chinese))
        frames = (visit_zh if chinese else visit_en).frames(parts, sentence)
        for frame in frames:
            when = fuller(frame.when, earlier)
            start = since if when is not None and when is not frame.when else span.start
            found.append(Said(replace(frame, when=when), text[start : span.end]))
        whens = [when for part in parts for when in part.whens if not when.is_past]
        earlier, since = (whens[-1], span.start) if whens else (earlier, since)
    return found


def move_of(text: str) -> Move | None:
    """Return the time a message settles on, from the sentence that speaks of a change where there is one."""
    found: list[tuple[bool, Move]] = []
    for start, end in sentences(text):
        sentence = text[start:end]
        low = fold(sentence)
        parts = clauses(text, Span(start, end))
        refused = [part.end for part in parts if _refuses(fold(text[part.start : part.end]))]
        kept = [
            when
            for when in time_phrases(sentence)
            if not when.is_past
            and not _NOT_THIS.search(low, 0, when.start)
            and not (refused and start + when.start < refused[-1])
        ]
        if kept:
            found.append((changes(sentence), Move(kept[-1], sentence, asks(sentence))))
    changed = [move for change, move in found if change]
    return changed[-1] if changed else found[-1][1] if found else None


def _refuses(low: str) -> bool:
    """A clause that refuses, or follows the day given up; not one that also names the new day."""
    return (declines(low) or visit_zh.cancels(low) or visit_en.cancels(low)) and not _CHANGES.search(low)


def changes(text: str) -> bool:
    """Say whether a text speaks of moving something."""
    return _CHANGES.search(fold(text)) is not None


def calls_off(text: str) -> bool:
    """Say whether a message calls a visit off or says that somebody cannot come; a condition or a question does not."""
    for start, end in sentences(text):
        low = fold(text[start:end])
        if (visit_zh.cancels(low) or visit_en.cancels(low)) and not _CONDITION.search(low) and not asks(low):
            return True
    return False


def _parts(text: str, span: Span, *, chinese: bool) -> list[Span]:
    """Clauses; a Chinese list of people (外公、外婆来) stays whole, an English "and we …" begins a new one."""
    found: list[Span] = []
    for part in clauses(text, span):
        if found and text[found[-1].end : part.start].strip() == "、":
            found[-1] = Span(found[-1].start, part.end)
        else:
            found.append(part)
    if chinese:
        return found
    low, cut = fold(text), list[Span]()
    for part in found:
        start = part.start
        for split in _AND.finditer(low, part.start, part.end):
            cut.append(Span(start, split.start()))
            start = split.end()
        cut.append(Span(start, part.end))
    return cut


def says_yes(text: str, *, bare: bool = True) -> bool:
    """Say whether a message takes an invitation: by a yes, or (saying nothing else of a visit) "we'll come", 等你们."""
    if agrees(text):
        return True
    if declines(text):
        return False
    if accepts_partly(text):
        return True
    low = fold(text)
    if not bare or any(when.is_past for when in time_phrases(text)):
        return False
    said = [low[start:end] for start, end in sentences(text) if not asks(low[start:end])]
    return any(_WELCOMES.search(each) or _COMES.search(each) for each in said)


def joins(text: str) -> bool:
    """Say whether a message joins what somebody else said they do: "I'll come with you", 带上我."""
    return _JOINS.search(fold(text)) is not None
