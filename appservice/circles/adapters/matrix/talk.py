"""The conversation as features may see it: fetched when called, decided message by message, used in memory, forgotten.

Walks `/messages` backwards from now.  The policies that held at a message are our own rows
(facts.rooms.policies_since);
a message's time is never later than that of the next event in the walk whose time our own homeserver set, so that a
forged clock
can neither lift a message over the start of a policy nor keep the walk from ending.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.machine import Trouble
from circles.core.ids import EventID, RoomID, UserID, server_of
from circles.core.permitted import Permitted, Talk, permit
from circles.core.settings import Settings
from circles.errors import MatrixForbidden, MatrixNotFound
from circles.facts import rooms
from circles.ports import Database, TellsTime, Window
from circles_policies.events import Kind, RoomView
from circles_policies.gate import Dropped, Passed, filter_event, may_open
from circles_policies.model import Mark, Member
from circles_policies.off_record import OffRecord
from circles_policies.retention import Span, current, retention_at
from circles_policies.words import strip_address

Json = dict[str, Any]
ENCRYPTED: Final = "m.room.encrypted"
PAGE: Final = 100
MOST_EVENTS: Final = 5_000
"""No walk goes further, whatever was asked: about 50 requests."""

FEW: Final = 4


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What the rows say of a room, read once a walk; `members` are those met so far."""

    direct: bool
    names: tuple[str, ...]
    members: dict[UserID, Member]
    marks: Mapping[EventID, Mark]
    off_record: tuple[OffRecord, ...]
    periods: tuple[rooms.Period, ...]
    retention: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """One message of a walk: it, if it may be looked at; whether its absence says nothing; whether it is talk."""

    message: Permitted | None
    silent: bool
    among_people: bool


