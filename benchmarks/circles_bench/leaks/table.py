"""The table: what is said, by whom, when, under which rules, and where it is looked for."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple


class Kind(StrEnum):
    """In what a word stands."""

    TEXT = "text"
    EDIT = "edit"
    """The new words of a message that was edited."""
    QUOTED = "quoted"
    """A message that somebody who said yes then quotes in a reply, as older clients do."""
    THREAD = "thread"
    CAPTION = "caption"
    FILE_NAME = "file_name"
    POLL = "poll"
    DISPLAY_NAME = "display_name"
    TOPIC = "topic"
    STICKER = "sticker"


class Standing(StrEnum):
    """Who says it. All but the newcomer were there when the AI was admitted, and were told."""

    CONSENTING = "consenting"
    OUT = "out"
    NOT_AT_ALL = "not_at_all"
    KEPT_OUT = "kept_out"
    NEWCOMER = "newcomer"
    """Came later, and no notice has named them yet."""
    REMOTE = "remote"
    """Lives on another homeserver, was told, and chose nothing."""
    GHOST = "ghost"
    """A bridge's user, told like everybody, and never asked."""


class Moment(StrEnum):
    """When it is said. In this order, in every room."""

    BEFORE = "before_admission"
    IN_FORCE = "in_force"
    CHOSEN = "after_choosing"
    """Nothing is said in it: whoever chooses late takes back what was looked at, kept and quoted until then."""
    DOWN = "while_down"
    TIGHTENED = "after_tightening"
    LOOSENED = "loosened_later"


SPEAKING: Final = tuple(moment for moment in Moment if moment is not Moment.CHOSEN)
"""When words are said."""


class Place(StrEnum):
    """Where it is looked for."""

    MODEL = "model"
    """Every request to the model."""
    DISK = "disk"
    """Every file of the service: database, write-ahead log, whatever else."""
    LOG = "log"
    METRICS = "metrics"
    ROOM = "room"
    """All that the AI said in the circles, each edit too, as a member's client can fetch it."""
    PRIVATE = "private"
    """The same of what it said to somebody alone."""
    MEDIA = "media"
    """Every file that the AI handed over, as whoever has the link can fetch it: an export, receipts."""
    SOCKET = "socket"
    """What came to the service through the gate, delivered or fetched."""


class Rules(StrEnum):
    """What a room agreed on first."""

    RESTING = "resting"
    ADDRESSED = "addressed"
    ON_CALL = "on_call"
    AGREED = "agreed"
    NOTEBOOK = "notebook"
    WATCHFUL = "custom_reads_always_keeps_nothing"
    YES_BOOK = "custom_keeps_who_said_yes"
    LAST_FIVE = "custom_five_messages_back"


def _written(who: str, when: str, keep: str, **more: Any) -> dict[str, Any]:
    bounds = {key: more[key] for key in ("hours", "messages") if key in more}
    store = {"keep": keep} | ({"days": more["days"]} if "days" in more else {})
    talks = who != "nobody"
    read = {"who": who, "when": when} | bounds
    send = "local" if talks else "none"
    return {"schema": 1, "trigger": talks, "read": read, "store": store, "send": send, "act": "nobody"}


POLICIES: Final[dict[Rules, dict[str, Any]]] = {
    Rules.RESTING: _written("nobody", "called", "nothing"),
    Rules.ADDRESSED: _written("addressed", "called", "asked", hours=24),
    Rules.ON_CALL: _written("everyone", "called", "asked", hours=24),
    Rules.AGREED: _written("consenting", "called", "asked", hours=24),
    Rules.NOTEBOOK: _written("everyone", "always", "messages", hours=720, days=30),
    Rules.WATCHFUL: _written("everyone", "always", "nothing", hours=24),
    Rules.YES_BOOK: _written("consenting", "always", "messages", hours=168, days=7),
    Rules.LAST_FIVE: _written("everyone", "called", "asked", messages=5),
}
"""What stands in the room's state, as a person writes it by hand (docs/reference/policy)."""

