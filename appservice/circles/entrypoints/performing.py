"""Effects become rows: the one place that knows which table an effect belongs to. Synchronous, inside the caller's
commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Final

from sqlalchemy import Connection, delete, select

from circles.adapters.store import causes, egress, erasures, journal, kept, outbox, quarantine, quota
from circles.core import effects as fx
from circles.core import voice
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.language import Language, as_language
from circles.dialects import insert
from circles.entrypoints.following import follow
from circles.facts import posts, rooms, upgrades
from circles.facts.tables import voice as voice_table
from circles.facts.tables import wakes
from circles.facts.wakes import let_go
from circles.feature import Feature
from circles.registry import FEATURES
from circles_policies import notices

MOST_EDITED: Final = 10_000


@dataclass
class Aftermath:
    """What has to be told to the running parts once the commit stands."""

    lanes: set[str] = field(default_factory=set[str])
    rooms: set[RoomID] = field(default_factory=set[RoomID])
    interrupted: set[RoomID] = field(default_factory=set[RoomID])
    renamed: set[RoomID] = field(default_factory=set[RoomID])
    woken: bool = False
    parked: bool = False
    """Ciphertext waits to be opened."""
    erases: bool = False
    """Kept messages are still to be deleted."""

    def add(self, other: Aftermath) -> None:
        """Add what another unit of work left."""
        self.lanes |= other.lanes
        self.rooms |= other.rooms
        self.interrupted |= other.interrupted
        self.renamed |= other.renamed
        self.woken = self.woken or other.woken
        self.parked = self.parked or other.parked
        self.erases = self.erases or other.erases


@dataclass(frozen=True, slots=True)
class VoiceRules:
    """The operator's limits on unasked posts (PRODUCT.md B5)."""

    posts_per_day: int = 1
    """In a room that is quiet, as every room is at first."""
    night_start: time = voice.NIGHT_START
    night_end: time = voice.NIGHT_END
    zone: str = "UTC"


