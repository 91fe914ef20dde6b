"""Reading: what a pending event asks for, decided now. The last place that sees message text before it is permitted.

Text goes in as the journal's payload and comes out only as `Permitted`, made from a decision asked here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import Any, Final, cast

from sqlalchemy import Connection

from circles.adapters.store import journal, outbox, quota
from circles.core import effects as fx
from circles.core.call import Call, Room, Said, Tap
from circles.core.commands import Invocation, parse
from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language, as_language, language_of
from circles.core.pace import Metronome, Pace, Turns
from circles.core.permitted import Permitted, permit
from circles.core.settings import Settings
from circles.entrypoints.intake import Intake, names_of
from circles.entrypoints.plain_language import handle_free
from circles.facts import posts, rooms
from circles.feature import Command, Feature
from circles.features.help import strings
from circles.ports import Database, NamesPeople, Ports, TellsTime
from circles.registry import FEATURES, FORMS, command_named, commands
from circles_policies.decision import Decision, Reason, Verdict
from circles_policies.events import Classified, Control
from circles_policies.gate import Passed, filter_event
from circles_policies.words import TIGHTENING, ControlWord, parse_control, strip_address

Json = Mapping[str, Any]
LATE_MS: Final = 10 * 60_000
OPEN_MS: Final = 60 * 60_000
"""So long what the AI asked back can be answered by words alone; by a reply to it, as long as it stands."""
ROOM_FACTOR: Final = 3
"""A whole room may ask so many times as often as one person."""
_ONLY_TOLD: Final = (ControlWord.WHY, ControlWord.ME, ControlWord.HELP)
_OBEYED: Final = frozenset(
    word.value
    for word in (
        *(ControlWord.OUT, ControlWord.NOT_AT_ALL, ControlWord.IN, ControlWord.HIDE, ControlWord.UNHIDE),
        *(ControlWord.OFF_RECORD, ControlWord.OFF, ControlWord.STOP, ControlWord.LEAVE),
    )
)
"""What was done when it was taken in, so that it is not said to be done where it was not."""
_CHOICES: Final = (
    ("not_at_all_in", re.compile(r"(?:out\s+)?not\s+at\s+all|完全不看我|完全别看我", re.IGNORECASE)),
    ("out_of", re.compile(r"(?:opt\s+(?:me\s+)?)?out|(?:不|别|不要)看我|退出", re.IGNORECASE)),
    ("in_again", re.compile(r"(?:opt\s+(?:me\s+)?)?in|(?:可以)?看我", re.IGNORECASE)),
)
"""The words by which somebody chooses in private for one circle, and the command of each."""
_BETWEEN: Final = re.compile(r"\s*[:,，：、]?\s*(?:(?:of|in|for|from)\s+)?(?:the\s+|在)?", re.IGNORECASE)
_SHORT_CHOICE: Final = 60
_FEW_WORDS: Final = 3
_SLIP: Final = 0.83
_EXAMPLE: Final[Mapping[Language, str]] = {"en": "out 1", "zh": "不看我 1"}
_PACES: Final = (Pace.GO, Pace.SAY, Pace.SILENT)
_LEADING_NUMBER: Final = re.compile(r"^\s*(\d{1,2})(?=\s|$|[:：,，])[\s:：,，]*")
_PRIVATE_SUFFIX: Final = re.compile(r"(?:^|\s)(privately|in private)\s*$|私下(?:发我|告诉我)?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do; `wait`: not yet, because the room's state was not read."""

    wait: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """Something to do.

    Attributes:
        handle: does it.
        excuse: turns words into the effect that says them where the question stands.
        circle: the room whose tightening makes the answer stale.
        generation: how often it had got stricter when this was read; None: not looked at.
    """

    handle: Callable[[Ports], Awaitable[tuple[fx.Effect, ...]]]
    excuse: Callable[[fx.Words], fx.Effect]
    circle: RoomID
    language: Language
    slow: bool = False
    lasting: bool = False
    placeholder: fx.Placeholder | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rows say about one pending event. `circles`: those shared with the AI, if asked in private."""

    passed: Passed
    facts: rooms.RoomFacts
    room: Room
    person: rooms.Person
    said: Said | None
    circles: tuple[Room, ...]
    decides: bool
    """Whether the sender holds the power where the post they tap is about, which may not be where it stands."""
    decides_in: frozenset[RoomID]
    standing: quota.Standing
    answered: datetime | None
    """When the sender's call before this one was answered, if it was."""
    again: bool
    """Whether an answer stands in the room already, given before the database was restored from a backup."""
    obeyed: bool
    """Whether this event changed what the AI may look at, when it was taken in."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How much one person may make the AI answer.

    Attributes:
        per_minute: calls of one person a minute.
        turns: turns in a row with one sender before they are taken for a program.
        answers: answers a day.
    """

    per_minute: int
    turns: int
    answers: quota.AnswerLimits


