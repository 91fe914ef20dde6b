"""What a change of policy is, and when it starts.

Owns the comparison of two policies, right by right, and the calendar that follows: the first and the tighter at
once, the looser after a day or when all agree.  Sound against `engine.decide`: what is SAME or TIGHTER here allows
nothing new.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

from circles_policies.engine import DAY_MS
from circles_policies.model import Keep, Policy, Reach, Read, Store, When, Who


class Change(StrEnum):
    """How a new policy stands to what held before."""

    FIRST = "first"
    SAME = "same"
    TIGHTER = "tighter"
    LOOSER = "looser"
    """Wider in any respect, whatever else is tighter."""


def compare(old: tuple[Policy, ...] | Policy | None, new: Policy) -> Change:
    """Return how `new` stands to `old`, the last valid policy the room had (all of them where several bind together).

    Pass None only if there never was one. After a redacted or malformed policy, pass the valid one before it:
    else emptying the policy would be a way round the day of notice.
    """
    before = (old,) if isinstance(old, Policy) else old or ()
    if not before:
        return Change.FIRST
    if not all(is_within(new, each) for each in before):
        return Change.LOOSER
    return Change.SAME if all(is_within(each, new) for each in before) else Change.TIGHTER


def starts(
    change: Change,
    asked_at: int,
    *,
    asker: str,
    people: Collection[str],
    approvals: Mapping[str, int],
) -> int:
    """Return when a change asked for at `asked_at` starts; all instants in ms.

    Args:
        change: what `compare` said.
        asked_at: when the authorised person asked.
        asker: who asked; they need not tap.
        people: the joined members, without the AI and its ghosts. One alone makes a room of two: at once.
        approvals: when each user tapped 👍; those of others than `people` do not count.
    """
    if change is not Change.LOOSER:
        return asked_at
    others = [person for person in people if person != asker]
    if all(person in approvals for person in others):
        return min(asked_at + DAY_MS, max([asked_at, *(approvals[person] for person in others)]))
    return asked_at + DAY_MS


def is_within(new: Policy, old: Policy) -> bool:
    """Say whether `new` allows nothing, in no right, that `old` denied."""
    return (
        new.trigger <= old.trigger
        and _read_within(new.read, old.read)
        and _store_within(new.store, old.store)
        and _send_within(new, old)
        and new.act <= old.act
    )


def _read_within(new: Read, old: Read) -> bool:
    if new.who is Who.NOBODY:
        return True
    # "Addressed" and "consenting" lie across each other: some messages are in only one of them.
    return (
        (new.who is old.who or old.who is Who.EVERYONE)
        # What is said to the AI is read as it arrives either way.
        and (new.who is Who.ADDRESSED or new.when is When.CALLED or old.when is When.ALWAYS)
        and _at_most(new.hours, old.hours)
        and _at_most(new.messages, old.messages)
    )


def _send_within(new: Policy, old: Policy) -> bool:
    # Of what leaves the operator's machines people agreed on one place, and another is not nearer.
    return new.send <= old.send and (new.send < Reach.LISTED or new.model == old.model)


def _store_within(new: Store, old: Store) -> bool:
    return new.keep <= old.keep and (new.keep < Keep.DERIVED or _at_most(new.days, old.days))


def _at_most(new: int | None, old: int | None) -> bool:
    return old is None or (new is not None and new <= old)
