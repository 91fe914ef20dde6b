"""The policy of a room, the choice of a member, the mark on a message: frozen values, no behaviour.

A value here is what people agreed on.  `engine.decide` says what follows from it, `explain` says it in words,
`content` turns it into a state event and back.  Pure: no I/O, no clock, no logging.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, model_validator

SCHEMA_VERSION: Final = 1
"""The newest content schema this code understands; a newer one reads as deny."""


MODEL_NAME: Final = r"^[a-z0-9][a-z0-9_-]{0,31}$"
"""How the operator's models are called. People type it, and state events carry it: it can hold no sentence."""
DEFAULT_MODEL: Final = "default"
"""What people type for the model that serves where a room chose none; no other may be called so."""


class Right(StrEnum):
    """What may be asked for. The rights are never merged into one (PRODUCT.md, "The rights")."""

    TRIGGER = "trigger"
    READ = "read"
    STORE = "store"
    SEND = "send"
    ACT = "act"


class Who(StrEnum):
    """Whose messages may be looked at. Not a chain: see `engine` for the set each one stands for."""

    NOBODY = "nobody"
    ADDRESSED = "addressed"
    CONSENTING = "consenting"
    EVERYONE = "everyone"


class When(StrEnum):
    """When a message may be looked at: looking back after a call, or as it arrives too."""

    CALLED = "called"
    ALWAYS = "always"


class Keep(IntEnum):
    """What may stay, from least to most. A message that may stay for a time has `Store.days`."""

    NOTHING = 0
    ASKED = 1
    """What someone asked to keep, and what people confirmed."""
    DERIVED = 2
    MESSAGES = 3
    """Messages for `Store.days` days."""
    UNTIL_DELETED = 4


class Reach(IntEnum):
    """Where text may be sent to become an answer."""

    NONE = 0
    LOCAL = 1
    LISTED = 2
    """Any model on the operator's list, on other people's machines too."""


class Actor(IntEnum):
    """For whom a tool with effects outside the room may run. Every run asks for approval besides (F2)."""

    NOBODY = 0
    ADMINS = 1
    MEMBERS = 2


