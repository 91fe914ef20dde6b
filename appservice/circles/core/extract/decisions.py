"""What was decided: said to be settled, or proposed and agreed to by somebody else; quoted. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from circles.core.extract.lines import Finding, Line
from circles.core.extract.proposals import (
    ANAPHOR,
    EMPTY,
    SHORT_CHARS,
    STATES,
    TO_YOU,
    UNSETTLED,
    has_substance,
    offer,
    proposal,
    subject,
    time_terms,
)
from circles.core.extract.replies import agrees, asks, declines, earlier, later
from circles.core.extract.text import MAX_SENTENCE, Span, fold, sentences
from circles.core.extract.tokens import terms
from circles.core.extract.when import clash, hours, time_phrases

_SETTLED: Final = re.compile(
    r"\b(?:we(?:'ve| have)? (?:all )?(?:agreed|decided|settled|voted|chose|chosen)|(?:it's|it is|that's"
    r"|that is|all|is|are|now) (?:decided|settled|agreed|final|official)\b"
    r"|(?:we|everyone|all|group|committee|council|board|team) (?:decided|agreed|voted|resolved|settled)"
    r"|final (?:decision|answer|call|plan|version)\b|decision(?: is)?:|decided:|agreed:|settled:|resolved:"
    r"|final:"
    r"|settled(?: then|,|!|\.|$)|so we(?:'re| are) going (?:with|for)|we(?:'re| are) going (?:with|for) "
    r"|we(?:'ll| will) go (?:with|for) |(?:motion|vote|proposal) (?:passes|passed|carried|carries)"
    r"|so that's that\b|\bdone deal\b|unless (?:anyone|anybody|someone) (?:objects|minds|disagrees)"
    r"|^\W*(?:\w+\W+)?going with \w|that's (?:a|the) plan(?: then)?\b|it's a (?:deal|plan|date)\b"
    r"|let's (?:lock|fix) (?:it|that|this)"
    r" in|locked in)|\bit is(?: then)?[.!]|\bit is,? then\b"
    r"|(?:决定了?|敲定了?|说定了?|讲定了?|定下来了?|拍板了?|商定了?|议定|约定了?|谈妥了?|一致(?:同意|通过"
    r"|决定)|投票通过|通过了|最终(?:选|定|方案)|最后(?:定|选)|(?<![约规固稳肯一确决])定(?:了|在|为|下)"
    r"|确定(?:了|在|为|是|下来)|统一(?:定|用|为)"
    r"|(?P<same>[^\s,，]{1,6})就(?P=same)吧|没悬念|(?:就|都)?按(?!照?我说)\S{1,6}的(?:\S{0,4})?(?:来|办"
    r"|走)(?=\W|$|吧)|听\S{1,4}的(?=\W|$|吧)"
    r"|就照\S{1,6}(?:做|办|来)|从今\S{1,3}起\S{2,}"
    r"|就(?:这么|这样)(?:定|办|说定)|就这样吧|那就[^不没?？]{2,}(?:吧|了|啦)?[。!！~]?$|一言为定|成交)"
)
_CONCLUDES: Final = re.compile(
    r"^\W*+(?:(?:ok(?:ay)?|right|all ?right|great|good|perfect|cool|fine|well|agreed)\W++(?:so|then|we'll|let's"
    r"|it's)?+|so|then|(?:好|行|可以|ok|嗯|那)[的吧]?+[,，。!\s]*+(?:那就|那|就)?+)\W*+(?!i\b|i'|you\b|thanks|我|你"
    r"|谢)"
)
"""How somebody sums up what was talked over: "ok so Sunday, our garden", 好，七点."""
_THEN: Final = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|right|all ?right|great|good|perfect|cool|fine|well|agreed|yes)\W+)?then,? \w"
    r"|\bthen\W*$|\bit is\W*$"
    r"|^\W*(?:(?:好|行|可以|嗯)[的吧]?[,，。!\s]*)?那就"
)
"""Who so begins or ends takes one of the things that were named: "agreed, the bus then", 那就大巴."""
_IT_IS: Final = re.compile(r"\w[\w' -]{1,30} it is(?: then)?\W*$")
"""Who so ends has named the one thing that was chosen: "Geoff's it is then"."""
_NAMES_IT: Final = re.compile(r"\bit is\W*$")
_FIRM: Final = re.compile(r"决定|说定|敲定|拍板|一致|投票|通过|\b(?:agreed|decided|settled|voted|decision|final)\b")
"""Said to be settled in so many words: who grumbles afterwards does not undo it."""
_CONTESTS: Final = re.compile(
    r"太.{1,4}了|\btoo \w+|\bdisagree|\brather|\bprefer|反对|不同意|不赞成|不好|不合适|还是.{1,10}吧|建议"
    r"|意见不|纠结|再想想|\bnot sure\b|\btorn\b"
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
_STANDS_MS: Final = 14 * 86_400_000


def decisions(lines: Sequence[Line]) -> tuple[Finding, ...]:
    """Return what was decided, in time order, each as the sentence that says what; `related` are those who agreed."""
    found: dict[str, Finding] = {}
    for at, line in enumerate(lines):
        settled = _settled_here(line)
        if settled and (_FIRM.search(fold(line.text)) or not _contested(lines, at)):
            _keep(found, line, settled, ())
        elif settled is None and _concludes(lines, at) and not _repeats(lines, at):
            _keep(found, line, sentences(line.text)[0], ())
        elif ANAPHOR.match(fold(line.text)) and not asks(line.text):
            _settle_earlier(found, lines, at)
        proposed = offer(lines, at)
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
    times, others = (time_terms(each.quote) for each in (one, other))
    if not (times <= others or others <= times):
        return False
    said, before = (subject(_CONCLUDES.sub("", fold(each.quote))) for each in (one, other))
    fewer = min(len(said), len(before))
    return len(said & before) >= _SAME * fewer if fewer else bool(times & others)


def _says_as_much(one: Finding, other: Finding) -> bool:
    return len(time_terms(one.quote)) >= len(time_terms(other.quote)) and len(one.quote) >= _MUCH * len(other.quote)


def _replaced(
    new: Finding, line: Line, near: Sequence[Finding], lines: Sequence[Line], order: Mapping[str, int]
) -> Finding | None:
    """Return the earlier decision that a new one changes: the one it speaks of, else the last that names a time."""
    low = fold(new.quote)
    if not _CHANGES.search(low):
        return None
    said = subject(line.text)
    shared = [(len(said & subject(lines[order[each.id]].text)), at, each) for at, each in enumerate(near)]
    best = max(shared, key=lambda each: each[:2], default=None)
    if best is not None and best[0]:
        return best[2]
    timed = [each for each in near if time_phrases(each.quote)]
    return timed[-1] if timed and _CHANGES_IT.search(low) and time_phrases(new.quote) else None


def _settled_here(line: Line) -> Span | None:
    for span in sentences(line.text):
        sentence = line.text[span.start : span.end]
        low = fold(sentence)
        if len(sentence) > MAX_SENTENCE:
            continue
        named = has_substance(sentence) or (_IT_IS.search(low) and subject(sentence))
        if _SETTLED.search(low) and not UNSETTLED.search(low) and not asks(sentence) and named:
            return None if ANAPHOR.match(low) else span
    return None


def _concludes(lines: Sequence[Line], at: int) -> bool:
    """Say whether a line sums up with a time what somebody proposed just before, and nobody contests it."""
    text = lines[at].text
    first = sentences(text)[:1]
    low = fold(text[first[0].start : first[0].end]) if first else ""
    if (
        not (_CONCLUDES.match(low) or _THEN.search(low))
        or asks(text)
        or declines(text)
        or UNSETTLED.search(low)
        or len(low) > 80
    ):
        return False
    before = earlier(lines, at, near=6)
    if not time_phrases(low) and not hours(low) and not _takes_another(lines, at, before):
        return False
    if before and TO_YOU.search(fold(lines[before[0]].text)):
        return False
    proposed = any(_proposes_time(lines[position].text) for position in before)
    return proposed and not _contested(lines, at)


def _takes_another(lines: Sequence[Line], at: int, before: Sequence[int]) -> bool:
    """Say whether a line takes, in so many words, what somebody named against a proposal: "agreed, the bus then"."""
    text = lines[at].text
    proposed = next((position for position in before if proposal(lines[position].text)), None)
    if (
        proposed is None
        or not _THEN.search(fold(text))
        or len(text) > SHORT_CHARS
        or STATES.search(_NAMES_IT.sub("", fold(text)))
    ):
        return False
    return _takes_up(lines, proposed, at)


def _takes_up(lines: Sequence[Line], proposed: int, at: int) -> bool:
    """Say whether a line names what somebody else named since a proposal, and the proposal does not."""
    said = subject(lines[at].text)
    own = subject(lines[proposed].text)
    between = (lines[each] for each in range(proposed + 1, at) if lines[each].thread == lines[at].thread)
    named = {term for line in between if line.sender != lines[at].sender for term in subject(line.text)}
    return bool(said & (named - own))


def _repeats(lines: Sequence[Line], at: int) -> bool:
    """Say whether a line only says again what the last proposal says."""
    for position in earlier(lines, at, near=6):
        if offer(lines, position):
            said = _CONCLUDES.sub("", fold(lines[at].text))
            return set(terms(said)) - EMPTY <= set(terms(lines[position].text))
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


def _settle_earlier(found: dict[str, Finding], lines: Sequence[Line], at: int) -> None:
    for position in earlier(lines, at):
        line = lines[position]
        before = found.get(line.id)
        span = Span(before.start, before.start + len(before.quote)) if before else offer(lines, position)
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
            rivals += [position] if offer(lines, position) else []
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
        if not to_it and offer(lines, position):
            if accepted:
                break
            rivals.append(position)
        elif agrees(line.text) and (clash(lines[at].text, line.text) or _takes_another(lines, position, (at,))):
            if not to_it:
                break
        elif agrees(line.text):
            accepted.append(position)
    return tuple(lines[each].id for each in accepted)


def _names_again(lines: Sequence[Line], at: int, rivals: Sequence[int], position: int) -> bool:
    """Say whether a line takes up one proposal of several by a word that only this one has: "ok, the lake then"."""
    text = lines[position].text
    low = fold(text)
    if not _CONCLUDES.match(low) or asks(text) or declines(text) or UNSETTLED.search(low):
        return False
    own = subject(lines[at].text) | time_terms(lines[at].text)
    theirs = {term for each in rivals for term in subject(lines[each].text) | time_terms(lines[each].text)}
    said = set(terms(_CONCLUDES.sub("", low))) - EMPTY
    return bool(said & (own - theirs)) and not said & (theirs - own)


def _keep(found: dict[str, Finding], line: Line, span: Span, related: tuple[str, ...]) -> None:
    before = found.get(line.id)
    ids = dict.fromkeys((*(before.related if before else ()), *related))
    found[line.id] = Finding(line.id, line.text[span.start : span.end], span.start, tuple(ids))
