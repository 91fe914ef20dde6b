"""Who visits whom and when: stated, or invited and accepted; a later change replaces, a cancellation removes. Pure.

`visit_said` reads one message; here the conversation decides what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from circles.core.extract.lines import Line
from circles.core.extract.replies import NEAR, agrees, asks, declines, earlier
from circles.core.extract.text import fold
from circles.core.extract.visit_frames import ADDRESSEE, SPEAKER, UNKNOWN, Frame, Mood
from circles.core.extract.visit_ledger import Ledger, Visit, same_when
from circles.core.extract.visit_people import Speakers
from circles.core.extract.visit_said import Move, Said, calls_off, changes, frames_of, joins, move_of, says_yes
from circles.core.extract.when import time_phrases


@dataclass(frozen=True, slots=True)
class _Open:
    """An invitation, a proposal or a question that waits for an answer.

    `changes` is the visit it would move, `instead_of` the day of the invitation that a guest answers with another.
    """

    at: int
    frame: Frame
    quote: str
    changes: Visit | None = None
    instead_of: str | None = None


def visits(lines: Sequence[Line], people: Mapping[str, str] | None = None) -> tuple[Visit, ...]:
    """Return who visits whom and when, one item a visit, in the order they were settled.

    `people` gives the members' names by user ID; senders are known by themselves.
    """
    talk = _Talk(lines, Speakers(lines, people))
    for at in range(len(lines)):
        talk.hear(at)
    return tuple(talk.ledger.visits)


class _Talk:
    """What is settled so far and what still waits for an answer."""

    def __init__(self, lines: Sequence[Line], people: Speakers) -> None:
        self.lines = lines
        self.people = people
        self.ledger = Ledger(lines)
        self.open: list[_Open] = []
        self.refused: set[tuple[int, str]] = set()

    def hear(self, at: int) -> None:
        line = self.lines[at]
        said = frames_of(line.text, self.people.names, self.people.known)
        move, off = move_of(line.text), calls_off(line.text)
        moves = move and (
            off or changes(move.quote) or (not said and self.ledger.of_day(self.people.name(line), line.text))
        )
        if move and moves and self._change(at, move, said):
            self.open += [_Open(at, each.frame, each.quote) for each in said if each.frame.mood is Mood.INVITES]
            return
        if off and move is None and self._cancel(at):
            return
        waiting = self._waiting(at)
        answered = waiting is not None and self._answer(at, said, move, waiting)
        for each in said:
            self._take(at, each, waiting, answered=answered)
        if not said and not answered and move and move.asked:
            self._invite_again(at, move)
        if not said and joins(line.text):
            self._join(at)

    def _take(self, at: int, said: Said, waiting: _Open | None, *, answered: bool) -> None:
        frame = said.frame
        if frame.mood is not Mood.SAYS:
            if not answered or frame.when is not None:
                self.open.append(_Open(at, frame, said.quote))
        elif frame.when is not None:
            self._settle(at, frame, said.quote)
        elif not answered and waiting and waiting.frame.when:
            self._settle(at, replace(frame, when=waiting.frame.when), said.quote, waiting)

    def _settle(self, at: int, frame: Frame, quote: str, rests_on: _Open | None = None) -> None:
        """Put a visit down at the line that says when: this one, or the one it answers."""
        if frame.when is None or frame.who is None or frame.whom is None:
            return
        line = self.lines[at]
        you = self._you(at) if any(ADDRESSEE in role for role in (frame.who, frame.whom)) else UNKNOWN
        who, whom = (self.people.role(role, line, you) for role in (frame.who, frame.whom))
        if fold(who) == fold(whom):
            return
        visit = Visit(line.id, who, whom, frame.when.words, quote)
        if rests_on and frame.when.words not in line.text:
            visit = replace(visit, id=self.lines[rests_on.at].id, quote=rests_on.quote, related=(line.id,))
        elif rests_on:
            visit = replace(visit, related=(self.lines[rests_on.at].id,))
        self.ledger.put(visit, line.sender)

    # ---- answers

    def _answer(self, at: int, said: Sequence[Said], move: Move | None, waiting: _Open) -> bool:
        """Let a line answer what is open before it; say whether it did."""
        line, frame = self.lines[at], waiting.frame
        whole = [each.frame for each in said if each.frame.mood is Mood.SAYS]
        if waiting.changes is not None:
            return agrees(line.text) and self._agree_to_change(at, waiting, waiting.changes)
        if frame.mood is Mood.ASKS:
            return not said and self._fill(at, waiting, move)
        if whole and not all(ADDRESSEE in (each.whom, each.who) for each in whole):
            self.refused.add((waiting.at, line.sender))
            other = (
                move is not None
                and move.asked
                and all(each.when and each.when.words != move.when.words for each in whole)
            )
            return other and self._counter(at, waiting, move)
        if not says_yes(line.text, bare=not said) and not (move and whole and not declines(line.text)):
            return self._counter(at, waiting, move)
        when = (whole[0].when if whole else None) or frame.when
        if move and (when is None or (same_when(move.when.words, when.words) and move.when.names_day)):
            when = move.when
        who, whom = self._between(waiting, at)
        if waiting.instead_of and whom and when and fold(whom) == fold(self.people.name(line)):
            for guest in self.ledger.together(whom, waiting.instead_of):
                self.ledger.move(guest, self.lines[waiting.at].id, when.words, waiting.quote, (line.id,))
        self._settle(at, Frame(who, whom, when, Mood.SAYS), line.text, waiting)
        self.refused.add((waiting.at, line.sender))
        if frame.who != ADDRESSEE:
            self.open.remove(waiting)
        return True

    def _fill(self, at: int, waiting: _Open, move: Move | None) -> bool:
        """Complete a question ("which day?", "who?") with what its answer says."""
        line, when = self.lines[at], waiting.frame.when
        if asks(line.text) or declines(line.text):
            return False
        who, whom = self._between(waiting, at)
        if when is None and move is not None:
            when = move.when
        elif who is None:
            who = self.people.answering_who(line)
        elif not says_yes(line.text):
            return False
        elif move is not None:
            when = move.when
        if who is None or whom is None or when is None:
            return False
        self._settle(at, Frame(who, whom, when, Mood.SAYS), line.text, waiting)
        return True

    def _counter(self, at: int, waiting: _Open, move: Move | None) -> bool:
        """Another day in answer to an invitation waits for the host's yes; a refusal ends it for this person."""
        old = waiting.frame.when
        if declines(self.lines[at].text):
            self.refused.add((waiting.at, self.lines[at].sender))
        if move is None or not move.when.names_day or old is None or same_when(move.when.words, old.words):
            return False
        who, whom = self._between(waiting, at)
        self.open.append(_Open(at, Frame(who, whom, move.when, Mood.PROPOSES), move.quote, instead_of=old.words))
        return True

    def _invite_again(self, at: int, move: Move) -> None:
        """ "How about Sunday then?": the host's own invitation, for another day."""
        for waiting in reversed(self.open):
            mine = self.lines[waiting.at].sender == self.lines[at].sender and at - waiting.at <= NEAR
            if mine and waiting.frame.mood is Mood.INVITES and waiting.frame.who == ADDRESSEE:
                self.open.append(
                    replace(waiting, at=at, frame=replace(waiting.frame, when=move.when), quote=move.quote)
                )
                return

    def _join(self, at: int) -> None:
        """ "I'll come too": the same visit for one more person."""
        line, last = self.lines[at], self.ledger.last(at, near=4)
        if last is not None and fold(self.people.name(line)) not in (fold(last.who), fold(last.whom)):
            self.ledger.put(replace(last, who=self.people.name(line), related=(line.id,)), line.sender)

    # ---- changes

    def _change(self, at: int, move: Move, said: Sequence[Said]) -> bool:
        """Move a settled visit or an open invitation to another day, at once or when somebody agrees to it."""
        line = self.lines[at]
        for place, waiting in enumerate(self.open):
            old = waiting.frame.when
            mine = self.lines[waiting.at].sender == line.sender and at - waiting.at <= NEAR
            if mine and old and not move.asked and not said and waiting.frame.mood is Mood.INVITES:
                self.open[place] = replace(
                    waiting, at=at, frame=replace(waiting.frame, when=move.when), quote=move.quote
                )
        old_visit = self._meant(at, [each.frame for each in said if each.frame.mood is Mood.SAYS])
        if old_visit is None or same_when(old_visit.when, move.when.words):
            return False
        if move.asked:
            frame = Frame(old_visit.who, old_visit.whom, move.when, Mood.PROPOSES)
            self.open.append(_Open(at, frame, move.quote, changes=old_visit))
        else:
            host = fold(old_visit.whom) == fold(self.people.name(line))
            for each in self.ledger.together(old_visit.whom, old_visit.when) if host else (old_visit,):
                self.ledger.move(each, line.id, move.when.words, move.quote)
        return True

    def _agree_to_change(self, at: int, waiting: _Open, old: Visit) -> bool:
        self.open.remove(waiting)
        if old in self.ledger.visits and waiting.frame.when:
            to = self.lines[waiting.at].id
            self.ledger.move(old, to, waiting.frame.when.words, waiting.quote, (self.lines[at].id,))
            return True
        return False

    def _cancel(self, at: int) -> bool:
        """Call off the visit a line is about; "can't come on the 3rd" is only about one on the 3rd."""
        days = [when.words for when in time_phrases(self.lines[at].text)]
        old = self._meant(at, (), own=True)
        if old is None or (days and not any(same_when(old.when, day) for day in days)):
            return False
        self.ledger.visits.remove(old)
        return True

    def _meant(self, at: int, full: Sequence[Frame], *, own: bool = False) -> Visit | None:
        """The settled visit that a change or cancellation is about."""
        line = self.lines[at]
        replied = self.ledger.replied(line.reply_to)
        if replied or not full:
            others = (mention.said for mention in self.people.mentions(line))
            return replied or self.ledger.meant(line, self.people.name(line), others, own=own)
        you = self._you(at)
        for frame in full:
            old = self.ledger.between(
                self.people.role(frame.who or UNKNOWN, line, you), self.people.role(frame.whom or UNKNOWN, line, you)
            )
            if old:
                return old
        return (
            self.ledger.meant(line, self.people.name(line), (), own=True)
            if not any(SPEAKER in (f.who or "") for f in full)
            else None
        )

    # ---- who is who

    def _waiting(self, at: int) -> _Open | None:
        """What this line may answer: what it replies to, else the latest that somebody else left open."""
        line = self.lines[at]
        for position in earlier(self.lines, at):
            for waiting in reversed(self.open):
                if waiting.at == position and self._may_answer(line, waiting):
                    return waiting
        return None

    def _may_answer(self, line: Line, waiting: _Open) -> bool:
        """An invitation waits for somebody else, once; one that names a member waits for that member."""
        asked = self.lines[waiting.at]
        if asked.sender == line.sender or (waiting.at, line.sender) in self.refused:
            return False
        named = {each.user_id for each in self.people.called(asked) if each.user_id} - {asked.sender}
        to_you = ADDRESSEE in (waiting.frame.who, waiting.frame.whom)
        return not named or not to_you or line.sender in named or line.reply_to == asked.id

    def _between(self, waiting: _Open, at: int) -> tuple[str | None, str | None]:
        """The roles of what is open, now that `at` answers it."""
        asker, you = self.lines[waiting.at], self.people.name(self.lines[at])
        who, whom = waiting.frame.who, waiting.frame.whom
        return who and self.people.role(who, asker, you), whom and self.people.role(whom, asker, you)

    def _you(self, at: int) -> str:
        """Whom a line speaks to: who it replies to or calls, who asked, the last host, or the only other one."""
        line = self.lines[at]
        addressed = self.people.addressed(line)
        if addressed is not None:
            return addressed
        waiting = self._waiting(at)
        if waiting:
            return self.people.name(self.lines[waiting.at])
        speaker = self.people.name(line)
        last = self.ledger.last(at, NEAR, speaker) or self.ledger.last(at, NEAR)
        return last.whom if last and fold(last.whom) != fold(speaker) else self.people.only_other(line)
