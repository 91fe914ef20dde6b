"""Questions that nobody answered, and where people did not agree. Quoted, English and Chinese. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from circles.core.extract.asked import answers_kind, kinds_asked
from circles.core.extract.lines import Finding, Line
from circles.core.extract.proposals import proposal
from circles.core.extract.replies import accepts_partly, asks, declines, earlier, is_small_talk, is_social, later
from circles.core.extract.text import Span, fold, sentences
from circles.core.extract.todo_forms import IMPERSONAL, REQUESTS
from circles.core.extract.tokens import terms, without_links
from circles.core.extract.when import time_phrases

_SHAPED: Final = re.compile(
    r"[吗呢么谁哪几]|什么|怎么|多少|为啥|[不没]\w|\b(?:who|what|when|where|which|how|why|do|does|did|is"
    r"|are|can|could|will|would|should|shall|has|have|any)\b"
)
_RHETORICAL: Final = re.compile(
    r"^\W*(?:right|ok(?:ay)?|really|yes|no|huh|eh|what|why|how so|seriously|any(?:thing)? else|make sense"
    r"|does that make sense|see|you know|isn't it|how are you|how's it going|how is everyone|what's up"
    r"|guess what|who knows|who cares|why not"
    r"|are you (?:there|serious|kidding|sure)|真的|是吗|是吧|对吧|对吗|好吗|行吗|可以吗|在吗|在不在|啥"
    r"|什么|怎么了|吃了吗|干嘛|为什么|是不是|谁说的|谁知道|何必|怎么可能|知道吗|你看呢|你说呢)\W*$"
)
_TAG: Final = re.compile(
    r"(?:,\s*(?:right|no|eh|ok|okay|yeah|isn't it|don't you think)|(?:对吧|是吧|好吧|不是吗|对不对"
    r"|是不是))\W*$"
)
_WITHDRAWN: Final = re.compile(
    r"\b(?:never ?mind|nvm|found it|figured it out|solved|ignore (?:that|me)|got it)\b|算了|找到了|知道了"
    r"|明白了|解决了|当我没问"
)
_NO_ANSWER: Final = re.compile(
    r"\b(?:don't know|dunno|no idea|not sure|good question|i wonder|same question|also (?:want|like) to"
    r" know|let me (?:check|ask)|will (?:check|ask)|i'll (?:check|ask))\b|不知道|不清楚|不确定|没想好|同问"
    r"|我也想(?:知道|问)|问问|查一?下|好问题"
)
_DISAGREES: Final = re.compile(
    r"\b(?:i (?:strongly |really |totally |respectfully )?(?:disagree|object|oppose)|(?:i|we)(?: really)?"
    r" (?:don't|do not|can't) (?:agree|think (?:so|that|it|we|this)|like (?:that|this|the idea|it)"
    r"|support)|i don't think .{0,40}\b(?:good|great|right|works?|needs?|necessary|worth|fair|wise)|not a"
    r" (?:good|great) (?:idea|plan)|bad idea|(?:that|this|it)(?:'s| is)? (?:won't work|not going to work"
    r"|doesn't work|makes no sense)"
    r"|(?:i'm|we're|i am) (?:against|not (?:convinced|happy|comfortable|sure (?:that|this|it)'?s? (?:a"
    r" good|wise))|opposed)|(?:that|this|it)(?:'s| is) (?:too|way too) \w+|i'?d (?:much )?(?:rather"
    r"|prefer)|i would (?:rather|prefer)|i still (?:think|prefer|want)|i see it differently|no way|on the"
    r" contrary|strongly against"
    r"|please don't|why would we|we shouldn't|i have (?:concerns|doubts|reservations)|i beg to differ)\b"
    r"|^\W*-1\b|^\W*no\b,? (?:that|this|it|we|because|the)\b"
    r"|太.{1,3}了吧|不同意|不赞成|不赞同|反对|不支持|不认同|有异议|我有意见|有不同(?:意见|看法)|不敢苟同|我不(?:这么"
    r"|这样)(?:认为|觉得|看)|我不觉得|我不认为|(?:我|我们)(?:觉得|认为|看|感觉).{0,10}(?:不行|不好|不妥"
    r"|不合适|不合理|不太好|不靠谱|没必要|太.{1,4})|(?:这|那)样?(?:不行|不妥|不合适|不合理|不好吧|不太好"
    r"|不靠谱|行不通)|不是个?好主意|没必要吧|恰恰相反|我更(?:喜欢|倾向|想)|我还是(?:觉得|认为|想|倾向)"
    r"|不太(?:合适|好吧|赞成|同意|认同|建议)|千万别"
)
_STRONGLY: Final = re.compile(r"\b(?:disagree|object|oppose)\b|不同意|不赞成|不赞同|反对|不支持|不认同")
_OPINION: Final = re.compile(
    r"\b(?:i think|i believe|we should|should|better|best|prefer|want|need|suggest|idea|plan|let's|how"
    r" about)\b|觉得|认为|应该|建议|最好|想|不如|还是|要不|需要|吧\W*$"
)


def open_questions(lines: Sequence[Line]) -> tuple[Finding, ...]:
    """Return the questions that got no answer in the window, in time order."""
    found: list[Finding] = []
    for at, line in enumerate(lines):
        span = _question(line.text)
        if span and not _answered(lines, at, line.text[span.start : span.end]):
            found.append(Finding(line.id, line.text[span.start : span.end], span.start))
    return tuple(found)


def disagreements(lines: Sequence[Line]) -> tuple[Finding, ...]:
    """Return what contradicts somebody else, in time order; `related` is the message it contradicts."""
    found: list[Finding] = []
    for at, line in enumerate(lines):
        span = _contradiction(line.text)
        if span is None:
            continue
        near = [position for position in earlier(lines, at) if lines[position].sender != line.sender]
        replied = [position for position in near if lines[position].id == line.reply_to]
        held = replied or [position for position in near if _view(lines[position].text)]
        if not held:
            said = set(terms(line.text))
            held = [
                position
                for position in near[:4]
                if said & {term for term in terms(lines[position].text) if len(term) > 1}
            ]
        if not held and _STRONGLY.search(fold(line.text)):
            held = [position for position in near if not is_small_talk(lines[position].text)]
        if held:
            quote = line.text[span.start : span.end]
            found.append(Finding(line.id, quote, span.start, (lines[held[0]].id,)))
    return tuple(found)


def _question(text: str) -> Span | None:
    """The last question of a message that waits for an answer of substance."""
    spans = sentences(text)
    for span in reversed(spans):
        if span != spans[-1] and not _SHAPED.search(fold(text[span.start : span.end])):
            continue
        sentence = without_links(text[span.start : span.end])
        low = fold(sentence)
        if asks(sentence) and len(set(terms(low))) >= 2 and not _RHETORICAL.match(low) and not _TAG.search(low):
            return span
    return None


def _answered(lines: Sequence[Line], at: int, question: str) -> bool:
    asked = lines[at]
    wanted = set(terms(question))
    silent, kinds = True, kinds_asked(question)
    for position in later(lines, at):
        line = lines[position]
        low = fold(line.text)
        if line.sender == asked.sender:
            if _WITHDRAWN.search(low):
                return True
            continue
        if _NO_ANSWER.search(low):
            continue
        to_it = line.reply_to == asked.id or low.startswith(fold(asked.name) or "\0")
        if to_it and not (asks(line.text) and not wanted & set(terms(low))):
            return True
        elsewhere = REQUESTS.search(low) or (IMPERSONAL.search(low) and time_phrases(line.text))
        if elsewhere and not wanted & set(terms(low)):
            continue
        if asks(line.text):
            silent = silent and _question(line.text) is None
            continue
        if kinds and not to_it and not wanted & set(terms(low)):
            if any(answers_kind(kind, line.text, {}) for kind in kinds):
                return True
            continue
        if silent and (not is_social(line.text) or accepts_partly(line.text) or declines(line.text)):
            return True
        if wanted & {term for term in terms(low) if len(term) > 1}:
            return True
    return False


def _contradiction(text: str) -> Span | None:
    for span in sentences(text):
        sentence = text[span.start : span.end]
        if _DISAGREES.search(fold(sentence)) and not asks(sentence):
            return span
    return None


def _view(text: str) -> bool:
    low = fold(text)
    return proposal(text) is not None or (not is_small_talk(text) and _OPINION.search(low) is not None)
