"""What was decided: said to be settled, or proposed and agreed to by somebody else; quoted. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from circles.core.extract.asked import kinds_asked
from circles.core.extract.lines import Finding, Line
from circles.core.extract.replies import agrees, asks, declines, earlier, later
from circles.core.extract.text import MAX_SENTENCE, Span, fold, sentences
from circles.core.extract.tokens import is_cjk, terms
from circles.core.extract.when import masked, time_phrases

_SETTLED: Final = re.compile(
    r"\b(?:we(?:'ve| have)? (?:all )?(?:agreed|decided|settled|voted|chose|chosen)|(?:it's|it is|that's"
    r"|that is|all|is|are|now) (?:decided|settled|agreed|final|official)"
    r"|(?:we|everyone|all|group|committee|council|board|team) (?:decided|agreed|voted|resolved|settled)"
    r"|final (?:decision|answer|call|plan|version)\b|decision(?: is)?:|decided:|agreed:|settled:|resolved:"
    r"|final:"
    r"|settled(?: then|,|!|\.|$)|so we(?:'re| are) going (?:with|for)|we(?:'re| are) going (?:with|for) "
    r"|we(?:'ll| will) go (?:with|for) |(?:motion|vote|proposal) (?:passes|passed|carried|carries)"
    r"|that's (?:a|the) plan(?: then)?\b|it's a (?:deal|plan|date)\b|let's (?:lock|fix) (?:it|that|this)"
    r" in|locked in)|\bit is(?: then)?[.!]|\bit is,? then\b"
    r"|(?:决定了?|敲定了?|说定了?|讲定了?|定下来了?|拍板了?|商定了?|议定|约定了?|谈妥了?|一致(?:同意|通过"
    r"|决定)|投票通过|通过了|最终(?:选|定|方案)|最后(?:定|选)|(?<![约规固稳肯一确决])定(?:了|在|为|下)"
    r"|确定(?:了|在|为|是|下来)|统一(?:定|用|为)"
    r"|就(?:这么|这样)(?:定|办|说定)|就这样吧|那就[^不没?？]{2,}(?:吧|了|啦)?[。!！~]?$|一言为定|成交)"
)
_UNSETTLED: Final = re.compile(
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
_ANAPHOR: Final = re.compile(
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
    r"|i'd (?:rather|prefer)|i would (?:rather|prefer)|we (?:could|should) |(?:could|can|should) we "
    r"|maybe we|perhaps we|what if we|we might as well"
    r"|(?:would|does|is) .{2,60} (?:work|ok|okay|fine|good|suit)\b[^.]{0,24}\?|.{2,60},? (?:ok|okay|agreed"
    r"|deal)\?)"
    r"|(?:建议|提议|不如|要不(?!要|然)|干脆|咱们?(?!家).{2,}吧|我们(?!家).{2,}吧|大家.{2,}吧|就.{2,}吧"
    r"|还是.{2,}吧|改[到成在].{1,}|定在.{1,}|.{3,}(?<![了是对好会行算能有没])吧\W*$|(?:怎么样|如何|好不好"
    r"|行不行|可以吗|行吗|好吗|可不可以|成不成"
    r"|怎样|没问题吧|ok吗|同意吗|好吧)\W*$)"
)
_CONCLUDES: Final = re.compile(
    r"^\W*+(?:(?:ok(?:ay)?|right|all ?right|great|good|perfect|cool|fine|well)\W++(?:so|then|we'll|let's"
    r"|it's)?+|so|(?:好|行|可以|ok|嗯|那)[的吧]?+[,，。!\s]*+(?:那就|那|就)?+)\W*+(?!i\b|i'|you\b|thanks|我|你"
    r"|谢)"
)
"""How somebody sums up what was talked over: "ok so Sunday, our garden", 好，七点."""
_ASKS_ONLY: Final = re.compile(
    r"^\W*(?:\w+[:,]\s+)*(?:(?:do|does|did|has|have|is|are) (?:you|any|anyone|anybody|we have|there)"
    r"|any(?:thing|one|body)?\b)"
    r"|\b(?:how|what) about\b.{60,}"
)
"""A question for information is no proposal."""
_TO_YOU: Final = re.compile(r"^\W*\w+,\s+you\b|你们?[^,]{1,12}吧\W*$|\b(?:can|could|would|will) you\b|麻烦你?|拜托")
"""A request to somebody is no proposal to all."""
_FIRST_PERSON: Final = re.compile(r"\bi\b|\bi'|\bmy\b|我(?!们)")
"""Who speaks of their own doing proposes nothing to the others."""
_HOUR_THEN: Final = re.compile(r"\b\d{1,2}(?::\d\d)? then\b")
_FIRM: Final = re.compile(r"决定|说定|敲定|拍板|一致|投票|通过|\b(?:agreed|decided|settled|voted|decision|final)\b")
"""Said to be settled in so many words: who grumbles afterwards does not undo it."""
_CONTESTS: Final = re.compile(
    r"太.{1,4}了|\btoo \w+|\bdisagree|\brather|\bprefer|反对|不同意|不赞成|不好|不合适|还是.{1,10}吧|建议"
)
_CHANGES: Final = re.compile(
    r"\b(?:actually|instead|rather than|no longer|now|after all|postpone[ds]?|reschedule[ds]?|switch(?:ed)?|new (?:date"
    r"|time|day|place|venue|plan)|(?:make|made|mov(?:e|ed|ing)|chang(?:e|ed|ing)|push(?:ed)?|put(?: off)?) (?:it|that"
    r"|the \w+|our \w+)|(?:move|change|push)d? (?:back )?to)\b"
    r"|改[到成在为期约]|换[成到在]|推迟|延[到期后]|提前|挪[到]|不对|还是.{1,12}吧|重新定"
)
"""How somebody says that another thing holds from now on."""
_CHANGES_IT: Final = re.compile(
    r"\b(?:make|move|change|push|put|postpone|reschedule|switch)d? (?:it|that)\b|\binstead\b(?! of)|\bafter all\b"
    r"|(?:^|[,，。、！!\s那就]|还是)(?:改|换|推迟|延|提前|挪)|^\W*还是"
)
"""The same where it is not said of what: of what was decided last."""
_SAME: Final = 0.6
_MUCH: Final = 0.6
"""Of two decisions that say the same the later one is quoted, where it is not much shorter than the earlier."""
_PREFERS: Final = re.compile(r"\b(?:is|would be|sounds|be) better\b|更[好合方便早近稳]|比较好")
"""How somebody names another thing than what was proposed."""
_STATES: Final = re.compile(r"\b(?:is|are|was|has|have|had|there's|\w+s at)\b|有|是|开[门放]|关门")
"""A statement of how things are is no proposal."""
_COUNTER_CHARS: Final = 60
_STANDS_MS: Final = 14 * 86_400_000
_EMPTY: Final = frozenset(
    ("let", "suggest", "propose", "mayb", "perhap", "ok", "agree", "decid", "settl", "final", "deal", "plan")
)


def decisions(lines: Sequence[Line]) -> tuple[Finding, ...]:
    """Return what was decided, in time order, each as the sentence that says what; `related` are those who agreed."""
    found: dict[str, Finding] = {}
    for at, line in enumerate(lines):
        settled = _settled_here(line)
        if settled and (_FIRM.search(fold(line.text)) or not _contested(lines, at)):
            _keep(found, line, settled, ())
        elif settled is None and _concludes(lines, at) and not _repeats(lines, at):
            _keep(found, line, sentences(line.text)[0], ())
        elif _ANAPHOR.match(fold(line.text)) and not asks(line.text):
            _settle_earlier(found, lines, at)
        proposed = _offer(lines, at)
        if proposed:
            agreed = _agreement(lines, at)
            if agreed:
                _keep(found, line, proposed, agreed)
    order = {line.id: at for at, line in enumerate(lines)}
    return _last_words(sorted(found.values(), key=lambda each: order[each.id]), lines, order)


def _last_words(decided: Sequence[Finding], lines: Sequence[Line], order: Mapping[str, int]) -> tuple[Finding, ...]:
    """Return the decisions that no later one replaced; one that replaces rests on what it replaced."""
    standing: list[Finding] = []
    for one in decided:
        at = order[one.id]
        near = [
            each
            for each in standing
            if lines[order[each.id]].thread == lines[at].thread
            and lines[at].at - lines[order[each.id]].at <= _STANDS_MS
        ]
        old = _replaced(one, lines[at], near, lines, order)
        again = next((each for each in reversed(near) if _same(one, each)), None)
        if old is not None:
            standing.remove(old)
            standing.append(_resting(one, {old.id, *one.related}, order))
        elif again is not None:
            standing.remove(again)
            both = {one.id, again.id, *one.related, *again.related}
            standing.append(_resting(one if _says_as_much(one, again) else again, both, order))
        else:
            standing.append(one)
    return tuple(sorted(standing, key=lambda each: order[each.id]))


def _resting(one: Finding, ids: Collection[str], order: Mapping[str, int]) -> Finding:
    """Return a decision that rests on other lines."""
    return Finding(one.id, one.quote, one.start, tuple(sorted({*ids} - {one.id}, key=lambda each: order[each])))


def _same(one: Finding, other: Finding) -> bool:
    """Say whether two decisions say the same, one perhaps with more: no other time, and most of the shorter's words."""
    times, others = (_times(each.quote) for each in (one, other))
    if not (times <= others or others <= times):
        return False
    said, before = (_subject(_CONCLUDES.sub("", fold(each.quote))) for each in (one, other))
    fewer = min(len(said), len(before))
    return len(said & before) >= _SAME * fewer if fewer else bool(times & others)


