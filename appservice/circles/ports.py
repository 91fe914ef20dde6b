"""What the features need of the world, one small Protocol a need. The adapters provide them; `circles.testing` has
fakes.

No port hands out message text except as `Permitted`, and only `CompletesChat` lets it leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from circles.core.coming import Coming, Confirmed, Unsaid
from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.permitted import Permitted, Talk
from circles.core.prompt import Completion, Prompt
from circles.core.settings import Settings

T = TypeVar("T")


class TellsTime(Protocol):
    """The clock."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class Database(Protocol):
    """Our rows. The function gets a connection inside one unit of work and must not keep it."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a read-only unit of work."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a unit of work that commits when it returns and leaves nothing when it raises."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """Which messages are wanted. All bounds hold together; the policy's own bounds always hold besides.

    Attributes:
        since: not older than this instant.
        last: at most so many messages, counted before anything is withheld.
        thread: only this thread.
        until: not newer than this event (the asking event); it itself is left out.
        asker: who asks; what they wrote themselves does not make a window of a few messages a large one.
    """

    since: datetime | None = None
    last: int | None = None
    thread: EventID | None = None
    until: EventID | None = None
    asker: UserID | None = None


class ReadsTalk(Protocol):
    """The conversation, message by message through the decision."""

    async def window(self, room_id: RoomID, window: Window) -> Talk:
        """Return what of a window may be looked at now.

        Raises:
            MatrixError: the homeserver did not answer.
        """
        ...

    async def event(self, room_id: RoomID, event_id: EventID) -> Permitted | None:
        """Return one message if it may be looked at now, else None, which is also the answer where there is none."""
        ...

    async def author(self, room_id: RoomID, event_id: EventID) -> UserID | None:
        """Return who wrote a message, whether or not it may be looked at; None where that cannot be told."""
        ...

    async def last_words(self, room_id: RoomID, sender: UserID, before: EventID | None) -> datetime | None:
        """Return when `sender` last wrote to the others, not to the AI, as far back as the policy allows looking.

        Before an event; None: until now.
        """
        ...


class NamesPeople(Protocol):
    """What people and rooms are called now. Asked of the homeserver, kept in memory only."""

    async def people(self, room_id: RoomID) -> Mapping[UserID, str]:
        """Return the joined members' display names in a room (a user without one: the localpart)."""
        ...

    async def room(self, room_id: RoomID) -> str:
        """Return the room's name as a person would say it."""
        ...


class CompletesChat(Protocol):
    """The model port: the only way text leaves for a model."""

    async def complete(self, prompt: Prompt) -> Completion:
        """Ask the policy for every message, commit the egress row, send, and return a checked answer.

        Raises:
            ModelError: the model did not answer in the form asked for.
            BudgetSpent: the room's or the asker's budget for today is used up.
        """
        ...


@dataclass(frozen=True, slots=True)
class NewRoom:
    """A circle to create. `key` makes the creation idempotent: the same key never makes a second room."""

    key: str
    name: str
    topic: str
    asker: UserID
    number: int


class CreatesRooms(Protocol):
    """Creation of circles (docs/explanation/architecture.md, "Rooms we create")."""

    async def create(self, room: NewRoom) -> RoomID:
        """Create the room, or return the one an earlier attempt with the same key made."""
        ...


class KnowsDoors(Protocol):
    """How a room is entered. Asked of the homeserver when someone wants its link."""

    async def is_open(self, room_id: RoomID) -> bool | None:
        """Return whether whoever has the link can join; None where it cannot be told."""
        ...


class HeldThing(Protocol):
    """One kind of thing held about a person, as `feature.Held` is: a count, and lines for them alone."""

    @property
    def kind(self) -> str:
        """What it is, in the person's words; "messages": kept messages."""
        ...

    @property
    def count(self) -> int:
        """How many."""
        ...

    @property
    def lines(self) -> tuple[str, ...]:
        """What they say."""
        ...


class ShowsHeld(Protocol):
    """What all features, and the kept messages, hold about a person."""

    async def __call__(
        self, user_id: UserID, room_id: RoomID | None, language: Language, *, whole: bool = False
    ) -> tuple[HeldThing, ...]:
        """Return it for one room, or for all (room None). `whole`: also the words of what is else only counted."""
        ...


class CountsKept(Protocol):
    """How much is kept, so that people hear what a tighter policy would delete."""

    async def __call__(self, room_id: RoomID, before: int) -> int:
        """Return how many messages written before an instant (ms) are kept of a room."""
        ...


class SchedulesWakes(Protocol):
    """The one timer in memory; the rows are the truth."""

    def arm(self, due: datetime | None, look: Callable[[], None]) -> None:
        """Call `look` when it is `due`, instead of whatever was armed before; None: nothing is due."""
        ...

    def disarm(self) -> None:
        """Forget what was armed."""
        ...


class GathersItems(Protocol):
    """What the features offer each other through the registry."""

    async def coming(self, room_id: RoomID, start: datetime, end: datetime, language: Language) -> tuple[Coming, ...]:
        """Return dates that come between two instants, the soonest first."""
        ...

    async def unsaid(self, room_id: RoomID, since: datetime, until: datetime) -> tuple[Unsaid, ...]:
        """Return what did not fit into the room's voice between two instants, the oldest first."""
        ...

    async def confirmed(self, room_id: RoomID, since: datetime, language: Language) -> tuple[Confirmed, ...]:
        """Return what people confirmed since an instant, the oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Unread:
    """Messages of a room that wait for one key.

    Attributes:
        code: with which one it was refused us, None where it was not.
        reason: what came of trying them, "" where they were not tried yet.
    """

    count: int
    code: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """What can be said about the AI's keys in a room.

    Attributes:
        device_id, fingerprint: the AI's device, as clients show it.
        signed: whether the AI's cross-signing identity vouches for it.
        unread: what cannot be read here.
    """

    encrypted: bool
    device_id: str
    fingerprint: str
    signed: bool
    unread: tuple[Unread, ...] = ()


class KnowsKeys(Protocol):
    """The AI's keys, as far as people are told of them."""

    async def about(self, room_id: RoomID) -> KnownKeys:
        """Return what can be said in a room."""
        ...

    async def unread(self, room_id: RoomID, session: str) -> Unread | None:
        """Return what still waits for one key, None where nothing does."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All a handler is given. `model` is None where no endpoint is configured."""

    clock: TellsTime
    database: Database
    talk: ReadsTalk
    names: NamesPeople
    rooms: CreatesRooms
    settings: Settings
    items: GathersItems
    model: CompletesChat | None = None
    held: ShowsHeld | None = None
    doors: KnowsDoors | None = None
    kept: CountsKept | None = None
    keys: KnowsKeys | None = None
