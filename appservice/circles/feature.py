"""What a feature is: the value each folder under `features/` exports as `FEATURE`, and the registry lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from circles.core.call import Call, Fire, Remake, Room, Said, Tap
from circles.core.coming import Coming, Confirmed
from circles.core.effects import Effect
from circles.core.ids import EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.permitted import Permitted
from circles.core.settings import Settings
from circles.ports import Ports
from circles_policies.events import Classified

Effects = tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """A control event, handled inside the commit that takes it in, so that it acts at once.

    Attributes:
        event: what the gate made of it.
        sender, event_id, at: by whom, which, and when (ms; the earlier of origin time and receipt).
        room: the room as it stands after the generic facts of this event were written.
        content: of a state event or membership, else empty; never a message's.
        words: the words of a control word message, else None.
        decides: whether the sender holds the power to set the policy.
    """

    event: Classified
    room: Room
    sender: UserID
    event_id: EventID
    at: int
    now: int
    content: Mapping[str, object]
    state_key: str | None
    words: Permitted | None
    language: Language
    decides: bool


@dataclass(frozen=True, slots=True)
class Entered:
    """The AI is in a room and its state was read: creation, power, members, encryption.

    `policy` is the content of the room's policy state event and who sent it, None where there is none.
    """

    room: Room
    encrypted: bool
    inviter: UserID | None
    policy: Mapping[str, object] | None
    policy_sender: UserID | None
    policy_event: EventID | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Command:
    """One word people can say to the AI.

    Attributes:
        name: the key.
        words: the forms in each language, the first one shown in help.
        handle: reads through ports, decides, returns effects.
        help: one line a language, "example – what it does", at most 36 Latin or 16 Chinese characters a phone row.
        waiting: works although no policy is in force yet.
        resting: works although the policy lets nothing trigger.
        about_circle: in a direct message it needs to know which circle is meant.
        slow: runs outside the room's queue, so that what follows need not wait for a model.
        unlisted: not in the first screen of `help` nor the second.
        whole: its forms take no argument: what goes on after them is talk.
        keeps: the asker's words stay with it, so it is not done where they are off the record.
        lasting: it sets something by what it says alone, whatever else is set: a service that was restored from a
            backup, and finds the answer to it in the room, does it once more without saying so.
    """

    name: str
    words: Mapping[Language, tuple[str, ...]]
    handle: Callable[[Call, Ports], Awaitable[Effects]]
    help: Mapping[Language, str]
    waiting: bool = False
    resting: bool = False
    about_circle: bool = False
    slow: bool = False
    unlisted: bool = False
    whole: bool = False
    keeps: bool = False
    lasting: bool = False
    tool: str = ""
    """What a model is told this command does, so that plain language reaches the same handler; '' keeps it from
    models.
    """


@dataclass(frozen=True, slots=True)
class Held:
    """One kind of thing held about a person, for `me`: a count, and lines to show them alone."""

    kind: str
    count: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Followed:
    """What of a feature went along into the room that another one was upgraded to.

    Attributes:
        things: how many, by a key that `room_upgrade` has words for.
        effects: what follows from it.
    """

    things: Mapping[str, int] = field(default_factory=dict[str, int])
    effects: Effects = ()


@dataclass(frozen=True, slots=True)
class Feature:
    """A folder of `features/`, as the rest of the program sees it.

    Attributes:
        name, purpose: the folder's name, and the policy purpose key of what it asks a model.
        commands: its words.
        taps: a post's kind -> what happens when someone taps a reaction on it.
        answers: a post's kind that asks something back -> the command an answer to it comes to, None for other words.
        fire: what happens when one of its wakes is due.
        control: what it does with control events, inside the intake commit.
        remake: says a post of its own again after a source was taken back.
        writers: its own effects -> the function that writes them, in the unit of work of the outbox rows.
        forget: drop what rests on these events, and return effects that follow (inside the unit of work).
        forget_person: drop what is held about a person, in one room or everywhere (room None).
        forget_room: drop what is held for a room the AI has left.
        follow: move what is held for a room to the one it was upgraded to (old, new, now in ms), wakes included.
        held: what is held about a person, in one room or everywhere.
        coming, confirmed: what it offers to whoever asks through `ports.items`; instants in ms.
        sent: told, in the commit that notes it, that a post of its own stands in the room; the instant in ms.
        entered: what it does when the AI has come into a room and knows its state.
    """

    name: str
    purpose: str
    commands: tuple[Command, ...] = ()
    taps: Mapping[str, Callable[[Tap, Ports], Awaitable[Effects]]] = field(
        default_factory=dict[str, Callable[[Tap, Ports], Awaitable[Effects]]]
    )
    answers: Mapping[str, Callable[[Said, Permitted], str | None]] = field(
        default_factory=dict[str, Callable[[Said, Permitted], str | None]]
    )
    fire: Callable[[Fire, Ports], Awaitable[Effects]] | None = None
    control: Callable[[Control, Connection, Settings], Effects] | None = None
    remake: Callable[[Remake, Ports], Awaitable[Effects]] | None = None
    writers: Mapping[type[Effect], Callable[[Connection, Effect], None]] = field(
        default_factory=dict[type[Effect], Callable[[Connection, Effect], None]]
    )
    forget: Callable[[Connection, tuple[EventID, ...]], Effects] | None = None
    forget_person: Callable[[Connection, UserID, RoomID | None], Effects] | None = None
    forget_room: Callable[[Connection, RoomID], None] | None = None
    follow: Callable[[Connection, RoomID, RoomID, int], Followed] | None = None
    held: Callable[[Connection, UserID, RoomID | None, Language], tuple[Held, ...]] | None = None
    coming: Callable[[Connection, RoomID, int, int, Language], tuple[Coming, ...]] | None = None
    confirmed: Callable[[Connection, RoomID, int, Language], tuple[Confirmed, ...]] | None = None
    sent: Callable[[Connection, Said, int], None] | None = None
    entered: Callable[[Entered, Ports], Awaitable[Effects]] | None = None
