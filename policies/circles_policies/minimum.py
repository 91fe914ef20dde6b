"""The running minimum: what held at every moment from a message until now.

Owns the fold over time, of a room's policies and of a person's own choices.  With it "tighten at once, also backwards"
and "loosen forward only" are one rule, and whatever arrives late can only ever tighten (PRODUCT.md, "Change").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from circles_policies.model import Ceiling, Keep, Level, Member, Policy, Read, Store, Who


@dataclass(frozen=True, slots=True)
class RunningMinimum:
    """The distinct policies met so far on the way back from now to a message, or forth from a message to now.

    Attributes:
        policies: each policy once, in the order met; the order means nothing to `engine.decide`.
        shut: whether at some moment on the way no valid policy was in force. Then nothing on this way is open.
    """

    policies: tuple[Policy, ...] = ()
    shut: bool = False

    def fold(self, policy: Policy | None) -> RunningMinimum:
        """Add what was in force at one more moment; None for no policy, or one that does not count."""
        if policy is None:
            return replace(self, shut=True)
        if policy in self.policies:
            return self
        return RunningMinimum((*self.policies, interned(policy)), self.shut)

    @property
    def room(self) -> tuple[Policy, ...]:
        """The policies for `Scopes.room`; empty, so denying, when the way was shut somewhere."""
        return () if self.shut else self.policies


@lru_cache(maxsize=4096)
def interned(policy: Policy) -> Policy:
    """Return one and the same object for equal policies, so that thousands of rooms share a handful."""
    return policy


class Choice(StrEnum):
    """What can happen to one person's standing in one room."""

    IN = "in"
    OUT = "out"
    NOT_AT_ALL = "not_at_all"
    NEITHER = "neither"
    """Takes an earlier in or out back."""
    KEEP_OUT = "keep_out"
    """An admin keeps them out."""
    LET_BACK = "let_back"
    """An admin no longer keeps them out; their own choice stands."""
    JOINED = "joined"
    """They came into the room, for the first time or again, and have not been told yet."""
    TOLD = "told"
    """A notice naming them was posted. What they write from then on counts (G17)."""


_LEVELS = {
    Choice.IN: Level.IN,
    Choice.OUT: Level.OUT,
    Choice.NOT_AT_ALL: Level.NOT_AT_ALL,
    Choice.NEITHER: Level.NONE,
}


def fold_choice(member: Member, choice: Choice, at: int) -> Member:
    """Return the person's standing after a choice made `at` (ms), with the watermarks moved so that nothing reopens.

    Fold in the order of time (`fold_choices` sorts). Both edges of a closed stretch move the watermark,
    so that a return dated before the leaving cannot reach behind it.
    """
    level = _LEVELS.get(choice, member.level)
    kept_out = choice is Choice.KEEP_OUT or (member.kept_out and choice is not Choice.LET_BACK)
    if choice is Choice.JOINED and level is Level.IN:
        level = Level.NONE  # A yes given in an earlier stay is not unbroken.
    since = member.since
    if since is not None and (_is_closed(member.level, member.kept_out) or _is_closed(level, kept_out)):
        since = max(since, at)
    match choice:
        case Choice.JOINED:
            since = None
        case Choice.TOLD | Choice.IN if since is None:
            since = at  # Whoever says yes knows already.
        case _:
            pass
    addressed_since = member.addressed_since
    if Level.NOT_AT_ALL in (member.level, level):
        addressed_since = max(addressed_since, at)
    consented_since = member.consented_since if level is Level.IN else None
    if choice is Choice.IN and consented_since is None:
        consented_since = max(at, since or 0, addressed_since)
    return Member(
        level=level,
        kept_out=kept_out,
        since=since,
        addressed_since=addressed_since,
        consented_since=consented_since,
    )


def fold_choices(start: Member, choices: Iterable[tuple[int, Choice]]) -> Member:
    """Return the standing after all of (ms, choice), folded in the order of time."""
    member = start
    for at, choice in sorted(choices, key=lambda each: each[0]):
        member = fold_choice(member, choice, at)
    return member


def _is_closed(level: Level, kept_out: bool) -> bool:
    return kept_out or level in (Level.OUT, Level.NOT_AT_ALL)


def within(policy: Policy, ceiling: Ceiling) -> Policy:
    """Return the policy as the operator's ceiling leaves it, for the words people read.

    "Addressed" under "consenting" has no name of its own; it is told as "people who said yes", which promises no more.
    """
    who = _narrower(policy.read.who, ceiling.read)
    keep = min(policy.store.keep, ceiling.keep)
    days = policy.store.days if keep in (Keep.DERIVED, Keep.MESSAGES) else None
    if ceiling.days is not None and keep >= Keep.DERIVED:
        days = min(days or ceiling.days, ceiling.days)
        keep = min(keep, Keep.MESSAGES)
    elif keep is Keep.MESSAGES and days is None:
        keep = policy.store.keep  # The operator names no days either, so they stay until deleted.
    bounded = Policy(
        preset=policy.preset,
        trigger=policy.trigger,
        read=Read(who=who, when=policy.read.when, hours=policy.read.hours, messages=policy.read.messages),
        store=Store(keep=keep, days=days),
        send=min(policy.send, ceiling.send),
        model=policy.model,
        act=min(policy.act, ceiling.act),
    )
    return policy if bounded == policy else bounded.model_copy(update={"preset": None})


def _narrower(one: Who, other: Who) -> Who:
    if Who.NOBODY in (one, other):
        return Who.NOBODY
    if Who.CONSENTING in (one, other):
        return Who.CONSENTING
    return Who.ADDRESSED if Who.ADDRESSED in (one, other) else Who.EVERYONE
