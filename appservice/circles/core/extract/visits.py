"""Who visits whom and when: stated, or invited and accepted; a later change replaces, a cancellation removes. Pure.

`visit_frames` and the shapes of the two languages read one sentence; here the conversation decides what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from circles.core.extract import visit_en, visit_zh
from circles.core.extract.lines import Line, sender_names
from circles.core.extract.people import mentioned_people, shown_names
from circles.core.extract.replies import accepts_partly, agrees, asks, declines, earlier
from circles.core.extract.text import Span, clauses, fold, sentences
from circles.core.extract.visit_frames import ADDRESSEE, SPEAKER, UNKNOWN, Frame, Mood, template
from circles.core.extract.when import When, time_phrases

_CHANGES: Final = re.compile(
    r"\b(?:mov(?:e|ed|ing)|chang(?:e|ed|ing)|shift(?:ed|ing)?|push(?:ed|ing)?|postpon(?:e|ed|ing)"
    r"|reschedul(?:e|ed|ing)|switch(?:ed|ing)?|swap(?:ped)?|instead|rather|actually|correction|not (?:on"
    r" )?the|make (?:it|that)|meant|better)\b"
    r"|改|推迟|延到|延后|提前|换到|换成|挪|调到|调整|不是|说错|记错|还是.{1,8}(?:吧|好)|推到|更正|应该是"
)
_WELCOMES: Final = re.compile(
    r"等你们?|随时|欢迎|盼着|恭候|期待|\b(?:looking forward|can't wait|see you|we'll be (?:home|here|in)"
    r"|you're welcome|come on over|please do|door is open)\b"
)
_NOT_THIS: Final = re.compile(
    r"(?:instead of|rather than|\bnot\b(?! but)|from)\s+(?:on\s+|the\s+)*$|(?:不是|从|由|原来|原定)$"
)
_COMES: Final = re.compile(
    r"我们?.{0,4}(?:一定|准时|会)?(?:来|到|去)|\b(?:we|i)(?:'ll| will|'d| would)? (?:all )?(?:be there"
    r"|come|love to|bring)\b"
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit, in the words of the conversation.

    Attributes:
        id: the line that says when (after a change, the line that changed it); it contains `quote`.
        who, whom: a sender's name or words of the window; "?" where the words do not tell.
        when: the time phrase as said.
        quote: the sentence it rests on, word for word.
        related: the other lines it rests on, in time order.
    """

    id: str
    who: str
    whom: str
    when: str
    quote: str
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Open:
    """An invitation, a proposal or a question that waits for an answer."""

    at: int
    frame: Frame
    quote: str
    changes: str | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    frame: Frame
    quote: str


def visits(lines: Sequence[Line], people: Mapping[str, str] | None = None) -> tuple[Visit, ...]:
    """Return who visits whom and when, one item a visit, in the order they were settled.

    `people` gives the members' names by user ID; senders are known by themselves.
    """
    talk = _Talk(lines, sender_names(lines, people))
    for at in range(len(lines)):
        talk.hear(at)
    return tuple(talk.settled)


