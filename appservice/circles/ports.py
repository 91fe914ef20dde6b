"""What the features need of the world, one small Protocol a need. The adapters provide them; `circles.testing` has fakes.

No port hands out message text except as `Permitted`, and only `CompletesChat` lets it leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from circles_policies.model import Ceiling, Reach
from sqlalchemy import Connection

from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.permitted import Permitted, Talk
from circles.core.prompt import Completion, Prompt

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
    """

    since: datetime | None = None
    last: int | None = None
    thread: EventID | None = None
    until: EventID | None = None


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

    async def last_words(self, room_id: RoomID, sender: UserID, before: EventID) -> datetime | None:
        """Return when `sender` last wrote before an event, looking back as far as the policy allows."""
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
    """Creation of circles; see ARCHITECTURE.md "Rooms we create"."""

    async def create(self, room: NewRoom) -> RoomID:
        """Create the room, or return the one an earlier attempt with the same key made."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator configured and a feature may know. No secrets."""

    ai: UserID
    server_name: str
    name_en: str = "Circle"
    name_zh: str = "小圈"
    operator: str = ""
    language: Language = "en"
    zone: str = "UTC"
    ceiling: Ceiling = field(default_factory=Ceiling)
    reach: Reach = Reach.NONE
    model: str | None = None
    model_host: str | None = None
    model_country: str | None = None
    names_hidden: bool = False
    plugin: bool = False
    gated: bool = False
    loosening_hours: float = 24.0
    alias_prefix: str = "circle-"

    def name(self, language: Language) -> str:
        """Return what the AI is called in a language."""
        return self.name_zh if language == "zh" else self.name_en


@dataclass(frozen=True, slots=True)
class Ports:
    """All a handler is given. `model` is None where no endpoint is configured."""

    clock: TellsTime
    database: Database
    talk: ReadsTalk
    names: NamesPeople
    rooms: CreatesRooms
    settings: Settings
    model: CompletesChat | None = None