class Reader:
    """Reads journal entries."""

    def __init__(
        self,
        database: Database,
        intake: Intake,
        names: NamesPeople,
        settings: Settings,
        clock: TellsTime,
        rates: Rates,
        features: tuple[Feature, ...] = FEATURES,
        refused: Callable[[str], None] = lambda _limit: None,
    ) -> None:
        """Take what the composition root wires."""
        self._database = database
        self._intake = intake
        self._names = names
        self._settings = settings
        self._clock = clock
        self._metronome = Metronome(rates.per_minute)
        self._of_rooms = Metronome(rates.per_minute * ROOM_FACTOR)
        self._controls = Metronome(rates.per_minute)
        self._turns = Turns(rates.turns)
        self._answers = rates.answers
        self._count_refused = refused
        self._counted: tuple[int, ...] = ()
        self._features = features

    async def read(self, entry: journal.Entry) -> Read | Ignored:
        """Return what an entry asks for, as the rows stand now."""
        found = await self._database.read(lambda c: self._facts(c, entry))
        if isinstance(found, Ignored):
            return found
        if found.passed.classified.control is Control.REACTION:
            return self._tap(entry, found)
        read = await self._call(entry, found)
        # Most answers leave nothing but words, or mean what was there when they were given: they stand as they are.
        return read if not found.again or (isinstance(read, Read) and read.lasting) else Ignored()

    def _facts(self, connection: Connection, entry: journal.Entry) -> _Facts | Ignored:
        facts = rooms.room_facts(connection, entry.room_id)
        if facts is None or facts.membership != "join":
            return Ignored()
        if not facts.filled:
            return Ignored(wait=True)
        room = rooms.view_of(connection, facts, self._settings.language)
        sender = UserID(entry.event["sender"])
        now = int(self._clock.now().timestamp() * 1000)
        passed = filter_event(
            entry.event, self._intake.view(connection, entry.room_id, sender, entry.event, now, facts)
        )
        if not isinstance(passed, Passed):
            return Ignored()
        what = passed.classified
        if what.control is None and not passed.trigger:
            return Ignored()
        target = what.reacts_to or what.reply_to or what.thread
        said = posts.said(connection, target) if target else None
        circles = rooms.circles_of(connection, sender, self._settings.ai) if facts.direct else ()
        views = tuple(v for v in (rooms.view(connection, c, self._settings.language) for c in circles) if v is not None)
        payer = quota.account(self._clock.now(), entry.room_id, sender)
        before = self._turns.last_call(entry.room_id, sender)
        return _Facts(
            passed=passed,
            facts=facts,
            room=room,
            person=rooms.person(connection, sender),
            said=said,
            decides=facts.power.may_set_policy(sender)
            if said is None or said.about == entry.room_id
            else _decides(connection, said.about, sender),
            circles=views,
            decides_in=frozenset(c for c in circles if _decides(connection, c, sender)),
            standing=quota.standing(connection, payer, self._answers),
            answered=posts.answered_at(connection, EventID(before)) if before else None,
            again=outbox.is_answered(connection, entry.event_id),
            obeyed=rooms.is_authority(connection, entry.room_id, entry.event_id),
        )

    # --- taps -------------------------------------------------------------------------------------------------------

    def _tap(self, entry: journal.Entry, found: _Facts) -> Read | Ignored:
        said = found.said
        what = found.passed.classified
        if said is None or said.state == "gone" or what.reaction_key is None:
            return Ignored()
        feature = next((each for each in self._features if each.name == said.feature), None)
        handler = feature.taps.get(said.kind) if feature is not None else None
        if handler is None:
            return Ignored()
        sender = UserID(entry.event["sender"])
        language = as_language(found.person.language, said.language)
        tap = Tap(
            room=found.room,
            asker=sender,
            event_id=entry.event_id,
            at=_instant(what.at),
            key=what.reaction_key,
            said=said,
            language=language,
            decides=found.decides,
        )
        return Read(
            handle=lambda ports: handler(tap, ports),
            excuse=lambda words: fx.Post(entry.room_id, words, kind="excuse", feature="help", thread=said.thread),
            circle=said.about,
            language=language,
        )

    # --- calls ------------------------------------------------------------------------------------------------------

    async def _call(self, entry: journal.Entry, found: _Facts) -> Read | Ignored:
        what = found.passed.classified
        sender = UserID(entry.event["sender"])
        names = names_of(self._settings, found.facts)
        words = _permitted(found.passed, names)
        language = language_of(words.text, as_language(found.person.language, found.room.language))
        base = Call(
            room=found.room,
            place=entry.room_id,
            asker=sender,
            event_id=entry.event_id,
            at=_instant(what.at),
            command="",
            argument=words.part(""),
            whole=words,
            language=language,
            zone=found.person.zone or found.room.zone,
            thread=EventID(what.thread) if what.thread else None,
            reply_to=EventID(what.reply_to) if what.reply_to else None,
            decides=found.facts.power.may_set_policy(sender),
            readable=bool(found.passed.read),
            private=found.room.direct,
        )
        refused = None if found.again else self._refused(entry, found, base, control=_is_control(what, words, names))
        if refused is not None:
            return refused
        said = _PRIVATE_SUFFIX.sub("", words.text)
        whispered = said != words.text
        command, argument = self._command(what, words.part(said), names)
        if command is None and (meant := await self._answered(base, found)) is not None:
            command, argument = self._command(what, words.part(meant), names)
            base = replace(base, whole=words.part(meant))
        if (
            command is None
            and found.room.direct
            and (chosen := await self._choice(base, found, late=entry.received_at - what.at > LATE_MS)) is not None
        ):
            return chosen
        if command is None:
            return await self._unknown(base, found, argument, prefixed=_is_prefixed(found.passed))
        call = replace(base, command=command.name, argument=words.part(argument), private=base.private or whispered)
        tightens = what.word in TIGHTENING
        if entry.received_at - what.at > LATE_MS and not tightens and not found.obeyed and not found.again:
            return self._say(call, strings.late(language))
        if command.keeps and Reason.MARKED in found.passed.read.reasons:
            return self._say(call, strings.off_record(language))
        if found.room.policy is None and not command.waiting:
            return self._say(call, strings.waiting(language))
        if found.room.direct and command.about_circle:
            placed = await self._about(call, found)
            if isinstance(placed, Read):
                return placed
            call = placed
        return self._run(call, command)

    def _refused(self, entry: journal.Entry, found: _Facts, call: Call, *, control: bool) -> Read | None:
        """Return what is said, or left unsaid, instead of an answer: too many calls, turns, or answers today.

        A control word was obeyed when it was taken in; of them a reserve is answered beyond every budget.
        """
        now, who, standing = self._clock.now(), call.asker, found.standing
        if entry.seq not in self._counted:
            self._counted = (*self._counted[-1000:], entry.seq)
            heard = _instant(entry.received_at)
            turn = self._turns.beat(entry.room_id, who, entry.event_id, heard, found.answered, control=control)
            if turn is not Pace.GO:
                self._count_refused("turns")
                minutes = self._turns.minutes(entry.room_id, who, now)
                return self._say(call, strings.circling(call.language, minutes) if turn is Pace.SAY else None)
            pace = self._controls.beat(who, now) if control else self._paced(who, entry.room_id, now)
            if pace is not Pace.GO:
                self._count_refused("pace")
                is_said = pace is Pace.SAY and not control
                return self._say(call, strings.too_fast(call.language) if is_said else None)
        if standing.spent is None or (control and standing.reserve):
            return None
        self._count_refused(standing.spent.value)
        hours = quota.hours_left(now)
        words = None if standing.told else strings.enough(call.language, hours, of_room=standing.spent.of_room)
        return self._say(call, words, fx.NoteTold(entry.room_id, who))

    def _paced(self, who: UserID, room_id: RoomID, now: datetime) -> Pace:
        return max((self._metronome.beat(who, now), self._of_rooms.beat(room_id, now)), key=_PACES.index)

    def _command(self, what: Classified, words: Permitted, names: tuple[str, ...]) -> tuple[Command | None, str]:
        """Return the command and its argument; None with the nearest form where the words are none.

        What is obeyed at intake is answered only if the gate took it for a control word, else it would be said to be
        done and was not ("out privately").
        """
        control = parse_control(words.text, names, addressed=True)
        command = command_named(control[0].value) if control is not None else None
        if control is not None and command is not None and (what.word is not None or control[0] in _ONLY_TOLD):
            return command, control[1]
        parsed = parse(words.text, FORMS)
        if isinstance(parsed, Invocation):
            named = command_named(parsed.name)
            obeyed = named is None or named.name not in _OBEYED or what.word is not None
            return (named, parsed.argument) if obeyed else (None, "")
        return None, parsed.nearest or ""

    async def _answered(self, call: Call, found: _Facts) -> str | None:
        """Return the command that words which are none come to as the answer to what the AI asked this person here.

        That is the post they reply to; without a reply the last thing it said to them in this room.
        """
        if call.reply_to is not None:
            said = found.said
        else:
            since = int(self._clock.now().timestamp() * 1000) - OPEN_MS
            said = await self._database.read(lambda c: posts.last_said(c, call.place, call.asker, since))
        if said is None or said.state == "gone" or said.asker != call.asker or said.room_id != call.place:
            return None
        feature = next((each for each in self._features if each.name == said.feature), None)
        understand = feature.answers.get(said.kind) if feature is not None else None
        return understand(said, call.whole) if understand is not None else None

    async def _unknown(self, call: Call, found: _Facts, nearest: str, *, prefixed: bool) -> Read:
        """Words that are no command: after `!circle` the nearest one is offered; otherwise they are a question."""
        words, question = call.whole, command_named("ask")
        prefixed = prefixed or _is_slip(words.text, nearest)
        if prefixed or not words.text or question is None:
            unknown = command_named("unknown")
            if unknown is None:
                return self._say(call, None)
            return self._run(replace(call, command="unknown", argument=words.part(nearest)), unknown)
        if call.room.policy is None:
            return self._say(call, strings.waiting(call.language))
        placed = await self._about(replace(call, argument=words), found) if found.room.direct else call
        about = placed.handle if isinstance(placed, Read) else placed

        async def handle(given: Call, ports: Ports) -> tuple[fx.Effect, ...]:
            return await handle_free(given, ports, commands(), question, about)

        free = replace(question, slow=True, handle=handle)
        return self._run(replace(call, command=question.name, argument=words), free)

    async def _about(self, call: Call, found: _Facts) -> Call | Read:
        """Find which circle a direct message is about: the only one, the one it replies about, or the one it names."""
        if found.said is not None and found.said.about != call.place:
            chosen = next((room for room in found.circles if room.room_id == found.said.about), None)
            if chosen is not None:
                return _placed(call, chosen, found)
        if len(found.circles) == 1:
            return _placed(call, found.circles[0], found)
        if not found.circles:
            return self._say(call, strings.no_circle(call.language))
        titles = [await self._names.room(room.room_id) for room in found.circles]
        text = call.argument.text
        number = _LEADING_NUMBER.match(text)
        if number is not None and 1 <= int(number[1]) <= len(titles):
            index, rest = int(number[1]) - 1, text[number.end() :]
        else:
            named = [i for i, title in enumerate(titles) if title and text.casefold().startswith(title.casefold())]
            if len(named) != 1:
                typed = call.whole.text
                before = typed[: len(typed) - len(text)] if text and typed.endswith(text) else f"{typed} "
                example = f"{before.rstrip()} 1 {text}".strip()
                return self._say(call, strings.which_circle(call.language, tuple(titles), example))
            index, rest = named[0], text[len(titles[named[0]]) :].lstrip(" :：,，")
        return replace(_placed(call, found.circles[index], found), argument=call.argument.part(rest))

    async def _choice(self, call: Call, found: _Facts, *, late: bool) -> Read | None:
        """Read "out Choir", "out 1" and "Choir: out", said in private; None for anything else.

        What reached us late still takes somebody out, and no longer in.
        """
        said = call.whole.text.strip().strip("。.!！")
        for name, word in _CHOICES if len(said) <= _SHORT_CHOICE else ():
            before, after = word.match(said), re.search(rf"(?:{word.pattern})$", said, re.IGNORECASE)
            if before is not None:
                rest = said[before.end() :]
                rest = rest[len(between[0]) :] if (between := _BETWEEN.match(rest)) else rest
                is_apart = not said[before.end() - 1].isascii() or not said[before.end() : before.end() + 1].isalnum()
            elif after is not None:
                rest, is_apart = said[: after.start()].strip(" :,，：、的在"), True
            else:
                continue
            command = command_named(name)
            titles = [await self._names.room(room.room_id) for room in found.circles]
            index = _which(rest, titles) if is_apart and rest else None
            if command is None or index is None:
                if name == "out_of" and is_apart and rest and len(rest.split()) <= _FEW_WORDS and len(titles) > 1:
                    # Whoever may want out is asked which circle, rather than answered about something else.
                    return self._say(call, strings.which_circle(call.language, tuple(titles), _EXAMPLE[call.language]))
                continue
            placed = replace(_placed(call, found.circles[index], found), command=name, argument=call.whole.part(""))
            if late and name == "in_again" and not found.again:
                return self._say(placed, strings.late(call.language))
            return self._run(placed, command)
        return None

    def _run(self, call: Call, command: Command) -> Read:
        async def handle(ports: Ports) -> tuple[fx.Effect, ...]:
            return *(await command.handle(call, ports)), fx.CountAnswer(call.place, call.asker)

        return Read(
            handle=handle,
            excuse=lambda words: call.answer(words, feature="help", kind="excuse"),
            circle=call.room.room_id,
            language=call.language,
            slow=command.slow,
            lasting=command.lasting,
            placeholder=fx.Placeholder(call.place, call.event_id),
            generation=call.room.generation,
        )

    def _say(self, call: Call, words: fx.Words | None, *besides: fx.Effect) -> Read:
        """Answer with fixed words, with what goes along; None: say and do nothing."""

        async def handle(_ports: Ports) -> tuple[fx.Effect, ...]:
            return (call.answer(words, feature="help", kind="excuse"), *besides) if words is not None else ()

        return Read(
            handle=handle,
            excuse=lambda given: call.answer(given, feature="help", kind="excuse"),
            circle=call.room.room_id,
            language=call.language,
            generation=call.room.generation,
        )