class _Talk:
    """The visits settled so far and what still waits for an answer."""

    def __init__(self, lines: Sequence[Line], names: Mapping[str, str]) -> None:
        self.lines = lines
        self.names = names
        self.known = shown_names(lines)
        self.settled: list[Visit] = []
        self.open: list[_Open] = []

    def hear(self, at: int) -> None:
        line = self.lines[at]
        low = fold(line.text)
        said = _said(line.text, self.names, self.known)
        whens = tuple(when for when in time_phrases(line.text) if not when.is_past)
        cancelled = any(_cancels(low[start:end]) for start, end in sentences(line.text)) and not asks(line.text)
        new = _new_when(low, whens)
        if new and (cancelled or _CHANGES.search(low)) and self._change(at, new, said):
            return
        if cancelled and not new and self._cancel(at):
            return
        answered = self._answer(at, said, new)
        for each in said:
            self._take(at, each, answered)

    def _take(self, at: int, said: _Said, answered: bool) -> None:
        frame = said.frame
        if frame.mood is Mood.SAYS and frame.when is not None:
            self._settle(at, frame, said.quote)
            return
        if frame.mood is Mood.SAYS:
            waiting = self._question(at)
            if waiting and waiting.frame.when and not answered:
                self._settle(at, replace(frame, when=waiting.frame.when), said.quote, waiting)
            return
        if not answered or frame.when is not None:
            self.open.append(_Open(at, frame, said.quote))

    def _settle(self, at: int, frame: Frame, quote: str, rests_on: _Open | None = None) -> None:
        """Put a visit down; where the same people already meet, the later word counts."""
        if frame.when is None or frame.who is None or frame.whom is None:
            return
        line = self.lines[at]
        you = self._you(at) if ADDRESSEE in (frame.who, frame.whom) else UNKNOWN
        who, whom = (self._name(role, line, you) for role in (frame.who, frame.whom))
        if fold(who) == fold(whom):
            return
        held = rests_on and frame.when.words not in line.text
        where = self.lines[rests_on.at] if rests_on and held else line
        related = tuple(
            dict.fromkeys(
                each.id for each in (self.lines[rests_on.at] if rests_on else line, line) if each.id != where.id
            )
        )
        words = rests_on.quote if rests_on and held else quote
        self._put(Visit(where.id, who, whom, frame.when.words, words, related), at)

    def _put(self, visit: Visit, at: int) -> None:
        sender = self.lines[at].sender
        for place, old in enumerate(self.settled):
            if not (_same_name(old.who, visit.who) and _same_name(old.whom, visit.whom)):
                continue
            if _same_when(old.when, visit.when):
                if UNKNOWN in (old.who, old.whom) and UNKNOWN not in (visit.who, visit.whom):
                    self.settled[place] = visit
                return
            by = [line.sender for line in self.lines if line.id in (old.id, *old.related)]
            again = re.search(r"也|还|又|再|\b(?:also|again|too|as well)\b", fold(visit.quote))
            if sender in by and old.id != visit.id and not again:
                self.settled[place] = visit
                return
        self.settled.append(visit)

    def _answer(self, at: int, said: Sequence[_Said], new: When | None) -> bool:
        """Let a line answer what is open before it; say whether it did."""
        line = self.lines[at]
        waiting = self._question(at)
        if waiting is None:
            return False
        frame = waiting.frame
        whole = [each.frame for each in said if each.frame.mood is Mood.SAYS]
        if waiting.changes is not None:
            return self._agree_to_change(at, waiting)
        yes = (
            agrees(line.text)
            or (accepts_partly(line.text) and not declines(line.text) and not asks(line.text))
            or (
                frame.mood is not Mood.ASKS
                and not declines(line.text)
                and not asks(line.text)
                and (_WELCOMES.search(fold(line.text)) or _COMES.search(fold(line.text))) is not None
            )
        )
        if frame.mood is Mood.ASKS:
            return self._fill(at, waiting, whole, new, yes=yes)
        if whole and not all(ADDRESSEE in (each.whom, each.who) for each in whole):
            return False
        if not yes and not (new and not declines(line.text) and whole):
            return self._counter(at, waiting, new)
        when = whole[0].when if whole and whole[0].when else frame.when
        if when is None and new is not None:
            when = new
        name = self.names.get(line.sender, line.name) or UNKNOWN
        asker = self.lines[waiting.at]
        who = self._name(frame.who, asker, name)
        whom = self._name(frame.whom, asker, name)
        self._settle(at, Frame(who, whom, when, Mood.SAYS), line.text, waiting)
        if frame.who != ADDRESSEE:
            self.open.remove(waiting)
        return True

    def _fill(self, at: int, waiting: _Open, whole: Sequence[Frame], new: When | None, *, yes: bool) -> bool:
        """Complete a question ("which day?", "who?") with what its answer says."""
        frame, line = waiting.frame, self.lines[at]
        if whole or asks(line.text) or declines(line.text):
            return False
        name = self.names.get(line.sender, line.name) or UNKNOWN
        who, whom, when = frame.who, frame.whom, frame.when
        if when is None and new is not None:
            when = new
        elif who is None:
            mentioned = [
                each for each in mentioned_people(line.text, self.names, self.known) if each.user_id != line.sender
            ]
            speaks = re.search(r"我|\b(?:i|we|me)\b", fold(line.text))
            who = (
                name if speaks else self.names.get(mentioned[0].user_id or "", mentioned[0].said) if mentioned else None
            )
        elif not yes or whom is None:
            return False
        if who is None or whom is None or when is None:
            return False
        asker = self.lines[waiting.at]
        who, whom = self._name(who, asker, name), self._name(whom, asker, name)
        self._settle(at, Frame(who, whom, when, Mood.SAYS), line.text, waiting)
        return True

    def _counter(self, at: int, waiting: _Open, new: When | None) -> bool:
        """Another day in answer to an invitation waits for the host's yes."""
        if new is None or waiting.frame.when is None or _same_when(new.words, waiting.frame.when.words):
            return False
        line, asker = self.lines[at], self.lines[waiting.at]
        name = self.names.get(line.sender, line.name) or UNKNOWN
        frame = Frame(
            self._name(waiting.frame.who or UNKNOWN, asker, name),
            self._name(waiting.frame.whom or UNKNOWN, asker, name),
            new,
            Mood.PROPOSES,
        )
        self.open.append(_Open(at, frame, _sentence(line.text, new)))
        return True

    def _change(self, at: int, new: When, said: Sequence[_Said]) -> bool:
        """Move a settled visit to another day, at once or when somebody agrees to it."""
        line = self.lines[at]
        full = [each.frame for each in said if each.frame.mood is Mood.SAYS]
        old = self._meant(at, full)
        if old is None or _same_when(old.when, new.words):
            return False
        sentence = _sentence(line.text, new)
        if asks(sentence):
            frame = Frame(old.who, old.whom, new, Mood.PROPOSES)
            self.open.append(_Open(at, frame, sentence, changes=old.id))
            return True
        self._move(old, at, new.words, sentence, ())
        return True

    def _move(self, old: Visit, at: int, when: str, quote: str, related: tuple[str, ...]) -> None:
        place = self.settled.index(old)
        ids = tuple(dict.fromkeys((old.id, *old.related, *related)))
        line = self.lines[at]
        self.settled[place] = Visit(
            line.id, old.who, old.whom, when, quote, tuple(each for each in ids if each != line.id)
        )

    def _agree_to_change(self, at: int, waiting: _Open) -> bool:
        if not agrees(self.lines[at].text):
            return False
        self.open.remove(waiting)
        for old in self.settled:
            if old.id == waiting.changes and waiting.frame.when:
                self._move(old, waiting.at, waiting.frame.when.words, waiting.quote, (self.lines[at].id,))
                return True
        return False

    def _cancel(self, at: int) -> bool:
        old = self._meant(at, ())
        if old is None:
            return False
        self.settled.remove(old)
        return True

    def _meant(self, at: int, full: Sequence[Frame]) -> Visit | None:
        """The settled visit that a change or cancellation is about: replied to, named, or the speaker's latest."""
        line = self.lines[at]
        low = fold(line.text)
        name = fold(self.names.get(line.sender, line.name))
        for old in reversed(self.settled):
            if line.reply_to is not None and line.reply_to in (old.id, *old.related):
                return old
        for frame in full:
            who, whom = (fold(self._name(role or UNKNOWN, line, self._you(at))) for role in (frame.who, frame.whom))
            for old in reversed(self.settled):
                if who == fold(old.who) and whom == fold(old.whom):
                    return old
        if full:
            return None
        mine = [
            old
            for old in self.settled
            if name and (_has(old.who, name) or _has(old.whom, name) or self._sender(old) == line.sender)
        ]
        named = [
            old
            for old in self.settled
            if any(part and part != name and part in low for part in (fold(old.who), fold(old.whom)))
        ]
        dated = [old for old in mine if fold(old.when) in low]
        both = [old for old in mine if old in named]
        others = {fold(each.said) for each in mentioned_people(line.text, self.names, self.known)} - {name}
        if others and not named:
            return None
        for candidates in (both, dated, named if _speaks_for(low) else [], mine):
            if candidates:
                return candidates[-1]
        return None

    def _sender(self, visit: Visit) -> str:
        return next(line.sender for line in self.lines if line.id == visit.id)

    def _question(self, at: int) -> _Open | None:
        """What this line may answer: what it replies to, else the latest that somebody else left open."""
        near = earlier(self.lines, at)
        line = self.lines[at]
        for position in near:
            for waiting in reversed(self.open):
                if (
                    waiting.at == position
                    and self.lines[position].sender != line.sender
                    and self._may_answer(line, waiting)
                ):
                    return waiting
        return None

    def _may_answer(self, line: Line, waiting: _Open) -> bool:
        """An invitation that names a member waits for that member."""
        asked = self.lines[waiting.at]
        named = {each.user_id for each in mentioned_people(asked.text, self.names) if each.user_id} - {asked.sender}
        return (
            not named
            or line.sender in named
            or ADDRESSEE not in (waiting.frame.who, waiting.frame.whom)
            or line.reply_to == asked.id
        )

    def _you(self, at: int) -> str:
        """Whom a line speaks to: who it replies to, whom it calls, who asked, or the only other one here."""
        line = self.lines[at]
        for other in self.lines:
            if line.reply_to == other.id and other.sender != line.sender:
                return self.names.get(other.sender, UNKNOWN)
        for mention in mentioned_people(line.text, self.names, self.known):
            before, after = fold(line.text[: mention.start]), fold(line.text[mention.end :])
            called = re.search(r"(?:^|[@,，。.!！?？]|\b(?:hi|hey|hello|ok|yes|and|thanks|dear))\W*$", before)
            if called and re.match(r"\W*$|\s*[,，!！:：。.]|\s*(?:你|您|我们|,)", after):
                return self.names.get(mention.user_id or "", mention.said)
        waiting = self._question(at)
        if waiting:
            return self.names.get(self.lines[waiting.at].sender, UNKNOWN)
        others = {each.sender for each in self.lines} - {line.sender}
        return self.names.get(others.pop(), UNKNOWN) if len(others) == 1 else UNKNOWN

    def _name(self, role: str | None, line: Line, you: str) -> str:
        speaker = self.names.get(line.sender, line.name) or UNKNOWN
        return (role or UNKNOWN).replace(SPEAKER, speaker).replace(ADDRESSEE, you)


