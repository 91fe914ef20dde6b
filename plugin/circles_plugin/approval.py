"""What counts as a person's approval of a policy, read from events as the homeserver keeps them. Pure.

Total on garbage: what does not read as an approval is none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from circles_policies import (
    DEFAULT_MODEL,
    ControlWord,
    Lang,
    Malformed,
    Policy,
    Preset,
    Reach,
    is_within,
    model_wanted,
    parse_control,
    preset,
    preset_name,
    preset_of,
    read_content,
    read_proposal,
    room_names,
    without_reply_fallback,
)
from circles_policies.events import mapping, text

AGREE_KEY: Final = "👍"
"""How members agree that a looser policy starts sooner. The notice they tap carries it as an option of its proposal."""

START_TYPE: Final = "io.github.matrix_circles.start"
"""Sent by the AI when an approved policy is due: the homeserver then looks again and publishes it."""

_LANGUAGES: Final[tuple[Lang, ...]] = ("en", "zh")
_VARIATION: Final = "\ufe0f"
_SHORT: Final[Mapping[Preset, tuple[str, ...]]] = {
    Preset.RESTING: ("rest", "休息"),
    Preset.ADDRESSED: ("only what I say", "只看对你说的话"),
    Preset.ON_CALL: ("叫才看", "叫你才看"),
    Preset.AGREED: ("yes only", "同意才看"),
    Preset.NOTEBOOK: ("notebook", "笔记"),
}
"""What people also call a preset in a command."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One accepted event as the homeserver keeps it. Its content is what was sent, also after a redaction.

    Attributes:
        order: its place in the order in which this homeserver took events in.
        at: the later of origin time and receipt, in ms: a remote clock cannot shorten a wait.
    """

    event_id: str
    room_id: str
    event_type: str
    is_state: bool
    sender: str
    content: Mapping[str, object]
    order: int
    at: int
    redacted: bool


@dataclass(frozen=True, slots=True)
class Tap:
    """A reaction: on which event, with which key."""

    event_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Start:
    """What the AI asks to have published now: the option of a proposal, and the event that approved it."""

    proposal: str
    key: str
    approval: str


@dataclass(frozen=True, slots=True)
class Named:
    """What the AI asks to have published now: a policy, and the person's command that names it."""

    policy: Policy
    approval: str


def read_tap(event_type: str, content: Mapping[str, object]) -> Tap | None:
    """Return what a reaction taps, None for anything else."""
    relation = mapping(content.get("m.relates_to"))
    event_id, key = text(relation.get("event_id")), text(relation.get("key"))
    if event_type != "m.reaction" or relation.get("rel_type") != "m.annotation" or event_id is None or key is None:
        return None
    return Tap(event_id, key)


def read_start(content: Mapping[str, object]) -> Start | Named | None:
    """Return what a start event asks for, None if it does not say all of it."""
    proposal, key, approval = (text(content.get(name)) for name in ("proposal", "key", "approval"))
    if approval is None:
        return None
    if "policy" in content:
        policy = read_content(content["policy"])
        return None if isinstance(policy, Malformed) else Named(policy, approval)
    return None if proposal is None or key is None else Start(proposal, key, approval)


def proposed(proposal: Stored | None, key: str, *, ai: str, room_id: str) -> Policy | None:
    """Return the policy that a key of a proposal stands for: the AI's own, in this room, not redacted."""
    if proposal is None or proposal.redacted or proposal.is_state:
        return None
    if proposal.sender != ai or proposal.room_id != room_id:
        return None
    options = read_proposal(proposal.content)
    if isinstance(options, Malformed):
        return None
    return next((policy for name, policy in options.items() if same_key(name, key)), None)


def same_key(one: str, other: str) -> bool:
    """Say whether two reaction keys are one to the eye: clients differ in variation selectors."""
    return one.replace(_VARIATION, "") == other.replace(_VARIATION, "")


def commands(
    approval: Stored, key: str | None, policy: Policy, standing: Policy | None, *, by_number: bool = True
) -> bool:
    """Say whether a message is a command for this policy: "!circle policy notebook", "enable 2", "off".

    What it does not name stays: the model where it names a policy alone, the policy where it names a model alone.

    Args:
        approval: the person's message.
        key: which option of a proposal it should name; None where only the policy is known.
        policy: what it should stand for.
        standing: the last valid policy of the room, None where it had none.
        by_number: whether a number counts where the proposal that gives it a meaning is not known.
    """
    if approval.event_type != "m.room.message" or approval.is_state or _is_edit(approval.content):
        return False
    body = without_reply_fallback(text(approval.content.get("body")) or "")
    found = parse_control(body, room_names(), addressed=True)
    if found is None:
        return False
    word, argument = found
    if word is ControlWord.OFF:
        return is_within(policy, preset(Preset.RESTING))
    if word not in (ControlWord.ENABLE, ControlWord.POLICY):
        return False
    called, model = model_wanted(argument)
    if model is None and key is None and policy.model != (standing.model if standing is not None else None):
        return False
    if model is not None and policy.model != (None if model == DEFAULT_MODEL else model):
        return False
    named = _folded(called)
    if model is not None and not named:
        return standing is not None and _without_model(policy) == _without_model(standing)
    if named in _names(policy):
        return True
    if key is not None:
        # 2️⃣ is a 2 with two signs that make it a picture.
        return bool(named) and named in {_folded(key), _folded(key).rstrip("\u20e3")}
    # Without the proposal a number cannot be checked, but the name of another policy is not this one's.
    return by_number and named.isdigit()


def _without_model(policy: Policy) -> Policy:
    return policy.model_copy(update={"preset": None, "send": Reach.NONE, "model": None})


def _is_edit(content: Mapping[str, object]) -> bool:
    return mapping(content.get("m.relates_to")).get("rel_type") == "m.replace"


def _names(policy: Policy) -> set[str]:
    key = preset_of(policy)
    if key is None:
        return set()
    return {_folded(name) for name in (key.value, *(preset_name(key, lang) for lang in _LANGUAGES), *_SHORT[key])}


def _folded(said: str) -> str:
    plain = unicodedata.normalize("NFKC", said.replace(_VARIATION, "")).casefold()
    return " ".join(plain.replace("_", " ").replace(",", "").split())
