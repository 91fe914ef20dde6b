"""What follows from a tap, a word or a change of policy. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from circles.core.effects import Effect
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.settings import Settings
from circles_policies.change import Change, compare, starts
from circles_policies.engine import DAY_MS
from circles_policies.explain import Surroundings
from circles_policies.minimum import Choice
from circles_policies.model import DEFAULT_MODEL, Keep, Policy, Preset, Reach, preset, preset_of
from circles_policies.notices import admission
from circles_policies.words import ControlWord, model_wanted

NAME: Final = "consent"

CHOICES: Final[Mapping[ControlWord, Choice]] = {
    ControlWord.OUT: Choice.OUT,
    ControlWord.NOT_AT_ALL: Choice.NOT_AT_ALL,
    ControlWord.IN: Choice.IN,
}

PRESET_WORDS: Final[Mapping[Preset, tuple[str, ...]]] = {
    Preset.RESTING: ("resting", "rest", "休息中", "休息"),
    Preset.ADDRESSED: ("addressed", "only what you say to it", "only what i say", "只看对它说的话", "只看对你说的话"),
    Preset.ON_CALL: ("on call", "on_call", "looks back when called", "叫它才翻看", "叫才看", "叫你才看"),
    Preset.AGREED: ("agreed", "yes only", "only people who said yes", "谁同意，看谁的", "谁同意看谁的", "同意才看"),
    Preset.NOTEBOOK: ("notebook", "group notebook", "群笔记", "笔记"),
}


@dataclass(frozen=True, slots=True)
class Choose(Effect):
    """Fold a choice of, or about, a person into what is in force for them."""

    room_id: RoomID
    user_id: UserID
    choice: Choice
    at: int
    because: EventID


@dataclass(frozen=True, slots=True)
class SaveBanner(Effect):
    """Note which post is a room's banner."""

    room_id: RoomID
    effect_id: EffectID
    pinned: bool


@dataclass(frozen=True, slots=True)
class Welcome(Effect):
    """Note whom a notice names."""

    effect_id: EffectID
    users: tuple[UserID, ...]


@dataclass(frozen=True, slots=True)
class StartPolicy(Effect):
    """Put a waiting policy in force."""

    policy_id: int
    at: int


@dataclass(frozen=True, slots=True)
class WithdrawPolicy(Effect):
    """Take a waiting policy back."""

    policy_id: int


@dataclass(frozen=True, slots=True)
class SetLanguage(Effect):
    """Note which language a room speaks."""

    room_id: RoomID
    language: str


@dataclass(frozen=True, slots=True)
class Trim:
    """What a tighter keeping deletes: messages written before an instant (ms), and how long the rest may stay."""

    before: int
    days: int | None


def trim(old: Policy | None, new: Policy, now: int) -> Trim | None:
    """Return what is kept under `old` and no longer may be under `new`; None where nothing is."""
    if old is None or old.store.keep < Keep.MESSAGES:
        return None
    if new.store.keep < Keep.MESSAGES:
        return Trim(now, None)
    days = new.store.days
    if days is None or (old.store.days is not None and old.store.days <= days):
        return None
    return Trim(now - days * DAY_MS, days)


def tightening_id(policy_id: int, at: int) -> EffectID:
    """Return the id of the notice that counts what a tighter policy deletes."""
    return EffectID(f"tightening-{policy_id}-{at}")


@dataclass(frozen=True, slots=True)
class Plan:
    """When a policy that was asked for starts, and what it is to the one before."""

    change: Change
    starts_at: int

    @property
    def at_once(self) -> bool:
        """Whether it is in force from the asking on."""
        return self.change is not Change.LOOSER


