"""The one decision: may this be done with this message here and now?

Owns the meaning of every right in every scope, and nothing else: no words, no time of its own, no event.
The result is the minimum over five verdicts, each exposed by name, so it is never wider than any of them, and
tightening one scope never widens the whole.  Total: a combination that makes no sense is denied, never an exception.
"""

from __future__ import annotations

from typing import Final

from circles_policies.decision import Decision, Reason, Verdict
from circles_policies.model import Actor, Ceiling, Keep, Level, Mark, Member, Policy, Reach, Right, When, Who
from circles_policies.request import Request, Scopes
from circles_policies.retention import NO_RETENTION, Retention

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS

ALLOW: Final = Decision(Verdict.ALLOW)
_DENIED: Final = {reason: Decision(Verdict.DENY, (reason,)) for reason in Reason}
_PLACE: Final = {reason: place for place, reason in enumerate(Reason)}
_BY_OPERATOR: Final = _DENIED[Reason.OPERATOR]
# Bound once: to look a member up in its enum takes longer than all that is asked of it here (measured).
_TRIGGER, _READ, _STORE, _SEND, _ACT = Right.TRIGGER, Right.READ, Right.STORE, Right.SEND, Right.ACT
_EVERYONE, _ADDRESSED, _CONSENTING = Who.EVERYONE, Who.ADDRESSED, Who.CONSENTING
_IN, _OUT, _NOT_AT_ALL = Level.IN, Level.OUT, Level.NOT_AT_ALL
_NO_MARK, _OFF_RECORD = Mark.NONE, Mark.OFF_RECORD
_DERIVED, _ALWAYS = Keep.DERIVED, When.ALWAYS


def decide(scopes: Scopes, request: Request) -> Decision:
    """Return what the strictest of the scopes says; a denial carries the reasons of all scopes that deny."""
    member = scopes.member
    operator = verdict_of_operator(scopes.operator, member, request)
    room = verdict_of_room(scopes.room, member, request)
    person = verdict_of_member(member, request)
    mark = verdict_of_mark(scopes.mark, request)
    if person is ALLOW and mark is ALLOW and scopes.retention is NO_RETENTION:
        # Most are that simple, and what one of two allows without an end is for the other to say.
        if operator is ALLOW:
            return room
        if room is ALLOW:
            return operator
    return _joined(operator, room, person, mark, verdict_of_retention(scopes.retention, request))


def verdict_of_operator(ceiling: Ceiling, member: Member, request: Request) -> Decision:
    """Return what the operator's ceiling says. The member counts only for whether they said yes."""
    right = request.right
    if right is _TRIGGER:
        return ALLOW
    if right is _ACT:
        return ALLOW if Actor.NOBODY < request.actor <= ceiling.act else _BY_OPERATOR
    if _is_among(ceiling.read, member, request) is not None:
        return _BY_OPERATOR
    if right is _SEND:
        return ALLOW if request.reach <= ceiling.send else _BY_OPERATOR
    if right is _STORE:
        if request.keep > ceiling.keep:
            return _BY_OPERATOR
        if ceiling.days is not None and request.keep >= _DERIVED:
            return _kept_for(request, ceiling.days * DAY_MS, Reason.OPERATOR)
        return ALLOW
    return ALLOW if right is _READ else _BY_OPERATOR


def verdict_of_room(room: tuple[Policy, ...], member: Member, request: Request) -> Decision:
    """Return what all policies in force from the message until now say together; none at all denies."""
    if len(room) == 1:
        return _verdict_of_policy(room[0], member, request)
    if not room:
        return _DENIED[Reason.NO_POLICY]
    return _joined(*(_verdict_of_policy(policy, member, request) for policy in room))


def verdict_of_member(member: Member, request: Request) -> Decision:
    """Return what the sender's own choice, and an admin's for them, says. A machine never triggers."""
    right = request.right
    if request.automatic and right in (_TRIGGER, _ACT):
        return _DENIED[Reason.GHOST]
    level = member.level
    if level is _NOT_AT_ALL or request.at < member.addressed_since:
        return _DENIED[Reason.MEMBER_OUT]
    if request.addressed or right is _TRIGGER or right is _ACT:
        return ALLOW
    if level is _OUT:
        return _DENIED[Reason.MEMBER_OUT]
    if member.kept_out:
        return _DENIED[Reason.KEPT_OUT]
    if member.since is None or request.at < member.since:
        return _DENIED[Reason.NEWCOMER]
    return ALLOW