TIGHTER: Final = {
    Rules.RESTING: Rules.RESTING,
    Rules.ADDRESSED: Rules.RESTING,
    Rules.ON_CALL: Rules.ADDRESSED,
    Rules.AGREED: Rules.RESTING,
    Rules.NOTEBOOK: Rules.ON_CALL,
    Rules.WATCHFUL: Rules.RESTING,
    Rules.YES_BOOK: Rules.AGREED,
    Rules.LAST_FIVE: Rules.RESTING,
}
"""To what each room tightens later."""
LOOSER: Final = Rules.NOTEBOOK
"""To what every room loosens in the end."""


class Cell(NamedTuple):
    """One word's place in the table."""

    rules: Rules
    kind: Kind
    standing: Standing
    moment: Moment
    gated: bool
    encrypted: bool = False


def course(rules: Rules) -> dict[Moment, Rules | None]:
    """Return what is in force at each moment in a room that began with these rules."""
    return {
        Moment.BEFORE: None,
        Moment.IN_FORCE: rules,
        Moment.CHOSEN: rules,
        Moment.DOWN: rules,
        Moment.TIGHTENED: TIGHTER[rules],
        Moment.LOOSENED: LOOSER,
    }


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cells are played: every moment, and of each room the pairs of person and kind that were chosen."""

    rooms: dict[Rules, tuple[tuple[Standing, Kind], ...]]
    gated: bool
    encrypted: bool = False

    @property
    def cells(self) -> int:
        """How many words are said."""
        return sum(map(len, self.rooms.values())) * len(SPEAKING)


ENCRYPTED_RULES: Final = (Rules.ON_CALL, Rules.AGREED, Rules.NOTEBOOK)
ENCRYPTED_STANDINGS: Final = (
    Standing.CONSENTING,
    Standing.OUT,
    Standing.NOT_AT_ALL,
    Standing.KEPT_OUT,
    Standing.NEWCOMER,
)
ENCRYPTED_KINDS: Final = (Kind.TEXT, Kind.EDIT, Kind.QUOTED, Kind.THREAD, Kind.CAPTION, Kind.POLL)


def encrypted(*, gated: bool) -> Selection:
    """Return the row of encrypted rooms: a part that is the same in each run, for every client is Element's own crypto.

    Each person says three of the kinds in each room, and each kind is said by several.
    """
    rooms = {
        rules: tuple(
            (standing, ENCRYPTED_KINDS[(number + row + 2 * turn) % len(ENCRYPTED_KINDS)])
            for row, standing in enumerate(ENCRYPTED_STANDINGS)
            for turn in range(3)
        )
        for number, rules in enumerate(ENCRYPTED_RULES)
    }
    return Selection(rooms, gated, encrypted=True)


def whole(rules: Iterable[Rules], standings: Iterable[Standing], *, gated: bool) -> Selection:
    """Return all of the table that has these rules and people."""
    pairs = tuple(itertools.product(standings, Kind))
    return Selection(dict.fromkeys(rules, pairs), gated)


def sampled(rules: Sequence[Rules], standings: Sequence[Standing], *, gated: bool, seed: int) -> Selection:
    """Return a part of the table in which every two values of different columns still meet.

    In each room every person says something and every kind is said; over all rooms each person says each kind.
    """
    dice = random.Random(seed)
    kinds = list(Kind)
    dice.shuffle(kinds)
    rounds = -(-len(kinds) // len(rules))
    rooms: dict[Rules, tuple[tuple[Standing, Kind], ...]] = {}
    for number, each in enumerate(rules):
        # Each person goes once through all kinds, room by room, and begins one kind further than the one before.
        chosen = {
            (standing, kinds[(number + row + turn * len(rules)) % len(kinds)])
            for row, standing in enumerate(standings)
            for turn in range(rounds)
        }
        said = {kind for _, kind in chosen}
        chosen |= {(dice.choice(standings), kind) for kind in kinds if kind not in said}
        rooms[each] = tuple(sorted(chosen))
    return Selection(rooms, gated)