class _Frozen(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """Values only. `frozen` is said again in each class, for type checkers to know that it can be hashed."""


class Read(_Frozen, frozen=True):
    """Who × when × how far back. `hours` and `messages` bound a look back; None means no bound of that kind."""

    who: Who = Who.NOBODY
    when: When = When.CALLED
    hours: Annotated[int, Field(ge=1, le=24 * 366)] | None = None
    messages: Annotated[int, Field(ge=1, le=10_000)] | None = None


class Store(_Frozen, frozen=True):
    """What may stay, and for how many days: messages always say, derived things may, the rest has no end."""

    keep: Keep = Keep.NOTHING
    days: Annotated[int, Field(ge=1, le=3_660)] | None = None

    @model_validator(mode="after")
    def _days_belong_to_a_class(self) -> Self:
        if self.keep is Keep.MESSAGES and self.days is None:
            raise ValueError("messages stay for a number of days: set days")
        if self.days is not None and self.keep not in (Keep.MESSAGES, Keep.DERIVED):
            raise ValueError("only messages and derived things stay for a number of days: leave days out")
        return self


class Policy(_Frozen, frozen=True):
    """What one room agreed on. The default denies everything but control events."""

    preset: str | None = None
    """The preset's key when the values are a preset's own, else None."""
    trigger: bool = False
    """Whether an event addressed to the AI may make it act."""
    read: Read = Read()
    store: Store = Store()
    send: Reach = Reach.NONE
    model: Annotated[str, Field(pattern=MODEL_NAME)] | None = None
    """Which of the operator's models by name; None for the one that serves where a room chose none."""
    act: Actor = Actor.NOBODY


class Level(StrEnum):
    """What a person chose for themselves, or an admin for someone who cannot (PRODUCT.md G4, G18)."""

    NONE = "none"
    """Said nothing yet."""
    IN = "in"
    OUT = "out"
    """My talk is not looked at; what I say to the AI counts."""
    NOT_AT_ALL = "not_at_all"
    """Nothing of mine is looked at or acted on, control words excepted."""


class Member(_Frozen, frozen=True):
    """What is in force for one person in one room, folded over time.

    `since` and `consented_since` are instants in milliseconds since the epoch (origin or receipt, whichever is
    earlier). A message counts only if it is not older than them: the running minimum over a person's own choices.
    """

    level: Level = Level.NONE
    kept_out: bool = False
    """An admin keeps this person out; the person themself may only tighten further."""
    since: int | None = 0
    """From when on nothing this person said or was told stands against reading. None: not yet (a newcomer, G17)."""
    addressed_since: int = 0
    """The same for what they say to the AI, which only *not at all* ever closed."""
    consented_since: int | None = None
    """From when on an unbroken yes stands. None: no yes."""


NO_CHOICE: Final = Member()
"""Somebody who was told and said nothing."""


class Mark(StrEnum):
    """What someone put on one message (G5, G19)."""

    NONE = "none"
    OFF_RECORD = "off_record"
    HIDDEN = "hidden"


class Ceiling(_Frozen, frozen=True):
    """What the operator allows at most, in every room. The default allows what a room can ask for."""

    read: Who = Who.EVERYONE
    keep: Keep = Keep.UNTIL_DELETED
    days: Annotated[int, Field(ge=1)] | None = None
    send: Reach = Reach.LISTED
    act: Actor = Actor.MEMBERS


NO_CEILING: Final = Ceiling()
"""An operator who forbids nothing a room can ask for."""


class Preset(StrEnum):
    """The five offered policies; their words are in `explain`."""

    RESTING = "resting"
    ADDRESSED = "addressed"
    ON_CALL = "on_call"
    AGREED = "agreed"
    NOTEBOOK = "notebook"


def preset(key: Preset, reach: Reach = Reach.LOCAL, model: str | None = None) -> Policy:
    """Return the policy a preset stands for, sending text no further than `reach`, to the model of this name."""
    return _PRESETS[key].model_copy(update={"send": Reach.NONE if key is Preset.RESTING else reach, "model": model})


def preset_of(policy: Policy) -> Preset | None:
    """Return the preset whose values these are, wherever text may go; the label a policy carries is not believed."""
    for key, values in _PRESETS.items():
        if policy.model_copy(update={"preset": values.preset, "send": values.send, "model": None}) == values:
            return key
    return None


_PRESETS: Final = {
    Preset.RESTING: Policy(preset=Preset.RESTING),
    Preset.ADDRESSED: Policy(
        preset=Preset.ADDRESSED,
        trigger=True,
        read=Read(who=Who.ADDRESSED, when=When.CALLED, hours=24),
        store=Store(keep=Keep.ASKED),
    ),
    Preset.ON_CALL: Policy(
        preset=Preset.ON_CALL,
        trigger=True,
        read=Read(who=Who.EVERYONE, when=When.CALLED, hours=24),
        store=Store(keep=Keep.ASKED),
    ),
    Preset.AGREED: Policy(
        preset=Preset.AGREED,
        trigger=True,
        read=Read(who=Who.CONSENTING, when=When.CALLED, hours=24),
        store=Store(keep=Keep.ASKED),
    ),
    Preset.NOTEBOOK: Policy(
        preset=Preset.NOTEBOOK,
        trigger=True,
        read=Read(who=Who.EVERYONE, when=When.ALWAYS, hours=30 * 24),
        store=Store(keep=Keep.MESSAGES, days=30),
    ),
}

DIRECT_MESSAGE: Final = _PRESETS[Preset.ADDRESSED].model_copy(update={"send": Reach.LISTED})
"""The built-in policy of a direct message with the AI; the operator's ceiling still bounds it."""
