"""What a decision is: a verdict, the reasons for it, and until when it stands. A value, never an exception."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple


class Verdict(IntEnum):
    """Ordered, so that the strictest of several is their minimum."""

    DENY = 0
    ALLOW = 1


class Reason(StrEnum):
    """Why something is denied. `explain.reason` has the sentence; none of them names a person.

    Reasons about a member's choice or a mark are for receipts of that person and for tests.
    In the room all of them are the one fixed sentence of `explain.KEPT_OUT` (PRODUCT.md, "Denials").
    """

    __hash__ = str.__hash__  # that of enums is computed anew, and these are counted for every event

    NO_POLICY = "no_policy"
    INVALID_POLICY = "invalid_policy"
    RESTING = "resting"
    OPERATOR = "operator"
    NOT_ADDRESSED = "not_addressed"
    NO_CONSENT = "no_consent"
    MEMBER_OUT = "member_out"
    KEPT_OUT = "kept_out"
    NEWCOMER = "newcomer"
    BEFORE_POLICY = "before_policy"
    TOO_FAR_BACK = "too_far_back"
    NOT_CALLED = "not_called"
    MARKED = "marked"
    KEEP_CLASS = "keep_class"
    REACH = "reach"
    ACTOR = "actor"
    GHOST = "ghost"
    CONTROL = "control"
    """A control event: obeyed, never looked at or kept."""
    NOT_AN_EVENT = "not_an_event"


class Decision(NamedTuple):
    """The answer to one request. `until` (ms) is when what was allowed to stay must go, None for no end."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    until: int | None = None

    def __bool__(self) -> bool:
        """Whether it is allowed, so that `if decision:` reads as it should."""
        return self.verdict is Verdict.ALLOW