def _says_as_much(one: Finding, other: Finding) -> bool:
    return len(_times(one.quote)) >= len(_times(other.quote)) and len(one.quote) >= _MUCH * len(other.quote)


def _times(text: str) -> set[str]:
    """The terms of the times that a text names, without single characters: every hour in Chinese ends in 点."""
    every = {term for phrase in time_phrases(text) for term in terms(phrase.words)}
    return {term for term in every if len(term) > 1 or not is_cjk(term)}


def _replaced(
    new: Finding, line: Line, near: Sequence[Finding], lines: Sequence[Line], order: Mapping[str, int]
) -> Finding | None:
    """Return the earlier decision that a new one changes: the one it speaks of, else the last that names a time."""
    low = fold(new.quote)
    if not _CHANGES.search(low):
        return None
    said = _subject(line.text)
    shared = [(len(said & _subject(lines[order[each.id]].text)), at, each) for at, each in enumerate(near)]
    best = max(shared, key=lambda each: each[:2], default=None)
    if best is not None and best[0]:
        return best[2]
    timed = [each for each in near if time_phrases(each.quote)]
    return timed[-1] if timed and _CHANGES_IT.search(low) and time_phrases(new.quote) else None


def _subject(text: str) -> set[str]:
    """What a text is about: its terms without times, and without single characters, which many words share."""
    hidden = masked(fold(text), time_phrases(text))
    return {term for term in terms(hidden) if len(term) > 1} - _EMPTY


