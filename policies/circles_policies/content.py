"""Policy <-> the content of a state event, and the proposal a notice of the AI carries. Plain JSON, integers only.

Owns every key of ours that other people's homeservers see.  Whatever it cannot read completely it does not read at
all: an unknown key may be a restriction written by a newer version.  Advice names the key and what to write, never the
value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, TypeVar, cast

from circles_policies.model import (
    MODEL_NAME,
    SCHEMA_VERSION,
    Actor,
    Keep,
    Policy,
    Reach,
    Read,
    Store,
    When,
    Who,
    preset_of,
)

POLICY_TYPE: Final = "io.github.matrix_circles.policy"
"""The type of the state event, with an empty state key."""
PROPOSAL_KEY: Final = "io.github.matrix_circles.proposal"
"""Where a notice of the AI carries the policies it proposes, in clear content also in encrypted rooms."""
MARK_KEY: Final = "io.github.matrix_circles.ai"
"""The machine-readable AI mark on every event of ours (B12)."""

_HOURS: Final = 24 * 366
_MESSAGES: Final = 10_000
_DAYS: Final = 3_660
_OPTIONS: Final = 5
_KEYS: Final = frozenset({"schema", "preset", "trigger", "read", "store", "send", "model", "act", "authorised_by"})


class Fault(StrEnum):
    """Why a content is not a policy. Each reads as deny."""

    REDACTED = "redacted"
    NEWER = "newer"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Which key is wrong and what to write instead: an English sentence that never repeats the value found."""

    path: str
    advice: str
    fault: Fault = Fault.MALFORMED


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Whose own event a copy written by the AI rests on. The copy is never the authority."""

    event_id: str
    user_id: str


def to_content(policy: Policy, *, authorised_by: Authorisation | None = None) -> dict[str, object]:
    """Return the state event content of a policy, legible to a person who opens it."""
    read: dict[str, object] = {"who": policy.read.who.value, "when": policy.read.when.value}
    if policy.read.hours is not None:
        read["hours"] = policy.read.hours
    if policy.read.messages is not None:
        read["messages"] = policy.read.messages
    store: dict[str, object] = {"keep": policy.store.keep.name.lower()}
    if policy.store.days is not None:
        store["days"] = policy.store.days
    content: dict[str, object] = {"schema": SCHEMA_VERSION}
    key = preset_of(policy)
    if key is not None:
        content["preset"] = key.value
    content |= {
        "trigger": policy.trigger,
        "read": read,
        "store": store,
        "send": policy.send.name.lower(),
        "act": policy.act.name.lower(),
    }
    if policy.model is not None:
        content["model"] = policy.model
    if authorised_by is not None:
        content["authorised_by"] = {"event_id": authorised_by.event_id, "user_id": authorised_by.user_id}
    return content


def read_content(content: object) -> Policy | Malformed:
    """Return the policy a state event content says, or which key is wrong; total on any JSON value."""
    try:
        return _policy(content)
    except _Wrong as wrong:
        return wrong.malformed


def read_authorisation(content: object) -> Authorisation | None:
    """Return whose event a copied policy rests on, None when it does not say so."""
    try:
        given = _mapping(content, "content").get("authorised_by")
        return None if given is None else _authorisation(given)
    except _Wrong:
        return None


def to_proposal(options: Mapping[str, Policy]) -> dict[str, object]:
    """Return what stands under `PROPOSAL_KEY`: for each reaction key, the content of the policy it stands for."""
    return {"schema": SCHEMA_VERSION, "options": {key: to_content(policy) for key, policy in options.items()}}


def read_proposal(content: object) -> Mapping[str, Policy] | Malformed:
    """Return the policies of a whole event content that carries a proposal, by reaction key."""
    try:
        proposal = _mapping(_mapping(content, "content").get(PROPOSAL_KEY), PROPOSAL_KEY)
        _check_schema(proposal)
        options = _options(proposal)
        return {key: _policy(value) for key, value in options.items()}
    except _Wrong as wrong:
        return wrong.malformed


class _Wrong(Exception):
    """Ends the reading at the first wrong key. It never leaves this module."""

    def __init__(self, path: str, advice: str, fault: Fault = Fault.MALFORMED) -> None:
        super().__init__(path)
        self.malformed = Malformed(path, advice, fault)


def _policy(content: object) -> Policy:
    given = _mapping(content, "content")
    if not given:
        raise _Wrong("content", "This policy was redacted or is empty; set a new one.", Fault.REDACTED)
    _check_schema(given)
    _check_keys(given, _KEYS, "")
    if "authorised_by" in given:
        _authorisation(given["authorised_by"])
    trigger = given.get("trigger")
    if not isinstance(trigger, bool):
        raise _Wrong("trigger", "Write true or false.")
    policy = Policy(
        trigger=trigger,
        read=_read(_mapping(given.get("read"), "read")),
        store=_store(_mapping(given.get("store"), "store")),
        send=_level(Reach, given.get("send"), "send"),
        model=_model(given),
        act=_level(Actor, given.get("act"), "act"),
    )
    key = preset_of(policy)
    if given.get("preset") not in (None, key):
        # A label that promises less than the values say would mislead whoever reads the event.
        raise _Wrong("preset", "Leave it out, or write all the values of that preset.")
    return policy if key is None else policy.model_copy(update={"preset": key.value})


def _options(proposal: Mapping[str, object]) -> Mapping[str, object]:
    options = _mapping(proposal.get("options"), "options")
    if not 0 < len(options) <= _OPTIONS:
        raise _Wrong("options", f"Offer between one and {_OPTIONS} policies.")
    return options


def _read(given: Mapping[str, object]) -> Read:
    _check_keys(given, frozenset({"who", "when", "hours", "messages"}), "read.")
    return Read(
        who=_word(Who, given.get("who"), "read.who"),
        when=_word(When, given.get("when"), "read.when"),
        hours=_count(given, "hours", "read.hours", _HOURS),
        messages=_count(given, "messages", "read.messages", _MESSAGES),
    )


def _store(given: Mapping[str, object]) -> Store:
    _check_keys(given, frozenset({"keep", "days"}), "store.")
    keep = _level(Keep, given.get("keep"), "store.keep")
    days = _count(given, "days", "store.days", _DAYS)
    if keep is Keep.MESSAGES and days is None:
        raise _Wrong("store.days", "Write for how many days messages stay.")
    if days is not None and keep not in (Keep.MESSAGES, Keep.DERIVED):
        raise _Wrong("store.days", 'Leave it out unless keep is "messages" or "derived".')
    return Store(keep=keep, days=days)


def _model(given: Mapping[str, object]) -> str | None:
    if "model" not in given:
        return None
    name = given["model"]
    if not isinstance(name, str) or re.fullmatch(MODEL_NAME, name) is None:
        raise _Wrong("model", "Write the name of a model of the operator's, in small letters, or leave it out.")
    return name


def _authorisation(value: object) -> Authorisation:
    given = _mapping(value, "authorised_by")
    _check_keys(given, frozenset({"event_id", "user_id"}), "authorised_by.")
    event_id, user_id = given.get("event_id"), given.get("user_id")
    if not isinstance(event_id, str) or not event_id.startswith("$"):
        raise _Wrong("authorised_by.event_id", "Write the event ID of the approval.")
    if not isinstance(user_id, str) or not user_id.startswith("@"):
        raise _Wrong("authorised_by.user_id", "Write the user ID of who approved.")
    return Authorisation(event_id, user_id)


def _check_schema(given: Mapping[str, object]) -> None:
    schema = given.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise _Wrong("schema", f"Write the number {SCHEMA_VERSION}.")
    if schema > SCHEMA_VERSION:
        raise _Wrong("schema", f"This program knows schema {SCHEMA_VERSION}; update it or write that.", Fault.NEWER)


def _check_keys(given: Mapping[str, object], known: frozenset[str], prefix: str) -> None:
    unknown = next((key for key in given if key not in known), None)
    if unknown is not None:
        # The key is somebody's text too, so it is named only as far as it can be a typing mistake.
        where = prefix + unknown if unknown.isidentifier() and len(unknown) <= 20 else f"{prefix}?"
        raise _Wrong(where, f"Take this key out; known are {', '.join(sorted(known))}.")


def _mapping(value: object, path: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _Wrong(path, "Write an object in braces.")
    given = cast("Mapping[object, object]", value)
    if not all(isinstance(key, str) for key in given):
        raise _Wrong(path, "Write every key as a string.")
    return cast("Mapping[str, object]", value)


_Word = TypeVar("_Word", bound=StrEnum)
_Level = TypeVar("_Level", bound=IntEnum)


def _word(kind: type[_Word], value: object, path: str) -> _Word:
    for each in kind:
        if isinstance(value, str) and each.value == value:
            return each
    raise _Wrong(path, f"Write one of {', '.join(each.value for each in kind)}.")


def _level(kind: type[_Level], value: object, path: str) -> _Level:
    for each in kind:
        if isinstance(value, str) and each.name.lower() == value:
            return each
    raise _Wrong(path, f"Write one of {', '.join(each.name.lower() for each in kind)}.")


def _count(given: Mapping[str, object], key: str, path: str, most: int) -> int | None:
    if key not in given:
        return None
    value = given[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise _Wrong(path, f"Write a whole number from 1 to {most}, or leave it out.")
    return value
