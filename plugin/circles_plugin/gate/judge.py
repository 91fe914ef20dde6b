"""Judges events for the AI by the one filter that the service's own door runs too, on what the homeserver holds.

Stateless but for the standings: a transaction that comes again is judged again, by what is true then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from synapse.module_api import LoggingTransaction, ModuleApi

from circles_plugin.gate import history, standings, stretches
from circles_plugin.gate.history import History, Row
from circles_plugin.gate.standings import Standing
from circles_plugin.identity import Identity
from circles_plugin.room_facts import RoomFacts
from circles_policies import (
    DIRECT_MESSAGE,
    NO_CHOICE,
    Choice,
    Control,
    ControlWord,
    Dropped,
    Kind,
    Level,
    Mark,
    Member,
    OffRecord,
    Policy,
    RoomView,
    classify,
    fold_choice,
    parse_control,
    room_names,
    weigh,
    without_reply_fallback,
)
from circles_policies.events import mapping, text

Json = Mapping[str, object]
EVERYWHERE: Final = "*"
"""The room of a choice that a person made for every circle, in a direct message."""
CALL_MS: Final = 24 * 3_600_000
"""How long a call lets the AI look back: as long as an answer to it may be written anew."""

_TIGHTER: Final = {ControlWord.OUT: Choice.OUT, ControlWord.NOT_AT_ALL: Choice.NOT_AT_ALL}
_LEARNED: Final = frozenset({*_TIGHTER, ControlWord.OFF_RECORD, ControlWord.ON_RECORD})
_OF_LEVEL: Final = {Level.OUT: Choice.OUT, Level.NOT_AT_ALL: Choice.NOT_AT_ALL}


@dataclass(frozen=True, slots=True)
class _Heard:
    """An event from which the gate may learn something: who came or went, or the word that was said."""

    event: Json
    word: ControlWord | None = None
    argument: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """What one use of the database brought: all that judging a batch takes."""

    history: History
    people: Mapping[tuple[str, str], Standing]
    off_record: Mapping[str, tuple[OffRecord, ...]]


class Judge:
    """Filters batches of events."""

    def __init__(
        self, api: ModuleApi, facts: RoomFacts, identity: Identity, names: Sequence[str], *, loosening_hours: float
    ) -> None:
        self._api = api
        self._facts = facts
        self._identity = identity
        localpart = identity.ai[1:].partition(":")[0]
        self._names = (*(form for name in names for form in room_names(name)), *names, identity.ai, localpart)
        self._ghosts = re.compile(rf"@{re.escape(identity.prefix)}.*:{re.escape(identity.server_name)}")
        self._wait_ms = int(loosening_hours * 3_600_000)

    async def arriving(self, events: Sequence[object]) -> list[dict[str, object]]:
        """Return what of a transaction may be forwarded, in order; what people chose in it is stored first."""
        return await self._judge(events, called=False, learns=True)

    async def looked_at(self, events: Sequence[object], *, called: bool) -> list[dict[str, object]]:
        """Return what of a page may be shown, in order; `called`: somebody called the AI to look back."""
        return await self._judge(events, called=called, learns=False)

    async def is_call(self, room_id: str, event: object) -> bool:
        """Say whether an event lets the AI look back in a room: addressed to it, fresh, and its sender is there.

        It may stand in that room or in another, such as a direct message.
        """
        given = mapping(event)
        read = await self._read([given], called=False, learns=False)
        view, row = self._view(given, read, called=False)
        what = classify(given, view)
        if row is None or not row.counts or what.own or what.automatic:
            return False
        taps = what.control is Control.REACTION
        if not (what.addressed or taps) or view.now - row.received > CALL_MS:
            return False
        sender = text(given.get("sender")) or ""
        if given.get("room_id") == room_id:
            return True
        return room_id in await self._shared(sender)

    async def _shared(self, user_id: str) -> list[str]:
        return await self._api.run_db_interaction("circles_shared", history.shared, user_id, self._identity.ai)

    async def _judge(self, events: Sequence[object], *, called: bool, learns: bool) -> list[dict[str, object]]:
        given = [event for event in map(mapping, events) if _is_event(event)]
        if not given:
            return []
        read = await self._read(given, called=called, learns=learns)
        passed: list[dict[str, object]] = []
        for event in given:
            view, row = self._view(event, read, called=called)
            weighed = weigh(event, view)
            if isinstance(weighed, Dropped):
                continue
            counts = row is not None and row.counts
            if counts or weighed.classified.control is Control.AI_MEMBERSHIP:
                # An invite from another homeserver is an outlier here, for we are not in the room yet.
                forwarded = weighed.forwarded(event)
                passed += [] if forwarded is None else [forwarded]
        return passed

    async def _read(self, events: Sequence[Json], *, called: bool, learns: bool) -> _Read:
        related = {target for event in events for target in _targets(event)}
        heard = [each for event in events if (each := self._hear(event)) is not None] if learns else []
        enders = await self._enders(heard)

        def work(txn: LoggingTransaction) -> _Read:
            prefix = f"@{self._identity.prefix}"
            found = history.read(txn, events, related, self._identity.ai, prefix, called=called)
            rooms = sorted({str(event["room_id"]) for event in events})
            senders = {str(event["sender"]) for event in events}
            members = {str(event["state_key"]) for event in events if event.get("type") == "m.room.member"}
            people = standings.load(txn, [*rooms, EVERYWHERE], senders | members)
            if heard:
                changed = self._learned(txn, heard, _Read(found, people, {}), enders)
                standings.save(txn, changed)
                people = {**people, **changed}
            return _Read(found, people, stretches.of_rooms(txn, rooms))

        return await self._api.run_db_interaction("circles_gate", work)

    def _learned(
        self, txn: LoggingTransaction, heard: Sequence[_Heard], read: _Read, enders: frozenset[tuple[str, str]]
    ) -> dict[tuple[str, str], Standing]:
        """Return what people's own events of this batch say about them, which can only tighten."""
        changed: dict[tuple[str, str], Standing] = {}

        def now(room_id: str, user_id: str) -> Standing:
            return changed.get((room_id, user_id)) or read.people.get((room_id, user_id)) or Standing()

        for each in heard:
            event = each.event
            view, row = self._view(event, read, called=False)
            if row is None or not row.counts:
                continue
            what = classify(event, view)
            room_id, sender = str(event["room_id"]), str(event["sender"])
            if what.kind is Kind.MEMBERSHIP and what.control is Control.JOIN_LEAVE and not view.is_direct:
                user_id = str(event["state_key"])
                if self._identity.is_ours(user_id) or not _comes_or_goes(event):
                    continue
                before = now(room_id, user_id)
                standing = standings.came(before, row.received)
                everywhere = _OF_LEVEL.get(now(EVERYWHERE, user_id).member.level)
                if everywhere is not None and standing is not before:
                    standing = replace(standing, member=fold_choice(standing.member, everywhere, row.received))
                changed[room_id, user_id] = standing
            elif (choice := _TIGHTER.get(cast("ControlWord", what.word))) is not None:
                places = [EVERYWHERE, *history.shared(txn, sender, self._identity.ai)] if view.is_direct else [room_id]
                for place in places:
                    stood = changed.get((place, sender)) or standings.one(txn, place, sender)
                    changed[place, sender] = standings.chose(stood, choice, row.received)
            elif what.word is ControlWord.OFF_RECORD and not view.is_direct:
                event_id = str(event["event_id"])
                stretch = stretches.asked(
                    event_id, room_id, what.thread, sender, each.argument, at=what.at, received=row.received
                )
                stretches.begin(txn, stretch)
            elif what.word is ControlWord.ON_RECORD and not view.is_direct:
                anybodys = (room_id, sender) in enders
                stretches.end(txn, room_id, what.thread, None if anybodys else sender, row.received)
        return changed

    async def _enders(self, heard: Sequence[_Heard]) -> frozenset[tuple[str, str]]:
        """Return who, of those that say "on record" here, decides in the room where they say it."""
        found: set[tuple[str, str]] = set()
        for each in heard:
            if each.word is ControlWord.ON_RECORD:
                room_id, sender = str(each.event["room_id"]), str(each.event["sender"])
                power = (await self._facts.state(room_id)).power
                if power is not None and power.may_set_policy(sender):
                    found.add((room_id, sender))
        return frozenset(found)

    def _hear(self, event: Json) -> _Heard | None:
        """Return an event from which the gate may learn something, None for all others, which are most."""
        if event.get("type") == "m.room.member":
            return _Heard(event)
        body = without_reply_fallback(text(mapping(event.get("content")).get("body")) or "")
        said = parse_control(body, self._names, addressed=True)
        return None if said is None or said[0] not in _LEARNED else _Heard(event, *said)

    def _view(self, event: Json, read: _Read, *, called: bool) -> tuple[RoomView, Row | None]:
        found = read.history
        event_id, room_id, sender = str(event["event_id"]), str(event["room_id"]), str(event["sender"])
        row = found.rows.get(event_id)
        if row is not None and (row.room_id, row.sender) != (room_id, sender):
            row = None  # Not the event that it says it is.
        direct = room_id in found.direct
        policies: tuple[Policy, ...] = (DIRECT_MESSAGE,) if direct else ()
        if row is not None and not direct:
            policies = history.minimum_at(row, found, self._identity.server_name, self._wait_ms)
        now = self._api.get_current_time_msec()
        hidden = event_id in found.hidden or any(target in found.hidden for target in _edited(event))
        view = RoomView(
            ai=self._identity.ai,
            now=now,
            received_at=row.received if row is not None else now,
            room=policies,
            member=self._member(read, room_id, sender, direct=direct),
            mark=Mark.HIDDEN if hidden else Mark.NONE,
            off_record=read.off_record.get(room_id, ()),
            names=(*found.names.get(room_id, ()), *self._names),
            is_direct=direct,
            ghosts=self._ghosts,
            is_ai_event=found.ours.__contains__,
            is_ai_thread=found.threads.__contains__,
            called=called,
            position=found.positions.get(event_id, 0),
        )
        return view, row

    def _member(self, read: _Read, room_id: str, user_id: str, *, direct: bool) -> Member:
        standing = read.people.get((room_id, user_id))
        if standing is not None:
            return standing.member
        return NO_CHOICE if direct else standings.NOBODY_YET


def _is_event(event: Json) -> bool:
    return all(isinstance(event.get(key), str) for key in ("event_id", "room_id", "sender", "type"))


def _targets(event: Json) -> Iterable[str]:
    """Return every event that an event relates to."""
    relation = mapping(mapping(event.get("content")).get("m.relates_to"))
    for found in (relation.get("event_id"), mapping(relation.get("m.in_reply_to")).get("event_id")):
        if isinstance(found, str):
            yield found


def _edited(event: Json) -> Iterable[str]:
    relation = mapping(mapping(event.get("content")).get("m.relates_to"))
    target = text(relation.get("event_id"))
    if relation.get("rel_type") == "m.replace" and target is not None:
        yield target


def _comes_or_goes(event: Json) -> bool:
    """Say whether a member event is more than a new name or picture of somebody who is here already."""
    if mapping(event.get("content")).get("membership") != "join":
        return True
    before = mapping(mapping(event.get("unsigned")).get("prev_content"))
    return before.get("membership") != "join"
