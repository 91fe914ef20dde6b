"""What PRODUCT.md promises, said once more and as plainly as can be: may a word be in a place?

Deliberately naive, and deliberately alone: it imports nothing of the program, so that a mistake there is not made here
too.  One function for each rule, in the order in which the page has them; each says whether that rule allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circles_bench.leaks.table import POLICIES, Cell, Kind, Moment, Place, Rules, Standing, course

NOT_SAID = {Kind.DISPLAY_NAME, Kind.TOPIC}
"""State of the room, under which no policy puts anything. All else people say, so a policy may open it."""
WITHDRAWN_FROM = {
    Standing.OUT: Moment.IN_FORCE,
    Standing.NOT_AT_ALL: Moment.CHOSEN,
    Standing.KEPT_OUT: Moment.CHOSEN,
}
"""From when on somebody's talk counts no more: two of them speak, are answered, and only then choose."""


def may_be(cell: Cell, place: Place, now: Moment) -> bool:
    """Return whether a word may be in a place when all that was done up to and in this moment is done."""
    if place in (Place.LOG, Place.METRICS):
        return False  # J6: content-free, at every level
    if cell.kind is Kind.DISPLAY_NAME:
        return name_may_be(cell, place, now)
    if place is Place.MODEL:
        return may_be_looked_at(cell, now)
    if place is Place.DISK:
        return may_be_kept(cell, now)
    if place in (Place.ROOM, Place.PRIVATE):
        return may_be_quoted(cell, now)
    if place is Place.MEDIA:
        return False  # G8, G9: an export holds the asker's own words, who says none of these; receipts hold ids
    return may_pass_the_gate(cell, now)


# --- read: who x when, from the message until now ---------------------------------------------------------------------


def may_be_looked_at(cell: Cell, now: Moment) -> bool:
    """A message may be looked at only if every policy and every choice from then until now allowed it."""
    return cell.kind not in NOT_SAID and every_policy_reads(cell, now) and still_counts(cell, now) and was_told(cell)


def every_policy_reads(cell: Cell, now: Moment) -> bool:
    """Tighten at once, also backwards; loosen later and forward only (G6). Nothing before admission (G13)."""
    return all(policy is not None and reads(policy, cell.standing) for policy in policies_between(cell, now))


def reads(policy: dict[str, Any], standing: Standing) -> bool:
    """Who: nobody, what is said to the AI (none of this is), people who said yes, everyone."""
    who = policy["read"]["who"]
    if who == "everyone":
        return True
    return bool(who == "consenting" and standing is Standing.CONSENTING)


def still_counts(cell: Cell, now: Moment) -> bool:
    """Out and not at all end it, also backwards (G4); so does an admin who keeps a person out (G18)."""
    since = WITHDRAWN_FROM.get(cell.standing)
    return since is None or now not in moments_between(since, Moment.LOOSENED)


def was_told(cell: Cell) -> bool:
    """Nothing counts until a notice named the person (G17)."""
    return cell.standing is not Standing.NEWCOMER


# --- store ------------------------------------------------------------------------------------------------------------


def may_be_kept(cell: Cell, now: Moment) -> bool:
    """Kept only what the policy kept when it was said, and may be looked at as it arrives (G3).

    If the room tightens, what is kept is looked at no more and goes when its days are over.  It goes at once if its
    author withdraws or is kept out.
    """
    policy = at(cell.rules, cell.moment)
    if policy is None or not may_be_looked_at(cell, cell.moment) or not still_counts(cell, now):
        return False
    return bool(policy["store"]["keep"] == "messages" and policy["read"]["when"] == "always")


# --- what the AI says -------------------------------------------------------------------------------------------------


def may_be_quoted(cell: Cell, now: Moment) -> bool:
    """What was once looked at may stand in an answer, until its author takes it back (G7).

    Of somebody who is kept out by another the answers stay: taken back, they would show the room who it is (G18).
    """
    if cell.standing is not Standing.KEPT_OUT and not still_counts(cell, now):
        return False
    return any(may_be_looked_at(cell, then) for then in moments_between(cell.moment, now))


# --- the gate ---------------------------------------------------------------------------------------------------------


def may_pass_the_gate(cell: Cell, now: Moment) -> bool:
    """What the policy forbids never leaves the homeserver (G16); what it allowed before a choice had left by then."""
    return any(may_be_looked_at(cell, then) for then in moments_between(cell.moment, now))


# --- names ------------------------------------------------------------------------------------------------------------


def name_may_be(cell: Cell, place: Place, now: Moment) -> bool:
    """Names are asked for when needed and never written.

    The gate hands them out, for the AI speaks of people by name; in an answer or a request stands only the name of
    somebody whose words may be there.  A receipt names whoever was looked at, as they are called by then.  Who keeps
    somebody out is told in private whom.
    """
    if place is Place.DISK:
        return False
    if place is Place.SOCKET:
        return True
    if place is Place.PRIVATE and cell.standing is Standing.KEPT_OUT and now in moments_between(Moment.CHOSEN, now):
        return True
    if place is Place.MEDIA:
        return any(
            may_be_looked_at(cell._replace(kind=Kind.TEXT, moment=said), then)
            for said in moments_between(Moment.BEFORE, now)
            for then in moments_between(said, now)
        )
    return any(
        may_be_looked_at(cell._replace(kind=Kind.TEXT, moment=said), then)
        for said in Moment
        for then in moments_between(cell.moment, now)
        if said in moments_between(Moment.BEFORE, then)
    )


# --- time -------------------------------------------------------------------------------------------------------------


def at(rules: Rules, moment: Moment) -> dict[str, Any] | None:
    """Return what stands in the room's state at a moment."""
    in_force = course(rules)[moment]
    return None if in_force is None else POLICIES[in_force]


def policies_between(cell: Cell, now: Moment) -> list[dict[str, Any] | None]:
    """Return what was in force at every moment from when it was said until now."""
    return [at(cell.rules, moment) for moment in moments_between(cell.moment, now)]


def moments_between(first: Moment, last: Moment) -> Sequence[Moment]:
    """Return the moments from one to another, both included."""
    moments = list(Moment)
    return moments[moments.index(first) : moments.index(last) + 1]