def proposal(text: str) -> Span | None:
    """Return the first sentence that proposes something of substance to the others, or None."""
    for span in sentences(text):
        sentence = text[span.start : span.end]
        low = fold(sentence)
        if len(sentence) > MAX_SENTENCE or _TO_YOU.search(low) or _ASKS_ONLY.search(low):
            continue
        if (_PROPOSES.search(low) or _offers_time(sentence)) and _substance(sentence) and not _UNSETTLED.search(low):
            return span
    return None


def _offer(lines: Sequence[Line], at: int) -> Span | None:
    """Return what a line proposes by itself, or against what somebody else proposed just before."""
    return proposal(lines[at].text) or _counter(lines, at)


def _counter(lines: Sequence[Line], at: int) -> Span | None:
    """Return the sentence that names another time, or something better, than a proposal just before: "lake at 4!"."""
    text = lines[at].text
    for span in sentences(text)[:2]:
        sentence = text[span.start : span.end]
        low = fold(sentence)
        if len(sentence) > _COUNTER_CHARS or asks(sentence) or _TO_YOU.search(low) or _UNSETTLED.search(low):
            continue
        if agrees(sentence) or _ANAPHOR.match(low) or _FIRST_PERSON.search(low):
            continue
        better, times = _PREFERS.search(low), _times(sentence)
        if not better and (_STATES.search(low) or not times or not _subject(sentence) or len(sentence.split()) > 6):
            continue
        for position in earlier(lines, at, near=3):
            before = lines[position]
            if before.sender == lines[at].sender or proposal(before.text) is None:
                continue
            other = bool(times) and bool(_times(before.text)) and not times & _times(before.text)
            if other or (better and not times):
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


def _settled_here(line: Line) -> Span | None:
    for span in sentences(line.text):
        sentence = line.text[span.start : span.end]
        low = fold(sentence)
        if len(sentence) > MAX_SENTENCE:
            continue
        if _SETTLED.search(low) and not _UNSETTLED.search(low) and not asks(sentence) and _substance(sentence):
            return None if _ANAPHOR.match(low) else span
    return None


