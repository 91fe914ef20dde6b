"""What reaches a feature: a call (someone asked), a tap (someone pressed), a fire (it is time). Frozen, pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from circles.core.effects import Attachment, Effect, Post, Private, Words
from circles.core.ids import EffectID, EventID, RoomID, Source, UserID
from circles.core.language import Language
from circles.core.permitted import Permitted
from circles_policies.model import Policy


@dataclass(frozen=True, slots=True)
class Room:
    """What a feature may know of a room without asking.

    `policy` is the one in force now, None while nobody has decided.
    """

    room_id: RoomID
    direct: bool
    policy: Policy | None
    language: Language
    zone: str | None
    via: tuple[str, ...]
    generation: int
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Someone asked the AI for something.

    Attributes:
        room: the circle it is about.
        place: where it was said, which for a direct message is another room.
        asker, event_id, at: by whom, with which event, when (aware UTC).
        command: the command's name.
        argument: the words after it, permitted; its text may be ''.
        whole: all the words, without the address.
        language: of the words, else of the person, else of the room.
        zone: the asker's time zone if known, else the room's, else None.
        thread: the root of the thread it was said in.
        reply_to: the event it answers.
        decides: whether the asker holds the power to set the policy here.
        readable: whether the asker's words may be shown to a model.
        private: whether the answer is for the asker alone.
        late: whether it reached us over ten minutes after it was written.
    """

    room: Room
    place: RoomID
    asker: UserID
    event_id: EventID
    at: datetime
    command: str
    argument: Permitted
    whole: Permitted
    language: Language
    zone: str | None
    thread: EventID | None = None
    reply_to: EventID | None = None
    decides: bool = False
    readable: bool = True
    private: bool = False
    late: bool = False

    def answer(
        self,
        words: Words,
        *,
        feature: str,
        kind: str = "answer",
        ping: bool = False,
        sources: tuple[Source, ...] = (),
        remake: Mapping[str, Any] | None = None,
        buttons: tuple[str, ...] = (),
        subject: str = "",
        mark: Mapping[str, Any] | None = None,
        attachment: Attachment | None = None,
        id: EffectID | None = None,  # the field's own name on Post
    ) -> Effect:
        """Return the effect that answers where the question stands, or privately where that was asked for."""
        post = Post(
            room_id=self.place,
            words=words,
            kind=kind,
            feature=feature,
            ping=(self.asker,) if ping else (),
            reply_to=self.event_id,
            thread=self.thread,
            subject=subject,
            sources=sources,
            answers=self.event_id,
            remake=remake,
            buttons=buttons,
            mark=mark or {},
            attachment=attachment,
            id=id,
            about=self.room.room_id,
            language=self.language,
        )
        if self.private and self.place == self.room.room_id and not self.room.direct:
            return Private(self.asker, replace(post, reply_to=None, thread=None))
        return post

    def in_private(self, words: Words, *, feature: str) -> Effect:
        """Return the effect that answers the asker alone: what concerns them is nobody else's business."""
        if (self.private and self.place != self.room.room_id) or self.room.direct:
            return self.answer(words, feature=feature)
        return Private(self.asker, Post(self.room.room_id, words, kind="private", feature=feature))


@dataclass(frozen=True, slots=True)
class Said:
    """A post of the AI's, as a tap or a reply finds it again."""

    effect_id: EffectID
    event_id: EventID
    kind: str
    feature: str
    subject: str
    room_id: RoomID
    about: RoomID
    asker: UserID | None
    answers: EventID | None
    thread: EventID | None
    remake: Mapping[str, Any] | None
    language: Language
    state: str


@dataclass(frozen=True, slots=True)
class Tap:
    """Someone put a reaction on a post of the AI's. Who may press is checked now, not when the button was shown."""

    room: Room
    asker: UserID
    event_id: EventID
    at: datetime
    key: str
    said: Said
    language: Language
    decides: bool


@dataclass(frozen=True, slots=True)
class Fire:
    """It is time for a wake. `due` is when it should have been."""

    room: Room
    key: str
    payload: Mapping[str, Any]
    due: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Remake:
    """A post lost a source and is to be said again without it, if there is still something to say.

    `asked` is the question's words fetched anew and permitted anew, None where they are gone too.
    """

    room: Room
    said: Said
    asked: Permitted | None
    now: datetime