def plan(
    last: Policy | None,
    new: Policy,
    *,
    now: int,
    asker: UserID,
    people: Collection[UserID],
    approvals: Mapping[str, int],
    loosening_hours: float,
) -> Plan:
    """Return when a policy starts (ms): the first and the tighter now, the looser after its day or when all agreed.

    Args:
        last: the last valid policy, also where it was emptied since.
        people: the joined members without the AI.
        approvals: when each person tapped 👍.
        loosening_hours: the operator's day of notice.
    """
    change = compare(last, new)
    at = starts(change, now, asker=asker, people=people, approvals=approvals)
    if change is Change.LOOSER and at <= now:
        return Plan(Change.TIGHTER, now)  # Everyone agreed, or there is nobody else: nothing to wait for.
    if at == now + DAY_MS:
        at = now + int(loosening_hours * 3_600_000)
    return Plan(change, at)


def surroundings(settings: Settings, policy: Policy | None = None, **told: Any) -> Surroundings:
    """Return the facts around a policy here; `told` are those that only the room knows (names, encryption, since
    when).
    """
    name = policy.model if policy is not None else None
    place = settings.place(name)
    return Surroundings(
        host=place.host if place is not None else None,
        remote=place is not None and place.reach is Reach.LISTED,
        country=place.country if place is not None else None,
        model=place.model if place is not None else None,
        chosen=name,
        missing=settings.is_missing(policy),
        names_hidden=place is not None and place.names_hidden,
        gated=settings.gated,
        operator=settings.operator or None,
        **told,
    )


OFFER: Final = (Preset.ADDRESSED, Preset.ON_CALL, Preset.AGREED, Preset.NOTEBOOK, Preset.RESTING)
OFFER_KEYS: Final = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣")


BEFORE_KEY: Final = "🔁"
"""The reaction that chooses what held in the room that was upgraded to this one."""


def offered(settings: Settings, kind: str, model: str | None = None) -> tuple[tuple[str, Policy], ...]:
    """Return which reaction stands for which policy: on an admission notice, or on a later offer of all of them, which
    leaves the room's model as it is.
    """
    if kind == "admission":
        return admission(surroundings(settings), "en").options
    policies = (preset(key, _reach(settings, model), model) for key in OFFER)
    return tuple(zip(OFFER_KEYS, policies, strict=True))


def chosen(text: str, settings: Settings, current: Policy | None) -> Policy | None:
    """Return the policy a person named; None where the words name none, or a model that the operator does not have.

    What they do not name stays: the model where they name a preset alone, the rest where they name a model alone.
    """
    named, wanted = model_wanted(text)
    model = current.model if current is not None else None
    if wanted is not None:
        model = None if wanted == DEFAULT_MODEL else wanted
        if settings.place(model) is None:
            return None
    said = named.strip(" \t:：。.!！“”\"'").casefold()
    reach = _reach(settings, model)
    if not said and wanted is not None and current is not None:
        send = Reach.NONE if preset_of(current) is Preset.RESTING else reach
        return current.model_copy(update={"model": model, "send": send})
    for key, forms in PRESET_WORDS.items():
        if said in forms:
            return preset(key, reach, model)
    return None


def _reach(settings: Settings, model: str | None) -> Reach:
    place = settings.place(model)
    return place.reach if place is not None else Reach.NONE


def admission_id(room_id: RoomID, invited_at: int | None) -> EffectID:
    """Return the id of a room's admission notice, the same on every attempt after one invite."""
    return EffectID(f"admission-{room_id.removeprefix('!')}-{invited_at or 0}".replace(":", "_"))


def loosening_id(policy_id: int, asked_at: int) -> EffectID:
    """Return the id of the notice that announces a looser policy."""
    return EffectID(f"loosening-{policy_id}-{asked_at}")


def welcome_id(due: int, users: Collection[UserID]) -> EffectID:
    """Return the id of a notice that names newcomers, the same when it is made again after a crash."""
    named = hashlib.sha256(" ".join(sorted(users)).encode()).hexdigest()[:16]
    return EffectID(f"welcome-{due}-{named}")


def policy_subject(policy_id: int) -> str:
    """Return the key under which approvals of a waiting policy are noted."""
    return f"policy:{policy_id}"


def vote_subject(effect_id: EffectID) -> str:
    """Return the key under which the votes of one vote are noted."""
    return f"vote:{effect_id}"
