"""What is proposed to all, by itself or against what somebody else proposed; and what a sentence is about. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from circles.core.extract.asked import kinds_asked
from circles.core.extract.lines import Line
from circles.core.extract.replies import agrees, asks, earlier
from circles.core.extract.text import MAX_SENTENCE, Span, fold, sentences
from circles.core.extract.tokens import is_cjk, terms
from circles.core.extract.when import clash, hours, masked, time_phrases

UNSETTLED: Final = re.compile(
    r"\b(?:not|n't|never|yet to|until|unless|if|whether|once|before|should|could|might|need to|have to|has"
    r" to|must|who|let you|hasn't|haven't|going to|to be|tbd|ask(?:ed)?)\b[^.;]{0,40}\b(?:decid|settl"
    r"|agree|final|resolv|chos)"
    r"|\b(?:previously|last (?:time|week|month|year)|ago|great deal|big deal|deal with|going (?:with|for)"
    r" (?:him|her|them|you|me|a (?:run|walk|swim)|lunch|dinner))\b"
    r"|还没|没有?(?:决|敲|说|拍|商|确|定)|未(?:定|决|确)|[没不](?:能)?(?:决定|确定|定下)|不一定|定不"
    r"|由.{1,6}决定|你(?:们)?(?:来)?(?:决)?定|再(?:决定|定|商量|说|议|看)|(?:如果|要是|等|需要|尽快|才能"
    r"|怎么|谁).{0,12}(?:决定|确定|定)|决定权|决定性|决定因素|的话"
    r"|(?:上次|去年|之前|以前).{0,6}(?:决定|定)|那就(?:好|行|是|这样|麻烦|拜托|太|辛苦|不|没|谢)"
)
ANAPHOR: Final = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|good|great|right|alright|so|yes|then|well|cool|好的?|行|那|嗯|可以|大家"
    r"|咱们?)[\s,，.!。！]*)*(?:(?:it's |that's |then )?(?:settled|decided|agreed|final|a deal|a plan"
    r"|deal)|it's a (?:deal|plan|date)|locked in"
    r"|(?:就|那)?(?:就)?(?:这么|这样)(?:说)?(?:定|办)?|(?:说|敲|决|讲|约)?定了|说定|拍板|通过|一致(?:同意"
    r"|通过)|一言为定|成交)(?: then)?(?:吧|了|啦|哈|哦)*\W*$"
)
_PROPOSES: Final = re.compile(
    r"\b(?:let'?s (?!see\b|hope\b|say\b|wait and)|shall we|how about|what about|why don'?t we|why not|i"
    r" (?:suggest|propose|vote|move|would suggest|'d suggest)|i'd (?:suggest|propose|say|go)"
    r"|my (?:suggestion|proposal)\b"
    r"|i'd (?:rather|prefer)|i would (?:rather|prefer)|we (?:could|should) |(?:could|can|should) we (?!not\b)"
    r"|unless (?:anyone|anybody|someone) (?:objects|minds|disagrees)|\bhave it at (?:ours|mine|our|my)\b|折中一下"
    r"|maybe we|perhaps we|what if we|we might as well"
    r"|(?:would|does|is) .{2,60} (?:work|ok|okay|fine|good|suit)\b[^.]{0,24}\?|.{2,60},? (?:ok|okay|agreed"
    r"|deal)\?)"
    r"|(?:建议|提议|不如|要不(?!要|然)|干脆|咱们?(?!家).{2,}吧|我们(?!家).{2,}吧|大家.{2,}吧|就.{2,}吧"
    r"|还是.{2,}吧|改[到成在].{1,}|定在.{1,}|.{3,}(?<![了是对好会行算能有没])吧(?:\W|$)|(?:怎么样|如何|好不好"
    r"|行不行|可以吗|行吗|好吗|可不可以|成不成"
    r"|怎样|没问题吧|ok吗|同意吗|好吧)\W*$)"
)
_ASKS_ONLY: Final = re.compile(
    r"^\W*(?:\w+[:,]\s+)*(?:(?:do|does|did|has|have|is|are) (?:you|any|anyone|anybody|we have|there)"
    r"|any(?:thing|one|body)?\b)"
    r"|\bwhat about\b.{60,}"
)
"""A question for information is no proposal."""
TO_YOU: Final = re.compile(r"^\W*\w+,\s+you\b|你们?[^,]{1,12}吧\W*$|\b(?:can|could|would|will) you\b|麻烦你?|拜托")
"""A request to somebody is no proposal to all."""
_FIRST_PERSON: Final = re.compile(r"\bi\b|\bi'|\bmy\b|我(?!们)")
"""Who speaks of their own doing proposes nothing to the others."""
_PREFERS: Final = re.compile(r"\b(?:is|would be|sounds|be) better\b|更[好合方便早近稳]|比较好")
"""How somebody names another thing than what was proposed."""
_RATHER: Final = re.compile(r"^\W*(?:(?:better|rather|instead)\b(?! than| not)|make (?:it|that) )")
"""The same, where it names a time: "better at 4", "make it 9:30"."""
_GUESSES: Final = re.compile(r"(?:[显像]|应该|大概|可能|估计|也许|恐怕|好像|不至于|不会|肯定|难道)[^,，]*吧(?:\W|$)")
"""What somebody takes to be so is no proposal, though it ends as one."""
_FOR_ME: Final = re.compile(r"\bfor (?:me|us)\b|对我(?:们)?来说")
STATES: Final = re.compile(r"\b(?:is|are|was|has|have|had|there's|\w+s at)\b|有|是|开[门放]|关门")
"""A statement of how things are is no proposal."""
SHORT_CHARS: Final = 60
"""Longer than this nobody answers a proposal with another one."""
EMPTY: Final = frozenset(
    ("let", "suggest", "propose", "mayb", "perhap", "ok", "agree", "decid", "settl", "final", "deal", "plan")
)


def proposal(text: str) -> Span | None:
    """Return the first sentence that proposes something of substance to the others, or None."""
    for span in sentences(text):
        sentence = text[span.start : span.end]
        low = fold(sentence)
        if len(sentence) > MAX_SENTENCE or TO_YOU.search(low) or _ASKS_ONLY.search(low) or _GUESSES.search(low):
            continue
        if (_PROPOSES.search(low) or _offers_time(sentence)) and has_substance(sentence) and not UNSETTLED.search(low):
            return span
    return None


def offer(lines: Sequence[Line], at: int) -> Span | None:
    """Return what a line proposes by itself, or against what somebody else proposed just before."""
    return proposal(lines[at].text) or _counter(lines, at)


def _counter(lines: Sequence[Line], at: int) -> Span | None:
    """Return the sentence that names another time, or something better, than a proposal just before: "lake at 4!"."""
    text = lines[at].text
    for span in sentences(text)[:2]:
        sentence = text[span.start : span.end]
        low = fold(sentence)
        if len(sentence) > SHORT_CHARS or asks(sentence) or TO_YOU.search(low) or UNSETTLED.search(low):
            continue
        if ANAPHOR.match(low) or _FIRST_PERSON.search(_FOR_ME.sub("", low)):
            continue
        own = time_terms(sentence)
        better = _PREFERS.search(low) or (own and _RATHER.match(low))
        if not better and (STATES.search(low) or not own or not subject(sentence) or len(sentence.split()) > 6):
            continue
        for position in earlier(lines, at, near=3):
            before = lines[position]
            if before.sender == lines[at].sender or proposal(before.text) is None:
                continue
            others = time_terms(before.text)
            other = clash(sentence, before.text) or (bool(own) and bool(others) and not own & others)
            # "8 is better" begins as an agreement does, and is none where 7 was proposed.
            if (other and better) or ((other or (better and not own)) and not agrees(sentence)):
                return span
    return None


def _offers_time(sentence: str) -> bool:
    """Say whether a sentence is only a time with a question mark: "long run sunday 9?"."""
    words = len(sentence.split())
    return (
        sentence.endswith(("?", "？"))
        and words <= 6
        and len(sentence) >= 6
        and not kinds_asked(sentence)
        and bool(time_phrases(sentence))
    )


def has_substance(sentence: str) -> bool:
    """Say whether a sentence names something that can be agreed to: two things, or a time."""
    content = set(terms(sentence)) - EMPTY
    return len(content) >= 2 or bool(time_phrases(sentence)) or bool(hours(sentence))


def time_terms(text: str) -> set[str]:
    """The terms of the times that a text names, without single characters: every hour in Chinese ends in 点."""
    every = {term for phrase in time_phrases(text) for term in terms(phrase.words)}
    return {term for term in every if len(term) > 1 or not is_cjk(term)} | hours(text)


def subject(text: str) -> set[str]:
    """What a text is about: its terms without times, and without single characters, which many words share."""
    hidden = masked(fold(text), time_phrases(text))
    return {term for term in terms(hidden) if len(term) > 1} - EMPTY
