"""The visits settled so far in a conversation: put down once, moved, called off, found again. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from circles.core.extract.lines import Line
from circles.core.extract.text import fold
from circles.core.extract.visit_frames import UNKNOWN
from circles.core.extract.when import time_phrases

_AGAIN: Final = re.compile(r"也|还|又|再|\b(?:also|again|too|as well)\b")
_SPEAKS_OF_IT: Final = re.compile(
    r"我|改|推|取消|来|去|\b(?:i|we|our|us|moved?|cancell?ed|off|visit|coming|come|make it)\b"
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


class Ledger:
    """Visits in the order they were settled, one entry a visit."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._place = {line.id: at for at, line in enumerate(lines)}
        self._sender = {line.id: line.sender for line in lines}
        self.visits: list[Visit] = []

    def put(self, visit: Visit, sender: str) -> None:
        """Put a visit down; where the same people already meet, the later word of the same person counts."""
        for place, old in enumerate(self.visits):
            if not (_same_name(old.who, visit.who) and _same_name(old.whom, visit.whom)):
                continue
            unclear = UNKNOWN in (old.who, old.whom, visit.who, visit.whom)
            if same_when(old.when, visit.when):
                if unclear and UNKNOWN not in (visit.who, visit.whom):
                    self.visits[place] = visit
                return
            if unclear:
                continue
            if not _names_day(visit.when) and _names_day(old.when):
                return
            by = {self._sender[each] for each in (old.id, *old.related)}
            if sender in by and old.id != visit.id and not _AGAIN.search(fold(visit.quote)):
                self.visits[place] = replace(
                    visit, related=self._in_order(visit.id, old.id, *old.related, *visit.related)
                )
                return
        self.visits.append(visit)

    def move(self, old: Visit, to: str, when: str, quote: str, also: Iterable[str] = ()) -> None:
        """Give a visit the day that line `to` says in `quote`."""
        related = self._in_order(to, old.id, *old.related, *also)
        self.visits[self.visits.index(old)] = Visit(to, old.who, old.whom, when, quote, related)

    def together(self, whom: str, when: str) -> tuple[Visit, ...]:
        """Return the visits of one host at one time: guests of one invitation."""
        return tuple(old for old in self.visits if fold(old.whom) == fold(whom) and same_when(old.when, when))

    def last(self, at: int, near: int, who: str | None = None) -> Visit | None:
        """Return the visit settled last (by `who`), if one of its lines is at most `near` before position `at`."""
        for visit in reversed(self.visits):
            if (who is None or _has(visit.who, fold(who))) and any(
                0 <= at - self._place[each] <= near for each in (visit.id, *visit.related)
            ):
                return visit
        return None

    def replied(self, reply_to: str | None) -> Visit | None:
        """Return the visit that rests on the line replied to."""
        found = [old for old in self.visits if reply_to is not None and reply_to in (old.id, *old.related)]
        return found[-1] if found else None

    def between(self, who: str, whom: str) -> Visit | None:
        """Return the visit of these two."""
        found = [old for old in self.visits if fold(old.who) == fold(who) and fold(old.whom) == fold(whom)]
        return found[-1] if found else None

    def of_day(self, name: str, text: str) -> bool:
        """Say whether a text names the day of a visit that this person pays or gets."""
        days = [when.words for when in time_phrases(text)]
        mine = [old for old in self.visits if _has(old.who, fold(name)) or _has(old.whom, fold(name))]
        return any(same_when(old.when, day) for old in mine for day in days)

    def meant(self, line: Line, name: str, others: Iterable[str], *, own: bool = False) -> Visit | None:
        """Return the visit a line without a full sentence is about: the named, the dated, the speaker's last.

        With `own`, somebody else's is meant only by name.
        """
        low, name = fold(line.text), fold(name)
        mine = [
            old
            for old in self.visits
            if name and (_has(old.who, name) or _has(old.whom, name) or self._said_by(old, line))
        ]
        named = [
            old
            for old in self.visits
            if any(part != name and part in low for part in (_bare(old.who), _bare(old.whom)))
        ]
        if any(fold(other) != name for other in others) and not named:
            return None
        days = [when.words for when in time_phrases(line.text)]
        dated = [old for old in self.visits if any(same_when(old.when, day) for day in days)]
        spoken = [old for old in named if old in dated]
        both = [old for old in mine if old in named]
        due = [old for old in mine if old in dated]
        for candidates in (due, spoken, both, [] if own else dated, named if _SPEAKS_OF_IT.search(low) else [], mine):
            if candidates:
                return candidates[-1]
        return None

    def _said_by(self, visit: Visit, line: Line) -> bool:
        return self._sender[visit.id] == line.sender

    def _in_order(self, without: str, *ids: str) -> tuple[str, ...]:
        return tuple(sorted({each for each in ids if each != without}, key=self._place.__getitem__))


def _bare(name: str) -> str:
    return re.sub(r"^(?:你们?|我们?|他们?|她们?|your |my |our )", "", fold(name))


def same_when(one: str, other: str) -> bool:
    """Say whether two phrases name one time: "Sunday" and "Sunday evening", 周日 and 星期天."""
    a, b = (_plain(each) for each in (one, other))
    short, long = sorted((a, b), key=len)
    return re.search(rf"(?<!\d){re.escape(short)}(?!\d)", long) is not None


def _plain(when: str) -> str:
    bare = re.sub(r"\b(?:the|on|this|at|by)\b|[\s,大年]", "", fold(when))
    return re.sub(r"星期|礼拜", "周", bare).replace("天", "日")


def _names_day(when: str) -> bool:
    return any(phrase.names_day for phrase in time_phrases(when))


def _same_name(one: str, other: str) -> bool:
    return UNKNOWN in (one, other) or fold(one) == fold(other)


def _has(names: str, name: str) -> bool:
    return name in re.split(r"和| and ", fold(names))
