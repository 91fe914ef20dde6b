"""The permitted text: the one form in which message text exists after the decision.

`permit` is its one constructor and asks for the decision that allowed it.
The value shows no words when printed, logged or formatted, and cannot be pickled or copied into a row by accident:
whoever wants the words writes `.text`, which a reader (and a grep) can find.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn, final

from circles.core.ids import EventID, RoomID, Source, UserID
from circles_policies.decision import Decision

_KEY: Final = object()


@final
class Permitted:
    """One message that the policy allowed to be looked at.

    Attributes:
        event_id, room_id, sender: where it stands and who wrote it.
        at: when, in milliseconds since the epoch.
        text: its words as a person reads them, without reply fallback, HTML or quoted others.
        thread: the root of the thread it is in, or None.
        reply_to: the event it answers, or None.
        addressed: whether it was said to the AI, for the decisions still to come about it.
    """

    __slots__ = ("addressed", "at", "event_id", "reply_to", "room_id", "sender", "text", "thread")

    def __init__(
        self,
        key: object,
        event_id: EventID,
        room_id: RoomID,
        sender: UserID,
        at: int,
        text: str,
        thread: EventID | None,
        reply_to: EventID | None,
        addressed: bool,
    ) -> None:
        if key is not _KEY:
            raise TypeError("Permitted text is made by permit(), from a decision that allows it.")
        self.event_id: Final = event_id
        self.room_id: Final = room_id
        self.sender: Final = sender
        self.at: Final = at
        self.text: Final = text
        self.thread: Final = thread
        self.reply_to: Final = reply_to
        self.addressed: Final = addressed

    @property
    def source(self) -> Source:
        """This message as something an answer rests on: ids only."""
        return Source(self.event_id, self.sender, self.at, self.thread, self.addressed)

    def part(self, text: str) -> Permitted:
        """Return the same message with `text`: a piece of it, its words folded (an argument, a quote), or its words
        with names and secrets hidden.
        """
        return Permitted(
            _KEY, self.event_id, self.room_id, self.sender, self.at, text, self.thread, self.reply_to, self.addressed
        )

    def __repr__(self) -> str:
        return f"<Permitted {self.event_id}>"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("Permitted text stays in memory.")


def permit(
    decision: Decision,
    *,
    event_id: EventID,
    room_id: RoomID,
    sender: UserID,
    at: int,
    text: str,
    thread: EventID | None = None,
    reply_to: EventID | None = None,
    addressed: bool = False,
) -> Permitted:
    """Make permitted text from a decision that allowed this event to be read or to trigger.

    Raises:
        PermissionError: the decision denies. Nothing about the message is in the error.
    """
    if not decision:
        raise PermissionError("The decision denies this message.")
    return Permitted(_KEY, event_id, room_id, sender, at, text, thread, reply_to, addressed)


@dataclass(frozen=True, slots=True)
class Talk:
    """What of a window may be looked at, oldest first.

    `withheld` says only that something was kept out, never how much or whose (PRODUCT.md, "Denials").
    `few`: the window held under four messages of others than the asker, counted before anything was withheld. A
    summary of so few would show
    by its
    gaps who opted out, so it is refused in the same words whether or not anything was withheld.
    """

    messages: tuple[Permitted, ...] = ()
    withheld: bool = False
    few: bool = False

    def among_people(self) -> Talk:
        """Return the talk without what was said to the AI; where all of it was, the whole."""
        between = tuple(message for message in self.messages if not message.addressed)
        return Talk(between, self.withheld, self.few) if between else self