def _said(text: str, people: Mapping[str, str], known: frozenset[str]) -> list[_Said]:
    found: list[_Said] = []
    for span in sentences(text):
        sentence = text[span.start : span.end]
        chinese = len(re.findall(r"[\u4e00-\u9fff]", sentence)) >= 2
        parts = tuple(template(text, part, people, known) for part in _parts(text, span, chinese=chinese))
        grammar = visit_zh if chinese else visit_en
        found += [_Said(frame, sentence) for frame in grammar.frames(parts, sentence)]
    return found


_AND: Final = re.compile(
    r"\s+(?=(?:and|but|then|so)\s+(?:then |also |on |we\b|i\b|i'|they\b|he\b|she\b|go |going |visit|come "
    r"|the next|you\b))"
)


def _parts(text: str, span: Span, *, chinese: bool) -> list[Span]:
    """Clauses; a list of people ("外公、外婆来", "Tom, Anna and I") stays whole where its parts are single words."""
    found: list[Span] = []
    for part in clauses(text, span):
        joined = text[found[-1].end : part.start].strip() if found else ""
        if found and joined == "、":
            found[-1] = Span(found[-1].start, part.end)
        else:
            found.append(part)
    if chinese:
        return found
    cut: list[Span] = []
    for part in found:
        start = part.start
        for split in _AND.finditer(fold(text), part.start, part.end):
            cut.append(Span(start, split.start()))
            start = split.end()
        cut.append(Span(start, part.end))
    return cut