class MatrixTalk:
    """Implements `ports.ReadsTalk`."""

    def __init__(
        self,
        database: Database,
        client: MatrixClient,
        clock: TellsTime,
        settings: Settings,
        names: tuple[str, ...],
        ghosts: re.Pattern[str],
        opens: Callable[[Json], Awaitable[Json | Trouble]],
        before: Callable[[RoomID], Awaitable[None]] | None = None,
    ) -> None:
        """Take what the decision needs; `names` are the AI's own in general, `opens` decrypts what may be opened.

        `before` is awaited before a room is looked at: what has to be known elsewhere to find everything.
        """
        self._before = before
        self._opens = opens
        self._database = database
        self._client = client
        self._clock = clock
        self._settings = settings
        self._names = names
        self._ghosts = ghosts

    async def window(self, room_id: RoomID, window: Window) -> Talk:
        """Return what of a window may be looked at now, oldest first, edits applied."""
        snapshot = await self._snapshot(room_id)
        since = window.since.timestamp() * 1000 if window.since is not None else 0
        earliest = max(since, self._furthest(snapshot))
        found: list[Permitted] = []
        edits: dict[str, Json] = {}
        withheld = False
        position = others = 0
        reached = window.until is None
        ceiling = self._now()
        async for event in self._walk(room_id, snapshot):
            if _edited(event) is not None and _is_talk(event):
                # Newest first: the first edit met is the last word, also where it came after the window.
                edits.setdefault(f"{event.get('sender')} {_edited(event)}", event)
            if not reached:
                reached = event.get("event_id") == window.until
                continue
            if server_of(str(event.get("sender"))) == self._settings.server_name:
                ceiling = min(ceiling, _ts(event))
            event["origin_server_ts"] = min(_ts(event), ceiling)
            if (_ts(event) < earliest and ceiling < earliest) or position >= MOST_EVENTS:
                break
            if _ts(event) < earliest or not _is_talk(event) or event.get("sender") == self._settings.ai:
                continue
            if _edited(event) is not None:
                continue
            if window.thread is not None and not _in_thread(event, window.thread):
                continue
            if window.last is not None and position >= window.last:
                break
            judged = await self._judge(snapshot, room_id, event, edits, position)
            if judged.among_people:
                # What is said to the AI is no talk: it fills no window, and hides nobody in one.
                position += 1
                others += event.get("sender") != window.asker
                withheld = withheld or (judged.message is None and not judged.silent)
            if judged.message is not None:
                found.append(judged.message)
        found.reverse()
        return Talk(tuple(found), withheld, few=others < FEW)

    async def event(self, room_id: RoomID, event_id: EventID) -> Permitted | None:
        """Return one message if it may be looked at now."""
        try:
            event = await self._client.event(room_id, event_id)
        except (MatrixNotFound, MatrixForbidden):
            return None
        if not _is_talk(event):
            return None
        snapshot = await self._snapshot(room_id)
        await self._meet(snapshot, room_id, [event])
        return (await self._judge(snapshot, room_id, event, {}, 0)).message

    async def author(self, room_id: RoomID, event_id: EventID) -> UserID | None:
        """Return who wrote a message, whether or not it may be looked at; None where that cannot be told."""
        try:
            sender = (await self._client.event(room_id, event_id)).get("sender")
        except (MatrixNotFound, MatrixForbidden):
            return None
        return UserID(sender) if isinstance(sender, str) else None

    async def last_words(self, room_id: RoomID, sender: UserID, before: EventID | None) -> datetime | None:
        """Return when `sender` last wrote to the others, as far back as the policy allows looking.

        Neither what is said to the AI nor an edit counts: who asks twice what they missed means the same both times.
        """
        snapshot = await self._snapshot(room_id)
        reached = before is None
        earliest = self._furthest(snapshot)
        async for event in self._walk(room_id, snapshot):
            if _ts(event) < earliest:
                return None
            theirs = event.get("sender") == sender and _is_talk(event) and _edited(event) is None
            if reached and theirs and (await self._judge(snapshot, room_id, event, {}, 0)).among_people:
                return datetime.fromtimestamp(_ts(event) / 1000, UTC)
            reached = reached or event.get("event_id") == before
        return None

    # --- the decision ----------------------------------------------------------------------------------------------

    async def _judge(
        self, snapshot: _Snapshot, room_id: RoomID, event: Json, edits: Mapping[str, Json], position: int
    ) -> _Judged:
        """Judge one message, as it reads now."""
        sender, event_id = UserID(str(event.get("sender"))), EventID(str(event.get("event_id")))
        view = self._view(snapshot, event, sender, event_id, position)
        clear = await self._in_the_clear(event, room_id, view)
        if clear is None:
            # Closed by the policy, or without its key: nobody can say whether it was talk, so it counts as such.
            return _Judged(None, False, True)
        passed = filter_event(clear, view)
        what = passed.classified
        among_people = what.kind is Kind.MESSAGE and what.control is None and not what.to_ai
        if isinstance(passed, Dropped) or not passed.read:
            return _Judged(None, not among_people, among_people)
        edit = edits.get(f"{sender} {event_id}")
        if edit is not None:
            # The words as they are now; an edit that may not be looked at takes the message with it.
            later = await self._in_the_clear(edit, room_id, view)
            seen = filter_event(later, view) if later is not None else None
            if not isinstance(seen, Passed) or not seen.read:
                return _Judged(None, False, among_people)
            body = _body(cast("Json", seen.event["content"]).get("m.new_content", {}))
        else:
            body = _body(passed.event["content"])
        if not body.strip():
            return _Judged(None, True, among_people)
        message = self._permitted(passed, snapshot, room_id, sender, event_id, body)
        return _Judged(message, True, among_people)

    async def _in_the_clear(self, event: Json, room_id: RoomID, view: RoomView) -> Json | None:
        """Return an event as it can be read; None where it is encrypted and may not, or cannot, be opened."""
        if event.get("type") != ENCRYPTED:
            return event
        if not may_open(event, view):
            return None
        opened = await self._opens({**event, "room_id": room_id})
        return None if isinstance(opened, Trouble) else opened

    def _permitted(
        self, passed: Passed, snapshot: _Snapshot, room_id: RoomID, sender: UserID, event_id: EventID, body: str
    ) -> Permitted:
        what = passed.classified
        text = strip_address(body, (*snapshot.names, *self._names), mentioned=what.addressed)[1] if what.to_ai else body
        return permit(
            passed.read,
            event_id=event_id,
            room_id=room_id,
            sender=sender,
            at=what.at,
            text=text,
            thread=EventID(what.thread) if what.thread else None,
            reply_to=EventID(what.reply_to) if what.reply_to else None,
            addressed=what.to_ai,
        )

    def _view(self, snapshot: _Snapshot, event: Json, sender: UserID, event_id: EventID, position: int) -> RoomView:
        now = self._now()
        return RoomView(
            ai=self._settings.ai,
            now=now,
            received_at=now,
            room=rooms.minimum_since(snapshot.periods, _ts(event)),
            operator=self._settings.ceiling,
            member=snapshot.members.get(sender, Member(since=None)),
            mark=snapshot.marks.get(event_id, Mark.NONE),
            off_record=snapshot.off_record,
            retention=retention_at(snapshot.retention, _ts(event)),
            names=(*snapshot.names, *self._names),
            is_direct=snapshot.direct,
            ghosts=self._ghosts,
            called=True,
            position=position,
        )

    async def _snapshot(self, room_id: RoomID) -> _Snapshot:
        def read(connection: Connection) -> _Snapshot:
            facts = rooms.room_facts(connection, room_id)
            return _Snapshot(
                direct=facts.direct if facts else False,
                names=facts.names if facts else (),
                members={},
                marks=rooms.all_marks(connection, room_id),
                off_record=rooms.off_record(connection, room_id),
                periods=rooms.policy_periods(connection, room_id),
                retention=facts.retention if facts else (),
            )

        if self._before is not None:
            await self._before(room_id)
        return await self._database.read(read)

    def _furthest(self, snapshot: _Snapshot) -> float:
        """Return the earliest instant (ms) any message could be looked at from, so that no walk goes further."""
        if not snapshot.periods:
            return float("inf")
        latest = snapshot.periods[-1]
        hours, lifetime = latest[0].read.hours, current(snapshot.retention).max_lifetime
        start = min(start for _, start, _ in snapshot.periods)
        bounds = (hours and hours * 3_600_000, lifetime)
        return max([start, *(self._now() - bound for bound in bounds if bound is not None)])

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    async def _meet(self, snapshot: _Snapshot, room_id: RoomID, events: Sequence[Json]) -> None:
        """Look up who wrote some events, and nobody else: a room may have ten thousand members."""
        new = {UserID(str(event.get("sender"))) for event in events} - snapshot.members.keys()
        if new:
            found = await self._database.read(lambda c: rooms.members_of(c, room_id, new))
            snapshot.members.update(found)

    async def _walk(self, room_id: RoomID, snapshot: _Snapshot) -> AsyncIterator[Json]:
        start: str | None = None
        seen = 0
        while seen < MOST_EVENTS:
            page = await self._client.messages(room_id, start, PAGE)
            chunk = cast("list[Json]", page.get("chunk", []))
            await self._meet(snapshot, room_id, chunk)
            for event in chunk:
                yield event
            seen += len(chunk)
            start = page.get("end")
            if not start or not chunk:
                return


def _ts(event: Json) -> int:
    value = event.get("origin_server_ts")
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _relation(event: Json) -> Json:
    content = event.get("content")
    relation = cast("Json", content).get("m.relates_to") if isinstance(content, dict) else None
    return cast("Json", relation) if isinstance(relation, dict) else {}


def _edited(event: Json) -> str | None:
    relation = _relation(event)
    return str(relation.get("event_id")) if relation.get("rel_type") == "m.replace" else None


def _in_thread(event: Json, root: EventID) -> bool:
    relation = _relation(event)
    return event.get("event_id") == root or (
        relation.get("rel_type") == "m.thread" and relation.get("event_id") == root
    )


def _is_talk(event: Json) -> bool:
    """Return whether an event is a message someone wrote that was not deleted; of ciphertext: whether it may be one."""
    content = event.get("content")
    if event.get("type") == ENCRYPTED:
        return isinstance(content, dict) and bool(cast("Json", content).get("ciphertext"))
    return event.get("type") == "m.room.message" and bool(_body(content))


def _body(content: object) -> str:
    body = cast("Json", content).get("body") if isinstance(content, dict) else None
    return body if isinstance(body, str) else ""