def _is_slip(said: str, nearest: str) -> bool:
    """Say whether one Latin word is a slip of the finger for a known one: "helpp" is, "London" is none."""
    word = said.strip(" .!?").casefold()
    is_word = word.isascii() and word.isalpha() and bool(nearest)
    return is_word and SequenceMatcher(None, word, nearest).ratio() >= _SLIP


def _which(said: str, titles: list[str]) -> int | None:
    """Return which of the titles, counted from one in words, somebody names; None for none, or for several."""
    number = _LEADING_NUMBER.match(said)
    if number is not None and number.end() == len(said):
        return int(number[1]) - 1 if 1 <= int(number[1]) <= len(titles) else None
    named = [index for index, title in enumerate(titles) if title and title.casefold() == said.strip().casefold()]
    return named[0] if len(named) == 1 else None


def _is_control(what: Classified, words: Permitted, names: tuple[str, ...]) -> bool:
    """Return whether the words are a control word: obeyed at intake, or one that only tells."""
    control = parse_control(words.text, names, addressed=True)
    return control is not None and (what.word is not None or control[0] in _ONLY_TOLD)


def _placed(call: Call, circle: Room, found: _Facts) -> Call:
    """Return a call made in private as one about a circle: with the circle's zone, and the power one holds there."""
    decides = circle.room_id in found.decides_in
    return replace(call, room=circle, zone=found.person.zone or circle.zone, decides=decides)


def _decides(connection: Connection, room_id: RoomID, user_id: UserID) -> bool:
    facts = rooms.room_facts(connection, room_id)
    return facts is not None and facts.power.may_set_policy(user_id)


def _permitted(passed: Passed, names: tuple[str, ...]) -> Permitted:
    """Make the words of a call from the decision that lets it act; a control word may act under every policy."""
    event, what = passed.event, passed.classified
    body = cast("Json", event["content"]).get("body")
    decision = Decision(Verdict.ALLOW) if what.control is Control.WORD else passed.trigger
    text = strip_address(body if isinstance(body, str) else "", names, mentioned=True)[1]
    return permit(
        decision,
        event_id=EventID(str(event["event_id"])),
        room_id=RoomID(str(event["room_id"])),
        sender=UserID(str(event["sender"])),
        at=what.at,
        text=text.strip(),
        thread=EventID(what.thread) if what.thread else None,
        reply_to=EventID(what.reply_to) if what.reply_to else None,
        addressed=True,
    )


def _is_prefixed(passed: Passed) -> bool:
    body = cast("Json", passed.event["content"]).get("body")
    return isinstance(body, str) and body.lstrip().startswith(("!", "！"))


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