def _cancels(low: str) -> bool:
    return visit_zh.cancels(low) or visit_en.cancels(low)


def _new_when(low: str, whens: Sequence[When]) -> When | None:
    """The time a line settles on: the last, unless it is the one given up ("the 5th instead of the 3rd")."""
    kept = [when for when in whens if not _NOT_THIS.search(low, 0, when.start)]
    return kept[-1] if kept else None


def _sentence(text: str, when: When) -> str:
    for start, end in sentences(text):
        if start <= when.start < end:
            return text[start:end]
    return text


def _speaks_for(low: str) -> bool:
    return re.search(r"我|\b(?:i|we|our|us)\b|改|推|取消|\b(?:moved?|cancell?ed|off|visit)\b|来|去", low) is not None


def _has(names: str, name: str) -> bool:
    return name in re.split(r"和| and ", fold(names))


def _same_name(one: str, other: str) -> bool:
    return UNKNOWN in (one, other) or fold(one) == fold(other)


def _same_when(one: str, other: str) -> bool:
    """ "Sunday" and "on Sunday evening" are one time, 周日 and 星期天 too."""
    a, b = (
        re.sub(r"星期|礼拜", "周", re.sub(r"\b(?:the|on|this|at|by)\b|[\s,大年]", "", fold(each))).replace("天", "日")
        for each in (one, other)
    )
    return a in b or b in a
