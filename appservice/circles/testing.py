"""Fakes of the ports, for tests of features. Public; held to the same contract tests as the adapters.

Nothing in the program imports this module (import-linter).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from circles.core.call import Call, Room
from circles.core.coming import Coming, Confirmed, Unsaid
from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language, language_of
from circles.core.permitted import Permitted, Talk, permit
from circles.core.prompt import Completion, Prompt
from circles.core.settings import Settings
from circles.errors import ModelError
from circles.facts.tables import metadata
from circles.ports import NewRoom, Ports, Window
from circles_policies.decision import Decision, Verdict
from circles_policies.model import Preset, preset

T = TypeVar("T")

AI = UserID("@circle:home.example")
ROOM = RoomID("!family")
NOON = datetime(2027, 2, 1, 12, 0, tzinfo=UTC)
_counter = itertools.count(1)


class FakeClock:
    """A clock that stands still until told."""

    def __init__(self, now: datetime = NOON) -> None:
        self.instant = now

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self.instant

    def advance(self, by: timedelta) -> None:
        """Move it on."""
        self.instant += by


class MemoryDatabase:
    """A Database on SQLite in memory, with every table that was imported."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        # As in the real one: transactions are ours to begin, or a savepoint inside would commit them.
        event.listen(self._engine, "connect", _plain)
        event.listen(self._engine, "begin", _begin)
        metadata.create_all(self._engine)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` and roll back."""
        with self._engine.connect() as connection:
            try:
                return work(connection)
            finally:
                connection.rollback()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` and commit."""
        with self._engine.begin() as connection:
            return work(connection)


def _plain(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


class FakeTalk:
    """A conversation in memory. Everything said may be looked at unless `kept_out` holds its event ID."""

    def __init__(self) -> None:
        self.messages: list[Permitted] = []
        self.kept_out: set[EventID] = set()

    def say(
        self,
        sender: str,
        text: str,
        at: datetime = NOON,
        *,
        room_id: RoomID = ROOM,
        thread: EventID | None = None,
        reply_to: EventID | None = None,
    ) -> EventID:
        """Add a message and return its event ID."""
        message = said(sender, text, at, room_id=room_id, thread=thread, reply_to=reply_to)
        self.messages.append(message)
        return message.event_id

    async def window(self, room_id: RoomID, window: Window) -> Talk:
        """Return the messages inside the window."""
        found: list[Permitted] = []
        for message in self.messages:
            if message.event_id == window.until:
                break
            if message.room_id != room_id or (
                window.thread and window.thread not in (message.thread, message.event_id)
            ):
                continue
            if window.since and message.at < window.since.timestamp() * 1000:
                continue
            found.append(message)
        if window.last is not None:
            found = found[-window.last :]
        allowed = tuple(message for message in found if message.event_id not in self.kept_out)
        return Talk(allowed, withheld=len(allowed) < len(found))

    async def event(self, room_id: RoomID, event_id: EventID) -> Permitted | None:
        """Return one message unless it is kept out."""
        for message in self.messages:
            if message.event_id == event_id and message.room_id == room_id and event_id not in self.kept_out:
                return message
        return None

    async def author(self, room_id: RoomID, event_id: EventID) -> UserID | None:
        """Return who wrote one message, also where it is kept out."""
        found = (each.sender for each in self.messages if each.event_id == event_id and each.room_id == room_id)
        return next(found, None)

    async def last_words(self, room_id: RoomID, sender: UserID, before: EventID | None) -> datetime | None:
        """Return when the sender last wrote to the others before an event."""
        last: datetime | None = None
        for message in self.messages:
            if message.event_id == before:
                break
            if message.sender == sender and message.room_id == room_id and not message.addressed:
                last = datetime.fromtimestamp(message.at / 1000, UTC)
        return last


@dataclass
class FakeNames:
    """Names by user ID; whoever is not listed is called by the localpart."""

    known: dict[UserID, str] = field(default_factory=dict[UserID, str])
    room_name: str = "Family"

    async def people(self, room_id: RoomID) -> Mapping[UserID, str]:
        """Return the known names."""
        return self.known

    async def room(self, room_id: RoomID) -> str:
        """Return the one room name."""
        return self.room_name


class FakeRooms:
    """Creates rooms in a dict by key."""

    def __init__(self) -> None:
        self.created: dict[str, tuple[NewRoom, RoomID]] = {}

    async def create(self, room: NewRoom) -> RoomID:
        """Return the same room for the same key."""
        if room.key not in self.created:
            self.created[room.key] = (room, RoomID(f"!new{len(self.created)}"))
        return self.created[room.key][1]


@dataclass
class FakeItems:
    """Coming dates and confirmed things, as the test put them in."""

    dates: list[Coming] = field(default_factory=list[Coming])
    things: list[Confirmed] = field(default_factory=list[Confirmed])
    left: list[Unsaid] = field(default_factory=list[Unsaid])

    async def coming(self, room_id: RoomID, start: datetime, end: datetime, language: Language) -> tuple[Coming, ...]:
        """Return the dates between two instants."""
        return tuple(date for date in self.dates if start <= date.at < end)

    async def confirmed(self, room_id: RoomID, since: datetime, language: Language) -> tuple[Confirmed, ...]:
        """Return the things confirmed since an instant."""
        return tuple(thing for thing in self.things if thing.at >= since)

    async def unsaid(self, room_id: RoomID, since: datetime, until: datetime) -> tuple[Unsaid, ...]:
        """Return what was left unsaid between two instants."""
        return tuple(each for each in self.left if since <= each.at < until)


class QueueModel:
    """A model that gives the answers put into it, in order, and keeps the prompts it saw. Empty: a failing test."""

    def __init__(self) -> None:
        self.answers: list[Completion | ModelError] = []
        self.prompts: list[Prompt] = []

    def put(self, text: str = "", data: Mapping[str, object] | None = None) -> None:
        """Queue an answer."""
        self.answers.append(Completion(text=text, data=data, model="fake", tokens=1))

    def fail(self, error: ModelError) -> None:
        """Queue a failure."""
        self.answers.append(error)

    async def complete(self, prompt: Prompt) -> Completion:
        """Give the next answer."""
        self.prompts.append(prompt)
        answer = self.answers.pop(0)
        if isinstance(answer, ModelError):
            raise answer
        return answer


def said(
    sender: str,
    text: str,
    at: datetime = NOON,
    *,
    room_id: RoomID = ROOM,
    event_id: str | None = None,
    thread: EventID | None = None,
    reply_to: EventID | None = None,
) -> Permitted:
    """Make a permitted message for a test."""
    return permit(
        Decision(Verdict.ALLOW),
        event_id=EventID(event_id or f"$event{next(_counter)}"),
        room_id=room_id,
        sender=UserID(sender),
        at=int(at.timestamp() * 1000),
        text=text,
        thread=thread,
        reply_to=reply_to,
    )


def a_room(**changes: object) -> Room:
    """Make a room on call, in English, with the given fields changed."""
    room = Room(ROOM, False, preset(Preset.ON_CALL), "en", "Europe/Berlin", ("home.example",), 0)
    return replace(room, **changes)  # type: ignore[arg-type]  # fields by name, for brevity in tests


def a_call(
    command: str,
    argument: str = "",
    *,
    asker: str = "@mei:home.example",
    language: Language | None = None,
    **changes: object,
) -> Call:
    """Make a call of a command with an argument, said at noon in the room."""
    words = said(asker, f"{command} {argument}".strip())
    room = a_room()
    call = Call(
        room=room,
        place=room.room_id,
        asker=UserID(asker),
        event_id=words.event_id,
        at=NOON,
        command=command,
        argument=words.part(argument),
        whole=words,
        language=language or language_of(argument, "en"),
        zone="Europe/Berlin",
    )
    return replace(call, **changes)  # type: ignore[arg-type]  # fields by name, for brevity in tests


def some_ports(**changes: object) -> Ports:
    """Make ports of fakes, with the given ones changed."""
    ports = Ports(
        clock=FakeClock(),
        database=MemoryDatabase(),
        talk=FakeTalk(),
        names=FakeNames(),
        rooms=FakeRooms(),
        settings=Settings(ai=AI, server_name="home.example"),
        items=FakeItems(),
    )
    return replace(ports, **changes)  # type: ignore[arg-type]  # fields by name, for brevity in tests