def _concludes(lines: Sequence[Line], at: int) -> bool:
    """Say whether a line sums up with a time what somebody proposed just before, and nobody contests it."""
    text = lines[at].text
    first = sentences(text)[:1]
    low = fold(text[first[0].start : first[0].end]) if first else ""
    if not _CONCLUDES.match(low) or asks(text) or declines(text) or _UNSETTLED.search(low) or len(low) > 80:
        return False
    if not time_phrases(low) and not _HOUR_THEN.search(low):
        return False
    before = earlier(lines, at, near=6)
    if before and _TO_YOU.search(fold(lines[before[0]].text)):
        return False
    proposed = any(_proposes_time(lines[position].text) for position in before)
    return proposed and not _contested(lines, at)


def _repeats(lines: Sequence[Line], at: int) -> bool:
    """Say whether a line only says again what the last proposal says."""
    for position in earlier(lines, at, near=6):
        if _offer(lines, position):
            said = _CONCLUDES.sub("", fold(lines[at].text))
            return set(terms(said)) - _EMPTY <= set(terms(lines[position].text))
    return False


def _proposes_time(text: str) -> bool:
    return proposal(text) is not None or (asks(text) and bool(time_phrases(text)))


def _contested(lines: Sequence[Line], at: int) -> bool:
    """Say whether the next others to speak refuse rather than agree."""
    for position in later(lines, at, near=3):
        line = lines[position]
        if line.sender == lines[at].sender:
            continue
        if agrees(line.text):
            return False
        if declines(line.text) or _CONTESTS.search(fold(line.text)):
            return True
    return False


def _substance(sentence: str) -> bool:
    content = set(terms(sentence)) - _EMPTY
    return len(content) >= 2 or bool(time_phrases(sentence))


def _settle_earlier(found: dict[str, Finding], lines: Sequence[Line], at: int) -> None:
    for position in earlier(lines, at):
        line = lines[position]
        before = found.get(line.id)
        span = Span(before.start, before.start + len(before.quote)) if before else _offer(lines, position)
        if span:
            _keep(found, line, span, (lines[at].id,))
            return


def _agreement(lines: Sequence[Line], at: int) -> tuple[str, ...]:
    """The ids that agree with a proposal; none where somebody refuses.

    Once another proposal stands against it, only who names it again, or replies to it, agrees to it.
    """
    accepted: list[int] = []
    rivals: list[int] = []
    for position in later(lines, at):
        line = lines[position]
        to_it = line.reply_to == lines[at].id
        if rivals and not to_it:
            if line.sender != lines[at].sender and _names_again(lines, at, rivals, position):
                accepted.append(position)
            rivals += [position] if _offer(lines, position) else []
            continue
        if line.sender == lines[at].sender and not to_it:
            # Once it is agreed to, what answers the next question of whoever proposed it says nothing of it.
            if proposal(line.text) or _concludes(lines, position) or (accepted and asks(line.text)):
                break
            continue
        if line.sender in {lines[each].sender for each in accepted}:
            continue
        if declines(line.text) or _CONTESTS.search(fold(line.text)):
            return ()
        concludes = not to_it and _concludes(lines, position) and not _repeats(lines, position)
        if concludes:
            break
        if not to_it and _offer(lines, position):
            if accepted:
                break
            rivals.append(position)
        elif agrees(line.text):
            accepted.append(position)
    return tuple(lines[each].id for each in accepted)


def _names_again(lines: Sequence[Line], at: int, rivals: Sequence[int], position: int) -> bool:
    """Say whether a line takes up one proposal of several by a word that only this one has: "ok, the lake then"."""
    text = lines[position].text
    low = fold(text)
    if not _CONCLUDES.match(low) or asks(text) or declines(text) or _UNSETTLED.search(low):
        return False
    own = _subject(lines[at].text) | _times(lines[at].text)
    theirs = {term for each in rivals for term in _subject(lines[each].text) | _times(lines[each].text)}
    said = set(terms(_CONCLUDES.sub("", low))) - _EMPTY
    return bool(said & (own - theirs)) and not said & (theirs - own)


def _keep(found: dict[str, Finding], line: Line, span: Span, related: tuple[str, ...]) -> None:
    before = found.get(line.id)
    ids = dict.fromkeys((*(before.related if before else ()), *related))
    found[line.id] = Finding(line.id, line.text[span.start : span.end], span.start, tuple(ids))