class Performer:
    """Writes effects."""

    def __init__(self, rules: VoiceRules, features: tuple[Feature, ...] = FEATURES) -> None:
        """Take the features whose own effects are to be written."""
        self._rules = rules
        self._features = features
        self._writers = {kind: write for feature in features for kind, write in feature.writers.items()}
        self._edited: dict[EventID, int] = {}
        self._edits = 0

    @property
    def edits(self) -> int:
        """How many edits this process has seen. What is read from now on has the words of all of them."""
        return self._edits

    def is_edited(self, event_id: EventID, edits: int) -> bool:
        """Return whether a message was edited after so many edits were seen."""
        return self._edited.get(event_id, 0) > edits

    def is_outdated(self, effects: Iterable[fx.Effect], edits: int) -> bool:
        """Return whether a message that a post rests on was edited after so many edits were seen."""
        if self._edits == edits:
            return False
        posts_ = [effect.post if isinstance(effect, fx.Private) else effect for effect in effects]
        sources = [source for post in posts_ if isinstance(post, fx.Post) for source in post.sources]
        return any(self.is_edited(source.event_id, edits) for source in sources)

    def perform(
        self, connection: Connection, effects: Iterable[fx.Effect], now: int, cause: str | None = None
    ) -> Aftermath:
        """Write every effect, and those that follow from them.

        Args:
            connection: the unit of work.
            effects: what is to happen.
            now: in ms.
            cause: what they come from: coming from it again, they are the same ones. None: what is being handled.
        """
        after = Aftermath()
        with causes.because(cause):
            for effect in effects:
                self._one(connection, effect, now, after)
        return after

    def placeholder(self, connection: Connection, placeholder: fx.Placeholder, now: int) -> Aftermath:
        """Say that an answer is coming, unless one stands there already from before a restart."""
        outbox.add_placeholder(connection, placeholder, now)
        return Aftermath(lanes=set(outbox.lanes_waiting(connection)))

    def end_placeholder(self, connection: Connection, answers: EventID, now: int) -> Aftermath:
        """Take the placeholder of a question away: it is answered, or never will be."""
        if outbox.withdraw_placeholder(connection, answers, now):
            return Aftermath(lanes=set(outbox.lanes_waiting(connection)))
        return Aftermath()

    def _one(self, connection: Connection, effect: fx.Effect, now: int, after: Aftermath) -> None:
        match effect:
            case fx.WakeAt():
                self._wake(connection, effect)
                after.woken = True
            case fx.CancelWake(feature, key):
                connection.execute(delete(wakes).where(wakes.c.feature == feature, wakes.c.key == key))
                after.woken = True
            case fx.TakeBack():
                self._take_back(connection, effect, now, after)
            case fx.TakeBackWords():
                self._take_back_words(connection, effect, now, after)
            case fx.TakeBackTalk():
                self._take_back_talk(connection, effect, now, after)
            case fx.TakeBackPerson():
                self._take_back_person(connection, effect, now, after)
            case fx.StopWork(room_id, user_id):
                self._stop_work(connection, room_id, user_id, now, after)
            case fx.TrimKept(room_id, before, days):
                kept.trim(connection, room_id, before, days)
            case fx.Depart(room_id):
                for each in self._features:
                    if each.forget_room is not None:
                        each.forget_room(connection, room_id)
                journal.drop_in(connection, room_id, None)
                quarantine.drop_room(connection, room_id)
                outbox.cancel_lane(connection, room_id)
                kept.drop_room(connection, room_id)
                connection.execute(delete(wakes).where(wakes.c.room_id == room_id))
                after.interrupted.add(room_id)
                after.woken = True
            case fx.CountAnswer(room_id, user_id):
                quota.charge(connection, quota.account(_instant(now), room_id, user_id), answers=1)
            case fx.NoteTold(room_id, user_id, of_model):
                quota.note_told(connection, quota.account(_instant(now), room_id, user_id), of_model=of_model)
            case fx.Hush(room_id):
                journal.drop_in(connection, room_id, None)
                outbox.withdraw_open(connection, None, room_id, now)
                outbox.hush(connection, room_id)
                rooms.tighten(connection, room_id)
                after.interrupted.add(room_id)
            case fx.LetGo(room_id):
                let_go(connection, room_id)
                after.woken = True
            case fx.Follow(room_id):
                after.add(self.perform(connection, follow(connection, self._features, room_id, now), now))
            case (
                fx.Post(room_id=room_id)
                | fx.Edit(room_id=room_id)
                | fx.React(room_id=room_id)
                | fx.Pin(room_id=room_id)
                | fx.SetState(room_id=room_id)
                | fx.SendEvent(room_id=room_id)
                | fx.SetRoomName(room_id=room_id)
            ) if rooms.is_silent(connection, room_id):
                pass  # It goes on elsewhere, or we are shut out, whatever still looks at it.
            case fx.Withdraw(root, again=True):
                self._say_again(connection, (root,), now, after)
            case fx.Post(unasked=True, id=post_id) if post_id is not None and posts.by_effect(
                connection, post_id, sent=False
            ):
                pass  # Said, left unsaid or taken back before: it takes nothing of the day's voice again.
            case fx.Post(unasked=True, room_id=room_id) if not self._may_speak(connection, room_id, now):
                outbox.add_unsaid(connection, effect, now)
            case _ if type(effect) in self._writers:
                self._writers[type(effect)](connection, effect)
            case _:
                outbox.add(connection, effect, now)
                after.lanes |= set(outbox.lanes_waiting(connection))

    def _wake(self, connection: Connection, wake: fx.WakeAt) -> None:
        values = {
            "room_id": wake.room_id,
            "due": int(wake.due.timestamp() * 1000),
            "payload": dict(wake.payload),
        }
        statement = insert(wakes).values(feature=wake.feature, key=wake.key, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["feature", "key"], set_=values))

    def _may_speak(self, connection: Connection, room_id: RoomID, now: int) -> bool:
        facts = rooms.room_facts(connection, room_id)
        zone = (facts.zone if facts else None) or self._rules.zone
        instant = _instant(now)
        quiet = rooms.quiet_hours(connection, room_id)
        if quiet is not None and quiet.holds(instant):
            return False
        day = voice.voice_day(instant, zone)
        spoken = connection.execute(
            select(voice_table.c.posts).where(voice_table.c.room_id == room_id, voice_table.c.day == day)
        ).scalar()
        rules, quiet = self._rules, rooms.quiet_hours(connection, room_id)
        most = voice.per_day(rooms.dial(connection, room_id), rules.posts_per_day)
        if not voice.may_speak(instant, zone, spoken or 0, most, rules.night_start, rules.night_end):
            return False
        if quiet is not None and quiet.holds(instant):
            return False
        statement = insert(voice_table).values(room_id=room_id, day=day, posts=1)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["room_id", "day"], set_={"posts": voice_table.c.posts + 1})
        )
        return True

    # --- taking back ----------------------------------------------------------------------------------------------

    def _take_back(self, connection: Connection, effect: fx.TakeBack, now: int, after: Aftermath) -> None:
        """Remove messages and everything made from them (PRODUCT.md G7). The ids stay: a receipt keeps ids only."""
        room_id, event_ids = effect.room_id, effect.event_ids
        # A redaction here of an event there takes nothing back: only who may speak in its room may do that.
        others = journal.elsewhere(connection, event_ids, room_id)
        event_ids = tuple(event_id for event_id in event_ids if event_id not in others)
        if not event_ids:
            return
        journal.drop(connection, event_ids)
        quarantine.drop(connection, event_ids)
        kept.drop(connection, event_ids)
        follow: list[fx.Effect] = []
        for feature in self._features:
            if feature.forget is not None:
                follow += feature.forget(connection, event_ids)
        used = posts.resting_on(connection, event_ids, upgrades.onward(connection, room_id))
        # An answer to a question that was taken back has nothing left to answer: it goes, and is not said again.
        answers = {each for event_id in event_ids for each in outbox.withdraw_answers(connection, event_id, now)}
        for effect_id in answers:
            self._not_again(connection, effect_id)
        self._say_again(connection, [effect_id for effect_id in used if effect_id not in answers], now, after)
        if used and effect.by is not None:
            sent = egress.was_sent(connection, event_ids)
            follow.append(self._told(connection, room_id, effect.by, sent=sent))
        rooms.tighten(connection, room_id)
        after.interrupted.add(room_id)
        after.lanes |= set(outbox.lanes_waiting(connection))
        after.add(self.perform(connection, follow, now))

    def _take_back_words(self, connection: Connection, effect: fx.TakeBackWords, now: int, after: Aftermath) -> None:
        room_id, event_id, by = effect.room_id, effect.event_id, effect.by
        self._note_edit(event_id)
        used = posts.resting_on(connection, (event_id,), upgrades.onward(connection, room_id), by=by)
        follow: list[fx.Effect] = []
        if journal.wrote(connection, room_id, by, event_id):
            quarantine.drop(connection, (event_id,))
            before = self._held(connection, by)
            for feature in self._features:
                if feature.forget is not None:
                    follow += feature.forget(connection, (event_id,))
            if self._held(connection, by) < before:
                words = fx.Words(notices.EDITED[self._spoken(connection, room_id, by)])
                follow.append(fx.Private(by, fx.Post(room_id, words, kind="taken_back", feature="consent")))
        self._say_again(connection, used, now, after)
        after.lanes |= set(outbox.lanes_waiting(connection))
        after.add(self.perform(connection, follow, now))

    def _note_edit(self, event_id: EventID) -> None:
        """Note that what is being made of a message's old words is void, also if its edit is not committed after all.

        Nothing in the making outlives this process, so it is kept in memory; of the oldest nothing is in the making.
        """
        self._edits += 1
        self._edited.pop(event_id, None)
        self._edited[event_id] = self._edits
        if len(self._edited) > MOST_EDITED:
            del self._edited[next(iter(self._edited))]

    def _held(self, connection: Connection, user_id: UserID) -> int:
        """Return how much of what a person asked for is held."""
        held = [each.held(connection, user_id, None, "en") for each in self._features if each.held is not None]
        return sum(kind.count for kinds in held for kind in kinds)

    def _take_back_talk(self, connection: Connection, effect: fx.TakeBackTalk, now: int, after: Aftermath) -> None:
        room_id, root = effect.room_id, effect.thread
        if root is None:
            gone = kept.since(connection, room_id, effect.since) | posts.talk_since(connection, room_id, effect.since)
        else:
            gone = kept.in_thread(connection, room_id, root) | posts.sources_in_thread(connection, room_id, root)
            gone |= journal.in_thread(connection, room_id, root)
            # A command that a thread hangs on was said in the room, to the AI: what it asked for stands.
            gone -= {root} if posts.answers_to(connection, root) else set()
        self._take_back(connection, fx.TakeBack(room_id, tuple(sorted(gone))), now, after)
        rooms.tighten(connection, room_id)
        after.interrupted.add(room_id)

    def _told(self, connection: Connection, room_id: RoomID, user_id: UserID, *, sent: bool) -> fx.Effect:
        """Return the private word to whoever took something back that an answer had used."""
        language = self._spoken(connection, room_id, user_id)
        words = fx.Words((notices.TAKEN_BACK if sent else notices.TAKEN_BACK_UNSENT)[language])
        return fx.Private(user_id, fx.Post(room_id, words, kind="taken_back", feature="consent"))

    def _spoken(self, connection: Connection, room_id: RoomID, user_id: UserID) -> Language:
        """Return the language for private words to somebody about a room."""
        facts = rooms.room_facts(connection, room_id)
        spoken = rooms.person(connection, user_id).language or (facts.language if facts is not None else None)
        return as_language(spoken, "en")

    def _take_back_person(self, connection: Connection, effect: fx.TakeBackPerson, now: int, after: Aftermath) -> None:
        if erasures.begin(connection, effect.user_id, effect.room_id, effect.answers):
            after.erases = True
        by_room = posts.sources_from(connection, effect.user_id, effect.room_id)
        if not effect.silent:
            self._say_again(connection, posts.resting_on(connection, by_room), now, after)
        follow: list[fx.Effect] = []
        if effect.held:
            journal.drop_from(connection, effect.user_id, effect.room_id)
            quarantine.drop_from(connection, effect.user_id, effect.room_id)
            outbox.withdraw_open(connection, effect.user_id, effect.room_id, now)
            for feature in self._features:
                if feature.forget_person is not None:
                    follow += feature.forget_person(connection, effect.user_id, effect.room_id)
        # What is said again must not rest on their words again: nothing written before this counts any more.
        if effect.room_id is not None:
            if effect.held:
                rooms.seal(connection, effect.room_id, effect.user_id, now)
            rooms.tighten(connection, effect.room_id)
            after.interrupted.add(effect.room_id)
        else:
            if effect.held:
                rooms.seal_everywhere(connection, effect.user_id, now)
            rooms.tighten_with(connection, effect.user_id)
            after.interrupted.update(rooms.rooms_with(connection, effect.user_id))
        after.lanes |= set(outbox.lanes_waiting(connection))
        after.add(self.perform(connection, follow, now))

    def _say_again(self, connection: Connection, ids: Sequence[EffectID], now: int, after: Aftermath) -> None:
        """Withdraw posts all at once, and have said again what is of use (decision 0030).

        Of those that stand in one place the newest of each kind: one 🙈 brings one post and not twenty. What was never
        sent is still waited for.
        """
        for effect_id in ids:
            outbox.withdraw(connection, effect_id, now)
        for effect_id, room_id in posts.to_say_again(connection, ids):
            wake = fx.WakeAt(fx.SPINE, f"remake:{effect_id}", room_id, _instant(now), {"effect": effect_id})
            self._wake(connection, wake)
            after.woken = True

    def _not_again(self, connection: Connection, effect_id: EffectID) -> None:
        connection.execute(delete(wakes).where(wakes.c.feature == fx.SPINE, wakes.c.key == f"remake:{effect_id}"))

    def _stop_work(
        self, connection: Connection, room_id: RoomID, user_id: UserID | None, now: int, after: Aftermath
    ) -> None:
        journal.drop_in(connection, room_id, user_id)
        outbox.withdraw_open(connection, user_id, room_id, now)
        after.interrupted.add(room_id)
        after.lanes.add(room_id)


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
