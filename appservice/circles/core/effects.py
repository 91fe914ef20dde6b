"""What is to happen: frozen values that a decision returns and the outbox carries out. Pure.

A feature may add effects of its own (rows it keeps): a frozen dataclass in its `decide.py`,
written by the function its `FEATURE.writers` names for that type, in the same unit of work as the outbox rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from circles.core.ids import EffectID, EventID, RoomID, Source, UserID
from circles.core.language import Language


class Effect:
    """Marks a value as something to carry out."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Words:
    """What a post says. `body` is complete without `html` (PRODUCT.md I5); `html` holds only what Element keeps."""

    body: str
    html: str | None = None


@dataclass(frozen=True, slots=True)
class Post(Effect):
    """Say something in a room.

    Attributes:
        ping: the people it must reach: makes it `m.text` with `m.mentions`. Nobody: an `m.notice`.
        text: `m.text` although it mentions nobody (the admission notice).
        reply_to, thread: relations. A post in a thread replies to `reply_to` inside it.
        kind: what it is ("answer", "banner", "reminder" …); a tap or reply on it is routed by it.
        feature: whose it is, for taps and replies.
        subject: the feature's own key for what it speaks of (a reminder's id), '' if none. Never message text.
        sources: the messages it rests on (`Permitted.source`), as a receipt and for taking back.
        answers: the event that asked for it, None if nobody did.
        remake: how the feature makes it again when a source is taken back: content-free values only; None: it is not
            made again.
        buttons: reactions seeded on it, at most five.
        pin: append it to the pinned events where power allows.
        id: chosen by the feature where it must find the post again; else the outbox chooses.
        mark: what the machine-readable AI mark says besides (model, policy version).
        unasked: whether it must fit the room's voice budget (PRODUCT.md B5).
        brief: the one line that stands for an unasked post in the next digest, where it does not fit. It is kept until
            then, so it is never message text: the digest links to the sources, if they may still be looked at.
    """

    room_id: RoomID
    words: Words
    kind: str
    feature: str
    ping: tuple[UserID, ...] = ()
    text: bool = False
    reply_to: EventID | None = None
    thread: EventID | None = None
    subject: str = ""
    sources: tuple[Source, ...] = ()
    answers: EventID | None = None
    remake: Mapping[str, Any] | None = None
    buttons: tuple[str, ...] = ()
    pin: bool = False
    id: EffectID | None = None
    mark: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unasked: bool = False
    brief: str = ""
    attachment: Attachment | None = None
    about: RoomID | None = None
    """The circle it speaks of, where that is not the room it stands in."""
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """More keys of the event's content: a proposal's policies. Never message text."""
    language: Language | None = None
    """In which language it speaks, so that it is said again in the same; None: judged by its words."""

    def __post_init__(self) -> None:
        """Refuse an unasked post that would be lost where it does not fit."""
        if self.unasked and not self.brief:
            raise ValueError("an unasked post needs a brief line for the digest")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file a post carries; uploaded when it is sent."""

    name: str
    media_type: str
    data: bytes
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Private(Effect):
    """Say something to one person alone: in their direct message with the AI, which is made if there is none."""

    user_id: UserID
    post: Post
    """Its `room_id` is the room it is about; the outbox puts the direct message's in."""


@dataclass(frozen=True, slots=True)
class Edit(Effect):
    """Replace the words of an earlier post in place. At most once a post, the banner excepted (PRODUCT.md B7)."""

    room_id: RoomID
    root: EffectID
    words: Words


@dataclass(frozen=True, slots=True)
class Placeholder(Effect):
    """Show on a question that its answer takes a while, by a reaction, until it is answered or nobody waits for it.

    No message: taking one away leaves "Message deleted", and an answer put in its place by an edit reaches nobody.
    """

    room_id: RoomID
    answers: EventID


@dataclass(frozen=True, slots=True)
class React(Effect):
    """Put a reaction on an event."""

    room_id: RoomID
    event_id: EventID
    key: str


@dataclass(frozen=True, slots=True)
class ClearButtons(Effect):
    """Take the AI's own seeded reactions off a post, so that a person's tap stays as a visible signature."""

    root: EffectID


@dataclass(frozen=True, slots=True)
class Pin(Effect):
    """Append an earlier post to the pinned events; nothing happens if it is among them."""

    room_id: RoomID
    root: EffectID


@dataclass(frozen=True, slots=True)
class Withdraw(Effect):
    """Take a post of the AI's back: redact it with each edit of it, or never send it.

    `again`: say it again as it is now, if its feature can.
    """

    root: EffectID
    again: bool = False


@dataclass(frozen=True, slots=True)
class Redact(Effect):
    """Redact one event the AI sent (a post, an edit of it, a reaction)."""

    room_id: RoomID
    event_id: EventID