def verdict_of_mark(mark: Mark, request: Request) -> Decision:
    """Return what the mark on the message says: off the record it may still make the AI act, hidden it may not."""
    if mark is _NO_MARK or (mark is _OFF_RECORD and request.right is _TRIGGER):
        return ALLOW
    return _DENIED[Reason.MARKED]


def verdict_of_retention(retention: Retention, request: Request) -> Decision:
    """Return what the room's `m.room.retention` says: what is past its time is neither kept nor looked back at.

    What is said to the AI just now may be answered, whatever it says; and what people asked to keep is not the room's
    history any more, as with the days of a policy.
    """
    lifetime = retention.max_lifetime
    if request.right is _STORE and request.keep >= _DERIVED:
        if retention.unreadable:
            return _DENIED[Reason.KEEP_CLASS]
        return ALLOW if lifetime is None else _kept_for(request, lifetime, Reason.TOO_FAR_BACK)
    looks_back = request.called and request.right in (_READ, _SEND)
    if looks_back and lifetime is not None and request.at + lifetime <= request.now:
        return _DENIED[Reason.TOO_FAR_BACK]
    return ALLOW


def _verdict_of_policy(policy: Policy, member: Member, request: Request) -> Decision:
    right = request.right
    if right is _STORE:
        return _store(policy, member, request)
    if right is _TRIGGER:
        reason = None if policy.trigger and request.addressed else _against_triggering(policy)
    elif right is _ACT:
        reason = None if Actor.NOBODY < request.actor <= policy.act else Reason.ACTOR
    elif right is _SEND and not _reaches(policy, request):
        reason = Reason.REACH
    else:
        reason = _against_reading(policy, member, request)
    return ALLOW if reason is None else _DENIED[reason]


def _reaches(policy: Policy, request: Request) -> bool:
    """Say whether a policy lets text go so far; off the operator's machines, to the model it names and no other."""
    return request.reach <= policy.send and (request.reach < Reach.LISTED or request.model == policy.model)


def _against_triggering(policy: Policy) -> Reason:
    return Reason.NOT_ADDRESSED if policy.trigger else Reason.RESTING


def _against_reading(policy: Policy, member: Member, request: Request) -> Reason | None:
    read = policy.read
    reason = _is_among(read.who, member, request)
    if reason is not None:
        return reason
    if read.hours is not None and request.now - request.at > read.hours * HOUR_MS:
        return Reason.TOO_FAR_BACK
    if request.called:
        return Reason.TOO_FAR_BACK if read.messages is not None and request.position >= read.messages else None
    return None if read.when is _ALWAYS or request.addressed else Reason.NOT_CALLED


def _store(policy: Policy, member: Member, request: Request) -> Decision:
    store = policy.store
    if request.keep > store.keep:
        return _DENIED[Reason.KEEP_CLASS]
    if request.keep < _DERIVED:
        # What people asked for or confirmed has no window (the ✅ may come days later), but it still has a "whose".
        reason = _is_among(policy.read.who, member, request)
        return ALLOW if reason is None else _DENIED[reason]
    reason = _against_reading(policy, member, request)
    if reason is None and request.called and policy.read.when is When.CALLED and not request.addressed:
        reason = (
            Reason.NOT_CALLED
        )  # A look back is forgotten after the answer: only what may be read as it arrives stays.
    if reason is not None:
        return _DENIED[reason]
    return ALLOW if store.days is None else _kept_for(request, store.days * DAY_MS, Reason.TOO_FAR_BACK)


def _kept_for(request: Request, lifetime: int, too_old: Reason) -> Decision:
    until = request.at + lifetime
    return Decision(Verdict.ALLOW, (), until) if until > request.now else _DENIED[too_old]


def _is_among(who: Who, member: Member, request: Request) -> Reason | None:
    """Return None when the message is in the set `who` stands for, else why it is not."""
    if who is _EVERYONE:
        return None
    if who is _ADDRESSED:
        return None if request.addressed else Reason.NOT_ADDRESSED
    if who is _CONSENTING:
        # Words leave only after a yes, so what is said to the AI without one may trigger but not be read.
        since = member.consented_since
        agreed = member.level is _IN and since is not None and request.at >= since
        return None if agreed else Reason.NO_CONSENT
    return Reason.RESTING


def _joined(*decisions: Decision) -> Decision:
    denied = [decision for decision in decisions if not decision.verdict]
    if len(denied) == 1:
        return denied[0]
    if denied:
        reasons = {reason for decision in denied for reason in decision.reasons}
        return Decision(Verdict.DENY, tuple(sorted(reasons, key=_PLACE.__getitem__)))
    ends = [decision.until for decision in decisions if decision.until is not None]
    return Decision(Verdict.ALLOW, (), min(ends)) if ends else ALLOW
