"""One question to the policy: who wants to do what with which message, and what the scopes say about it.

Named tuples, for these are made for every event: a frozen dataclass takes three times as long to make (measured).
"""

from __future__ import annotations

from typing import NamedTuple

from circles_policies.model import NO_CEILING, NO_CHOICE, Actor, Ceiling, Keep, Mark, Member, Policy, Reach, Right
from circles_policies.retention import NO_RETENTION, Retention


class Request(NamedTuple):
    """What is wanted. Instants are ms since the epoch; a field the right does not ask about keeps its default.

    Attributes:
        right: which of the five rights.
        at: when the message was written, the earlier of its origin time and its receipt.
        now: when this is asked.
        addressed: whether the message speaks to the AI (mention, reply to it, its thread, a direct message, a command).
        called: whether someone called the AI and this is a look back for their answer (else: as it arrives).
        position: how many messages lie between this one and the call, for policies that look back so many messages.
        keep: for STORE, the class of what is to stay.
        reach: for SEND, how far the text would go.
        model: for SEND, the name of the model it would go to; None for the one that serves where a room chose none.
        actor: for ACT, what the asker is here.
        automatic: whether the sender is a machine (the AI itself, another bot's notice, a bridge's relay user).
    """

    right: Right
    at: int
    now: int
    addressed: bool = False
    called: bool = False
    position: int = 0
    keep: Keep = Keep.MESSAGES
    reach: Reach = Reach.NONE
    actor: Actor = Actor.MEMBERS
    model: str | None = None
    automatic: bool = False


class Scopes(NamedTuple):
    """What the scopes say, by name. An absent scope counts as its default here.

    `room` holds EVERY distinct policy in force from the message until now (`minimum.RunningMinimum`); each must allow.
    Empty means that none was in force at the message: deny.  `retention` is what the room's `m.room.retention` says for
    the message (`retention.retention_at`).
    """

    room: tuple[Policy, ...] = ()
    member: Member = NO_CHOICE
    mark: Mark = Mark.NONE
    operator: Ceiling = NO_CEILING
    retention: Retention = NO_RETENTION
