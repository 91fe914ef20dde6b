"""Intake: a transaction's events through the gate, into facts and journal, in one commit.

Runs before anything is handled and before the homeserver gets its 200.  The gate filter comes first: what may be
neither acted on
nor looked at is never written.  Control events take effect in this very commit, and what they make stale is
interrupted.
An event that breaks us is noted by its id and passed over: a 5xx would mark the service as down for all rooms.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from sqlalchemy import Connection

from circles.adapters.store import causes, echoes, journal, kept, quarantine, redactions
from circles.adapters.store.faults import is_the_machines
from circles.core import effects as fx
from circles.core.ids import EventID, RoomID, UserID, server_of
from circles.core.language import Language, as_language, language_of
from circles.core.permitted import Permitted, permit
from circles.core.settings import Settings
from circles.entrypoints.bodies import Unreadable
from circles.entrypoints.keeping import MOST, Keeping
from circles.entrypoints.performing import Aftermath, Performer
from circles.entrypoints.quarantining import set_aside, set_aside_unreadable
from circles.entrypoints.retaining import hold_to
from circles.facts import current_state, posts, rooms
from circles.facts import events as event_facts
from circles.feature import Control as ControlEvent
from circles.feature import Feature
from circles.metrics import Metrics
from circles.ports import Database, TellsTime
from circles.registry import FEATURES
from circles_policies import explain
from circles_policies.acl import may_take_part
from circles_policies.decision import Decision, Verdict
from circles_policies.events import Classified, Control, Kind, RoomView, classify, is_hide, mapping
from circles_policies.gate import Dropped, Passed, filter_event, may_open
from circles_policies.retention import NO_RETENTION, retention_at
from circles_policies.words import TIGHTENING, ControlWord, strip_address

log = logging.getLogger(__name__)

Json = Mapping[str, Any]
ENCRYPTED: Final = "m.room.encrypted"
_ENVELOPE: Final = ("event_id", "room_id", "sender", "type", "origin_server_ts")
OLD_MS: Final = 24 * 3_600_000
"""Nothing written longer ago makes the AI act: a homeserver may deliver very old events after an outage or a join."""


class Intake:
    """Takes transactions in. `after` is told what the running parts must look at once a commit stands."""

    def __init__(
        self,
        database: Database,
        performer: Performer,
        settings: Settings,
        clock: TellsTime,
        metrics: Metrics,
        after: Callable[[Aftermath], None],
        ghosts: re.Pattern[str],
        features: tuple[Feature, ...] = FEATURES,
    ) -> None:
        """Take what the composition root wires."""
        self._database = database
        self._performer = performer
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._after = after
        self._ghosts = ghosts
        self._keeping = Keeping(settings, metrics, ghosts, names_of(settings, None))
        self._features = features

    async def accept(self, txn_id: str | None, events: Sequence[object]) -> None:
        """Take a transaction in; when this returns it is durable. `txn_id` None: events we read ourselves."""
        now = int(self._clock.now().timestamp() * 1000)
        await self._commit(lambda c: self._take_in(c, txn_id, events, now))

    async def again(self, event: Json) -> None:
        """Take a quarantined event in anew, as the homeserver has it now. Any other event changes nothing."""
        now = int(self._clock.now().timestamp() * 1000)

        def work(connection: Connection) -> Aftermath:
            if journal.release(connection, event["event_id"]):
                quarantine.drop(connection, (event["event_id"],))
            return self._take_in(connection, None, (event,), now)

        await self._commit(work)

    async def _commit(self, work: Callable[[Connection], Aftermath]) -> None:
        """Commit, and tell the running parts; both or neither, also when whoever delivered goes in between."""

        async def commit() -> None:
            self._after(await self._database.write(work))

        await asyncio.shield(asyncio.ensure_future(commit()))

    async def catch_up(self, events: Sequence[object]) -> None:
        """Take in events of one room that were never delivered, oldest first; when this returns they are durable.

        As they were said some time ago, a policy or a choice among them may forbid what stood before it: everything is
        judged once more at the end, in the same commit, so that the running minimum holds for it.
        """
        now = int(self._clock.now().timestamp() * 1000)

        def take_in(connection: Connection) -> Aftermath:
            after = self._take_in(connection, None, events, now)
            for event in events:
                if _is_event(event):
                    self._judge_again(connection, cast("Json", event), now)
            return after

        await self._commit(take_in)

    async def said_before(self, room_id: RoomID, events: Sequence[Json]) -> None:
        """Take in what was said in a room before it was entered, oldest first; when this returns it is durable.

        What was delivered from there meanwhile waits until the room is entered.  It is taken in anew behind what stands
        before it, so that all is answered, and every choice and stop obeyed, in the order in which it was said.
        """
        now = int(self._clock.now().timestamp() * 1000)
        said = [event for event in events if _is_event(event)]

        def take_in(connection: Connection) -> Aftermath:
            ids = [event["event_id"] for event in said]
            known = journal.seqs(connection, ids)
            first = next((at for at, event_id in enumerate(ids) if event_id not in known), None)
            if first is None:
                return Aftermath()
            delivered = {each["event_id"]: each for each in journal.take_out(connection, room_id, besides=ids[:first])}
            # As it stood in its row: what was opened already needs no key a second time.
            in_order = [delivered.pop(event["event_id"], event) for event in said[first:]]
            return self._take_in(connection, None, [*in_order, *delivered.values()], now)

        await self._commit(take_in)

    def _judge_again(self, connection: Connection, raw: Json, now: int) -> None:
        """Take away again what of an event may not stand any more."""
        room_id, sender, event_id = RoomID(raw["room_id"]), UserID(raw["sender"]), EventID(raw["event_id"])
        try:
            with connection.begin_nested():
                view = self.view(connection, room_id, sender, raw, now)
                if may_open(raw, view):
                    return  # Only inside it says what may stand: it is judged when it is opened.
                passed = filter_event(raw, view)
        except Exception as error:
            if is_the_machines(error):
                raise
            return  # It broke us before, and was set aside: nothing of it stands.
        what = passed.classified
        if what.control is not None or what.own:
            return
        if isinstance(passed, Dropped) or not passed.store:
            kept.drop(connection, (event_id,))
            if what.edits is not None:
                kept.revise(connection, EventID(what.edits), sender, None)
        if isinstance(passed, Dropped) or not passed.trigger:
            journal.drop(connection, (event_id,))

    def _take_in(self, connection: Connection, txn_id: str | None, events: Sequence[object], now: int) -> Aftermath:
        after = Aftermath()
        known = [event for event in events if _is_event(event)]
        if txn_id is not None:
            ids = [cast("str", cast("Json", event)["event_id"]) for event in known]
            if journal.is_repeated(connection, txn_id, ids, now):
                return after
        for event in events:
            if isinstance(event, Unreadable):
                set_aside_unreadable(connection, event, now)
                self._metrics.event("quarantined", "unreadable")
        talk, at = cast("list[Json]", known), 0
        while at < len(talk):
            taken, singly = self._keeping.take(connection, talk[at : at + MOST], now)
            for raw in talk[at + taken : at + taken + singly]:
                after.add(self._outlive(connection, raw, now))
            at += taken + singly
        return after

    async def opened(self, events: Sequence[tuple[int, Json]], also: tuple[fx.Effect, ...] = ()) -> None:
        """Take in what was parked (by its row's seq) and is in the clear now, as if it had just arrived.

        `also` is carried out in the same commit: a notice that it cannot be read is taken back.
        """
        now = int(self._clock.now().timestamp() * 1000)

        def take_in(connection: Connection) -> Aftermath:
            after = Aftermath()
            for seq, event in events:
                if journal.is_parked(connection, seq):
                    after.add(self._outlive(connection, event, now, opened=True))
                    journal.unpark(connection, seq)
            after.add(self._performer.perform(connection, also, now))
            return after

        await self._commit(take_in)

    def _outlive(self, connection: Connection, raw: Json, now: int, *, opened: bool = False) -> Aftermath:
        """Take one event in; one that breaks us is noted by its id."""
        try:
            with connection.begin_nested(), causes.because(f"event {raw['event_id']}"):
                return self._one(connection, raw, now, opened=opened)
        except Exception as error:
            # One poison event must not stop the rest, nor be answered with 5xx; one that met a broken disk comes again.
            if is_the_machines(error):
                raise
            set_aside(connection, raw, error, self._passed(connection, raw, now), now)
            self._metrics.event("quarantined", "broken")
            return Aftermath()

    def _passed(self, connection: Connection, raw: Json, now: int) -> Json | None:
        """Return what the gate lets through of an event that broke us; None: nothing, or it was the gate that broke."""
        with contextlib.suppress(Exception), connection.begin_nested():
            view = self.view(connection, RoomID(raw["room_id"]), UserID(raw["sender"]), raw, now)
            passed = filter_event(raw, view)
            return passed.event if isinstance(passed, Passed) else None
        return None

    def _one(self, connection: Connection, raw: Json, now: int, *, opened: bool) -> Aftermath:
        """Take one event in. `opened`: it was parked until now, so it is known."""
        if not opened and journal.is_known(connection, raw["event_id"]):
            return Aftermath()
        room_id, sender = RoomID(raw["room_id"]), UserID(raw["sender"])
        if sender == self._settings.ai and raw.get("type") != "m.room.member":
            return self._echo(connection, raw, now)
        redacted = redactions.of(connection, room_id, EventID(raw["event_id"]), sender)
        facts = rooms.room_facts(connection, room_id)
        after = self._first_sight(connection, raw, room_id, facts, now)
        after.add(self._doubt(connection, raw, room_id, facts, now))
        if raw.get("type") == ENCRYPTED and not redacted:
            after.add(self._park(connection, raw, room_id, sender, now))
            return after
        passed = filter_event(raw, self.view(connection, room_id, sender, raw, now, facts))
        if isinstance(passed, Dropped):
            if passed.classified.edits is not None:
                after.add(self._edit(connection, room_id, sender, EventID(passed.classified.edits), None, now))
            self._metrics.event("dropped", passed.classified.kind.value)
            for reason in passed.reasons:
                self._metrics.denied(reason.value)
            return after
        self._metrics.event("passed", passed.classified.kind.value)
        what = passed.classified
        if redacted:
            after.add(self._taken_back_before(connection, passed, redacted, room_id, sender, now))
            return after
        event_facts.apply(connection, passed.event, what, self._settings.ai)
        after.add(self._control(connection, passed, room_id, sender, now))
        if what.edits is not None:
            after.add(self._edit(connection, room_id, sender, EventID(what.edits), passed, now))
        elif passed.store and what.control is None and not what.own:
            self._keep(connection, passed, room_id, sender)
        if what.kind is Kind.MEMBERSHIP:
            after.renamed.add(room_id)
        if what.addressed and what.kind is Kind.MESSAGE:
            _note_language(connection, sender, passed, names_of(self._settings, None))
        if _asks_to_verify(passed, self._settings.ai):
            after.add(self._performer.perform(connection, (_declining(passed, now),), now))
            journal.add(connection, passed.event, at=what.at, received_at=now, pending=False)
            return after
        # In a room that is silent nothing asked is answered; what it controls was obeyed above.
        works = self._needs_work(connection, passed, now) and not rooms.is_silent(connection, room_id)
        thread = what.thread if what.control is None else None
        journal.add(
            connection, passed.event, at=what.at, received_at=now, pending=works, thread=thread, edits=what.edits
        )
        if works:
            after.rooms.add(room_id)
            if what.thread is not None and _calls_into_thread(passed):
                # Called into a thread: what follows in it speaks to the AI (PRODUCT.md B1).
                rooms.note_thread(connection, room_id, EventID(what.thread))
        return after

    def _taken_back_before(
        self,
        connection: Connection,
        passed: Passed,
        redacted: Sequence[redactions.Redaction],
        room_id: RoomID,
        sender: UserID,
        now: int,
    ) -> Aftermath:
        """Take in an event whose redaction came first: both then stand as if they had come in their order.

        Nothing that was said is looked at, kept or answered, and no tap counts.  What tightens does: who says "out" and
        removes that line is out, and whose 🙈 it was that a moderator removed is asked as ever.  State is state.
        """
        after, what = Aftermath(), passed.classified
        if _outlives_redaction(what):
            event_facts.apply(connection, passed.event, what, self._settings.ai)
            after.add(self._control(connection, passed, room_id, sender, now))
        if what.kind is Kind.MEMBERSHIP:
            after.renamed.add(room_id)
        event_id = EventID(str(passed.event["event_id"]))
        thread = what.thread if what.control is None else None
        journal.add(
            connection, passed.event, at=what.at, received_at=now, pending=False, thread=thread, edits=what.edits
        )
        for each in redacted:
            again: Json = {
                "event_id": each.event_id,
                "room_id": room_id,
                "sender": each.sender,
                "type": "m.room.redaction",
                "origin_server_ts": each.at,
                "redacts": event_id,
                "content": {},
            }
            removal = filter_event(again, self.view(connection, room_id, each.sender, again, now))
            if isinstance(removal, Passed):
                after.add(self._control(connection, removal, room_id, each.sender, now))
        redactions.drop(connection, room_id, event_id)
        return after

    def _park(self, connection: Connection, raw: Json, room_id: RoomID, sender: UserID, now: int) -> Aftermath:
        """Put ciphertext aside to be opened, if the policy lets it be opened at all."""
        view = self.view(connection, room_id, sender, raw, now)
        what = classify(raw, view)
        if not may_open(raw, view):
            after = Aftermath()
            if what.edits is not None:
                after = self._edit(connection, room_id, sender, EventID(what.edits), None, now)
            self._metrics.event("closed", what.kind.value)
            return after
        self._metrics.event("parked", what.kind.value)
        content = cast("Json", raw["content"])
        session = content.get("session_id")
        event = {key: raw[key] for key in _ENVELOPE if key in raw} | {"content": content}
        session = session if isinstance(session, str) else ""
        journal.park(connection, event, session=session, at=what.at, received_at=now)
        return Aftermath(parked=True)

    def _echo(self, connection: Connection, raw: Json, now: int) -> Aftermath:
        """Note where an event of our own stands. Nothing else of it is looked at: its facts were written with it."""
        lane = echoes.heard(connection, raw, now)
        return Aftermath(lanes={lane} if lane is not None else set())

    def _first_sight(
        self, connection: Connection, raw: Json, room_id: RoomID, facts: rooms.RoomFacts | None, now: int
    ) -> Aftermath:
        """Of a room we know nothing of, though we must be in it: read its state before anything is said there."""
        own = raw.get("type") == "m.room.member" and raw.get("state_key") == self._settings.ai
        if own or facts is not None:
            return Aftermath()
        rooms.save_room(connection, room_id, membership="join", filled=False)
        return self._performer.perform(connection, (fx.enter(room_id, datetime.fromtimestamp(now / 1000, UTC)),), now)

    def _doubt(
        self, connection: Connection, raw: Json, room_id: RoomID, facts: rooms.RoomFacts | None, now: int
    ) -> Aftermath:
        """Of a room whose state cannot be what our rows say: have it read anew."""
        if not current_state.contradicts(connection, raw, facts):
            return Aftermath()
        key, instant = f"{current_state.REREAD}:{room_id}", datetime.fromtimestamp(now / 1000, UTC)
        return self._performer.perform(connection, (fx.WakeAt(fx.SPINE, key, room_id, instant),), now)

    def anew(self, connection: Connection, event: Json, now: int, *, only_if_new: bool) -> Aftermath:
        """Let a state event count that the homeserver shows to hold, also if it was taken in before.

        `only_if_new`: unless it was.
        """
        if only_if_new or not journal.is_known(connection, event["event_id"]):
            return self._outlive(connection, event, now)
        room_id, sender = RoomID(event["room_id"]), UserID(event["sender"])
        passed = filter_event(event, self.view(connection, room_id, sender, event, now))
        if isinstance(passed, Dropped):
            return Aftermath()
        event_facts.apply(connection, passed.event, passed.classified, self._settings.ai)
        return self._control(connection, passed, room_id, sender, now)

    def view(
        self,
        connection: Connection,
        room_id: RoomID,
        sender: UserID,
        raw: Json,
        now: int,
        facts: rooms.RoomFacts | None = None,
    ) -> RoomView:
        """Return what the gate must know to judge an event by `sender` in a room; `facts`: its row, if it was read."""
        facts = facts or rooms.room_facts(connection, room_id)
        at = raw.get("origin_server_ts")
        at = min(at, now) if isinstance(at, int) else 0

        def is_ours(event_id: str) -> bool:
            return posts.is_ours(connection, event_id)

        def is_called_into(root: str) -> bool:
            return rooms.called_into(connection, room_id, EventID(root))

        return RoomView(
            ai=self._settings.ai,
            now=now,
            received_at=now,
            room=rooms.policies_since(connection, room_id, at, facts),
            operator=self._settings.ceiling,
            member=rooms.member(connection, room_id, sender),
            mark=rooms.mark(connection, room_id, EventID(str(raw.get("event_id")))),
            off_record=rooms.off_record(connection, room_id),
            retention=retention_at(facts.retention, at) if facts else NO_RETENTION,
            names=names_of(self._settings, facts),
            is_direct=facts.direct if facts else False,
            ghosts=self._ghosts,
            is_ai_event=is_ours,
            is_ai_thread=is_called_into,
        )

    def _control(self, connection: Connection, passed: Passed, room_id: RoomID, sender: UserID, now: int) -> Aftermath:
        """Let a control event act, now."""
        what = passed.classified
        if what.control is None or (what.own and what.control is not Control.AI_MEMBERSHIP):
            return Aftermath()
        after = Aftermath()
        if what.control is Control.AI_MEMBERSHIP:
            after.add(self._own_membership(connection, passed.event, room_id, now))
        if what.control is Control.SERVER_ACL:
            after.add(self._server_acl(connection, passed.event, room_id, now))
        if what.control is Control.RETENTION:
            after.add(self._retention(connection, passed.event, room_id, what.at, now))
        if what.control is Control.REDACTION and what.redacts is not None:
            if journal.elsewhere(connection, (EventID(what.redacts),), room_id):
                return after  # Who may speak here takes nothing back there, no word and no tap.
            after.add(self._redaction(connection, passed, EventID(what.redacts), room_id, sender, now))
        control = self.control_event(connection, passed, room_id, sender, now)
        if control is None:
            return after
        for feature in self._features:
            if feature.control is not None:
                effects = feature.control(control, connection, self._settings)
                after.add(self._performer.perform(connection, effects, now))
        return after

    def _redaction(
        self, connection: Connection, passed: Passed, target: EventID, room_id: RoomID, sender: UserID, now: int
    ) -> Aftermath:
        """Take back what a redaction names; if that has not come yet, remember it for when it does."""
        if not journal.is_known(connection, target):
            facts = rooms.room_facts(connection, room_id)
            # Of a room whose levels were not read yet the homeserver is believed, which delivers what it applies.
            by_power = facts is None or not facts.filled or facts.power.may(sender, "redact")
            redaction = EventID(str(passed.event["event_id"]))
            redactions.remember(connection, redaction, room_id, target, by_power=by_power, received_at=now)
        after = Aftermath()
        edited = journal.edit_that_stands(connection, room_id, target)
        if edited is not None:
            # The words of an edit stand in the place of the message's own, which are gone.
            after.add(self._edit(connection, room_id, edited[1], edited[0], None, now))
        after.add(self._performer.perform(connection, (fx.TakeBack(room_id, (target,), by=sender),), now))
        return after

    def _own_membership(self, connection: Connection, event: Json, room_id: RoomID, now: int) -> Aftermath:
        membership = event["content"].get("membership")
        facts = rooms.room_facts(connection, room_id)
        if membership == "join" and facts is not None and not facts.filled:
            return self._performer.perform(
                connection, (fx.enter(room_id, datetime.fromtimestamp(now / 1000, UTC)),), now
            )
        if membership in ("leave", "ban"):
            return self._performer.perform(connection, (fx.Depart(room_id),), now)
        return Aftermath()

    def _server_acl(self, connection: Connection, event: Json, room_id: RoomID, now: int) -> Aftermath:
        """Go silent where the room shuts our server out: others would not hear us. Let back in, begin anew."""
        shut_out = not may_take_part(cast("Json", event["content"]), self._settings.server_name)
        if shut_out == rooms.is_shut_out(connection, room_id):
            return Aftermath()
        rooms.save_room(connection, room_id, shut_out=shut_out)
        if shut_out:
            log.info("A room shuts our server out.", extra={"action": "server_shut_out", "room_id": room_id})
            return self._performer.perform(connection, (fx.Hush(room_id),), now)
        log.info("A room lets our server in again.", extra={"action": "server_let_in", "room_id": room_id})
        rooms.save_room(connection, room_id, filled=False)
        entering = fx.enter(room_id, datetime.fromtimestamp(now / 1000, UTC))
        return self._performer.perform(connection, (fx.LetGo(room_id), entering), now)

    def _retention(self, connection: Connection, event: Json, room_id: RoomID, at: int, now: int) -> Aftermath:
        """Let what the room says about how long messages stay count: a tighter end at once, for what is there too.

        Of our own server's people the time of an event is known, a remote one's is only what their server says.
        """
        local = server_of(event["sender"]) == self._settings.server_name
        if not hold_to(connection, room_id, event["content"], at=at if local else now, now=now):
            return Aftermath()
        rooms.tighten(connection, room_id)
        return Aftermath(interrupted={room_id})

    def control_event(
        self, connection: Connection, passed: Passed, room_id: RoomID, sender: UserID, now: int
    ) -> ControlEvent | None:
        """Return a control event as features see it; None in a room of which nothing is known."""
        facts = rooms.room_facts(connection, room_id)
        if facts is None:
            return None
        room = rooms.view_of(connection, facts, self._settings.language, links=False)
        what, event = passed.classified, passed.event
        words = _words(passed, names_of(self._settings, facts)) if what.control is Control.WORD else None
        known = rooms.person(connection, sender).language
        language: Language = as_language(known, room.language)
        content: Json = cast("Json", event["content"]) if what.control is not Control.WORD else {}
        state_key = event.get("state_key")
        return ControlEvent(
            event=what,
            room=room,
            sender=sender,
            event_id=EventID(str(event["event_id"])),
            at=what.at,
            now=now,
            content=content,
            state_key=state_key if isinstance(state_key, str) else None,
            words=words,
            language=language_of(words.text, language) if words is not None else language,
            decides=facts.power.may_set_policy(sender),
        )

    def _keep(self, connection: Connection, passed: Passed, room_id: RoomID, sender: UserID) -> None:
        what, content = passed.classified, cast("Json", passed.event["content"])
        text = content.get("body")
        if not isinstance(text, str):
            return
        kept.keep(
            connection,
            event_id=EventID(str(passed.event["event_id"])),
            room_id=room_id,
            sender=sender,
            at=what.at,
            until=passed.store.until,
            body=text,
            thread=EventID(what.thread) if what.thread else None,
            reply_to=EventID(what.reply_to) if what.reply_to else None,
        )

    def _edit(
        self,
        connection: Connection,
        room_id: RoomID,
        sender: UserID,
        event_id: EventID,
        passed: Passed | None,
        now: int,
    ) -> Aftermath:
        """Let a message's new words stand where its old ones stood; `passed` None: nothing of them may be looked at.

        What was made from the old ones goes.  A question that waits for its turn asks what it says now.
        """
        new = mapping(mapping(passed.event["content"]).get("m.new_content") if passed is not None else None)
        text = new.get("body") if passed is not None and passed.store else None
        kept.revise(connection, event_id, sender, text if isinstance(text, str) else None)
        waiting = journal.waiting(connection, room_id, sender, event_id)
        if waiting is not None and not self._is_control(connection, room_id, sender, waiting, now):
            self._reword(connection, room_id, sender, waiting, new, now)
        return self._performer.perform(connection, (fx.TakeBackWords(room_id, event_id, sender),), now)

    def _reword(
        self, connection: Connection, room_id: RoomID, sender: UserID, waiting: Json, new: Json, now: int
    ) -> None:
        """Let a question ask what its edit says, or drop it where that asks nothing."""
        relation = {key: value for key, value in waiting["content"].items() if key == "m.relates_to"}
        event = {**waiting, "content": {**new, **relation}}
        asks = filter_event(event, self.view(connection, room_id, sender, event, now))
        if isinstance(asks, Passed) and asks.classified.control is None and self._needs_work(connection, asks, now):
            journal.reword(connection, asks.event)
        else:
            journal.drop(connection, (EventID(waiting["event_id"]),))

    def _is_control(self, connection: Connection, room_id: RoomID, sender: UserID, event: Json, now: int) -> bool:
        """Return whether an event was obeyed when it came: an edit changes nothing of that."""
        return classify(event, self.view(connection, room_id, sender, event, now)).control is not None

    def _needs_work(self, connection: Connection, passed: Passed, now: int) -> bool:
        """Return whether the worker has something to do with it."""
        what = passed.classified
        if what.own or now - what.at > OLD_MS:
            return False
        if what.control is Control.REACTION:
            return what.reacts_to is not None and posts.is_ours(connection, what.reacts_to)
        if what.control is Control.WORD:
            return True
        return what.control is None and what.addressed and bool(passed.trigger)


def _outlives_redaction(what: Classified) -> bool:
    """Return whether an event counts although it was redacted: state, a redaction, and what only tightens."""
    if what.kind in (Kind.STATE, Kind.MEMBERSHIP, Kind.REDACTION):
        return True
    return what.word in TIGHTENING or (what.control is Control.REACTION and is_hide(what.reaction_key or ""))


def _asks_to_verify(passed: Passed, ai: UserID) -> bool:
    """Return whether a person's client wants to compare emoji with the AI (spec "Verification messages in-room")."""
    content = cast("Json", passed.event["content"])
    return content.get("msgtype") == "m.key.verification.request" and content.get("to") == ai


def _declining(passed: Passed, now: int) -> fx.WakeAt:
    room_id, event_id = RoomID(str(passed.event["room_id"])), str(passed.event["event_id"])
    payload = {"event": event_id, "sender": str(passed.event["sender"])}
    due = datetime.fromtimestamp(now / 1000, UTC)
    return fx.WakeAt("encryption", f"verify:{event_id}", room_id, due, payload)


_TALKED_ABOUT: Final = (None, ControlWord.HELP, ControlWord.POLICY, ControlWord.WHY)
"""What begins a conversation. A choice or a stop said in a thread does not make all of the thread speak to the AI."""


def _calls_into_thread(passed: Passed) -> bool:
    what = passed.classified
    return what.addressed and bool(passed.trigger) and what.word in _TALKED_ABOUT


def names_of(settings: Settings, facts: rooms.RoomFacts | None) -> tuple[str, ...]:
    """Return every name the AI has or had, in a room and in general, for what is typed without a pill."""
    stamped = (*explain.room_names(settings.name_en), *explain.room_names(settings.name_zh))
    general = (
        settings.name_en,
        settings.name_zh,
        *settings.former_names,
        settings.ai,
        settings.ai[1:].partition(":")[0],
    )
    return (*(facts.names if facts else ()), *stamped, *general)


def _words(passed: Passed, names: Sequence[str]) -> Permitted:
    """Return a control word message's words. They may be obeyed under every policy, so that is what allows them."""
    event, what = passed.event, passed.classified
    body = cast("Json", event["content"]).get("body")
    text = strip_address(body if isinstance(body, str) else "", names, mentioned=True)[1]
    return permit(
        Decision(Verdict.ALLOW),
        event_id=EventID(str(event["event_id"])),
        room_id=RoomID(str(event["room_id"])),
        sender=UserID(str(event["sender"])),
        at=what.at,
        text=text,
        thread=EventID(what.thread) if what.thread else None,
        reply_to=EventID(what.reply_to) if what.reply_to else None,
        addressed=True,
    )


def _note_language(connection: Connection, sender: UserID, passed: Passed, names: Sequence[str]) -> None:
    """Note which language a person speaks to the AI, so that private words to them come in it."""
    body = cast("Json", passed.event["content"]).get("body")
    said = strip_address(body if isinstance(body, str) else "", names, mentioned=True)[1]
    spoken = language_of(said, "en")
    if spoken == language_of(said, "zh") and rooms.person(connection, sender).language != spoken:
        rooms.save_person(connection, sender, language=spoken)


def _is_event(event: object) -> bool:
    if not isinstance(event, Mapping):
        return False
    fields = cast("Json", event)
    return all(isinstance(fields.get(key), str) for key in ("event_id", "room_id", "sender", "type")) and isinstance(
        fields.get("content"), Mapping
    )