@dataclass(frozen=True, slots=True)
class SetState(Effect):
    """Write room state. Never message text: state is not encrypted."""

    room_id: RoomID
    type: str
    state_key: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SendEvent(Effect):
    """Send an event that clients do not show, such as the word to Synapse's module that a policy may start."""

    room_id: RoomID
    type: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SetRoomName(Effect):
    """Set the AI's display name in one room."""

    room_id: RoomID
    name: str


@dataclass(frozen=True, slots=True)
class Invite(Effect):
    """Invite someone."""

    room_id: RoomID
    user_id: UserID


@dataclass(frozen=True, slots=True)
class Join(Effect):
    """Accept an invite."""

    room_id: RoomID


@dataclass(frozen=True, slots=True)
class Leave(Effect):
    """Leave, or decline an invite, with a reason people can read."""

    room_id: RoomID
    reason: str


@dataclass(frozen=True, slots=True)
class WakeAt(Effect):
    """Wake a feature at an instant. One row a key: a later WakeAt of the same key replaces it.

    `local` is what a person meant, for the DST rules of recurring wakes; `payload` holds the feature's own keys,
    never text.
    """

    feature: str
    key: str
    room_id: RoomID
    due: datetime
    payload: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class CancelWake(Effect):
    """Forget a wake; nothing happens if there is none."""

    feature: str
    key: str


@dataclass(frozen=True, slots=True)
class TakeBack(Effect):
    """Remove these messages and everything made from them; posts that used them are redacted and said again without."""

    room_id: RoomID
    event_ids: tuple[EventID, ...]
    by: UserID | None = None
    """Who took them back, to be told in private what was done where an answer had used them."""


@dataclass(frozen=True, slots=True)
class TakeBackWords(Effect):
    """Remove everything made from what a message said before its author edited it; posts are said again from the new.

    Where `by` did not write it, nothing happens: an edit by somebody else is none (spec "Event replacements").
    """

    room_id: RoomID
    event_id: EventID
    by: UserID


@dataclass(frozen=True, slots=True)
class TakeBackTalk(Effect):
    """Remove what was made from talk that is off the record from now on: of one thread, or of a room since an instant.

    Of a thread everything goes, also what was said to the AI in it, with the answers that stand in it; of a room only
    what rests on talk written at `since` (ms) or later, which is more than nothing where the word came late.
    """

    room_id: RoomID
    since: int
    thread: EventID | None = None


@dataclass(frozen=True, slots=True)
class TakeBackPerson(Effect):
    """Remove what was made from a person's words, in one room, or everywhere (room None).

    `held` also removes what they asked to keep (forget me); without it only what rests on their talk (out).
    """

    user_id: UserID
    room_id: RoomID | None
    held: bool
    silent: bool = False
    """Posts that rest on their words stand: taking them back would tell the room that someone is kept out."""
    answers: EventID | None = None
    """What is said in answer to this event waits until everything is deleted: it says so."""


@dataclass(frozen=True, slots=True)
class StopWork(Effect):
    """Drop the questions of a person that are still being answered in a room; of everyone where `user_id` is None."""

    room_id: RoomID
    user_id: UserID | None


@dataclass(frozen=True, slots=True)
class TrimKept(Effect):
    """Delete a room's kept messages written before an instant (ms); the rest stays no longer than `days`, where
    given.
    """

    room_id: RoomID
    before: int
    days: int | None


@dataclass(frozen=True, slots=True)
class Depart(Effect):
    """The AI is no longer in a room: what waits for it is dropped, its wakes end, its kept messages are deleted."""

    room_id: RoomID


@dataclass(frozen=True, slots=True)
class CountAnswer(Effect):
    """Charge an answer to whoever asked for it (PRODUCT.md B9)."""

    room_id: RoomID
    user_id: UserID


@dataclass(frozen=True, slots=True)
class NoteTold(Effect):
    """Note that a person heard that today's budget for answers, or `of_model` for the model, is used up."""

    room_id: RoomID
    user_id: UserID
    of_model: bool = False


@dataclass(frozen=True, slots=True)
class Hush(Effect):
    """A room goes on in another one, or shuts us out: nothing more is said here, what is being answered is dropped.

    Its wakes wait.
    """

    room_id: RoomID


@dataclass(frozen=True, slots=True)
class LetGo(Effect):
    """What was held back in a room may come now: it does not go on elsewhere after all, or lets us in again."""

    room_id: RoomID


@dataclass(frozen=True, slots=True)
class Follow(Effect):
    """A policy stands in a room: if it replaces another one that we know, what is held for that one goes along, once.

    Both rooms must say so (`facts.upgrades`); else nothing happens.
    """

    room_id: RoomID


SPINE = "spine"
"""The wakes of the program itself: rooms to enter, posts to make again."""


def enter(room_id: RoomID, now: datetime) -> WakeAt:
    """Return the wake that reads a room's state and then lets the features begin there."""
    return WakeAt(SPINE, f"enter:{room_id}", room_id, now)
