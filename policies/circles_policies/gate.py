"""The one event filter both hosts run: Synapse's module in gated mode, the service's own door in direct mode.

Owns what of an event may be forwarded.  Pure; total on garbage; what it forwards is rebuilt from allowed keys, never
the event that came in: `unsigned` carries other people's thread replies and edits, `prev_content` redacted policies.
Control events always pass, reduced to what obeying them needs, and are never looked at or kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from circles_policies.decision import Decision, Reason, Verdict
from circles_policies.engine import decide
from circles_policies.events import Classified, Control, Json, Kind, RoomView, classify, mapping, text, without_quotes
from circles_policies.model import Keep, Level, Mark, Right
from circles_policies.request import Request, Scopes
from circles_policies.retention import without_words

_STRINGS: Final = ("event_id", "room_id", "sender", "type", "state_key")
_CONTROL_KEYS: Final[dict[Control, tuple[str, ...]]] = {
    Control.AI_MEMBERSHIP: ("membership", "is_direct"),
    Control.CREATE: ("room_version", "creator", "additional_creators", "type", "predecessor", "m.federate"),
    Control.POWER: (
        "users",
        "users_default",
        "events",
        "events_default",
        "state_default",
        "ban",
        "kick",
        "redact",
        "invite",
    ),
    Control.MEMBER: ("membership",),
    Control.ENCRYPTION: ("algorithm", "rotation_period_ms", "rotation_period_msgs"),
    Control.TOMBSTONE: ("replacement_room",),
    Control.SERVER_ACL: ("allow", "deny", "allow_ip_literals"),
    Control.JOIN_LEAVE: ("membership",),
    Control.REDACTION: ("redacts",),
}
_INVITE_STATE: Final[dict[str, tuple[str, ...]]] = {
    "m.room.create": _CONTROL_KEYS[Control.CREATE],
    "m.room.encryption": _CONTROL_KEYS[Control.ENCRYPTION],
    "m.room.join_rules": ("join_rule",),
    "m.room.history_visibility": ("history_visibility",),
    "m.room.member": ("membership", "is_direct"),
}
"""Of an invite's stripped state: what kind of room it is, not what it is called or looks like."""

_ENCRYPTED_KEYS: Final = ("algorithm", "ciphertext", "device_id", "sender_key", "session_id", "m.relates_to")
_TRIGGER, _READ, _STORE, _MESSAGES = Right.TRIGGER, Right.READ, Right.STORE, Keep.MESSAGES
_CONTROL_DENIED: Final = Decision(Verdict.DENY, (Reason.CONTROL,))


class Passed(NamedTuple):
    """An event to forward, rebuilt, and what may be done with it.

    Attributes:
        event: plain JSON, only allowed keys.
        trigger: whether it may make the AI act as a message; control events are obeyed whatever this says.
        read: whether it may be looked at, now as it arrives or in this look back.
        store: whether it may be kept as a message.
    """

    event: dict[str, object]
    classified: Classified
    trigger: Decision
    read: Decision
    store: Decision


@dataclass(frozen=True, slots=True)
class Dropped:
    """An event that stays outside, and why. The reasons are for tests and counters, never for a room."""

    reasons: tuple[Reason, ...]
    classified: Classified


class Weighed(NamedTuple):
    """An event as the gate sees it, and the scopes it is judged by: the decisions are made as they are asked for."""

    classified: Classified
    scopes: Scopes
    view: RoomView

    def may(self, right: Right) -> Decision:
        """Return whether it may trigger, be looked at or be kept; a control event is only obeyed."""
        if self.classified.control is not None and right is not _TRIGGER:
            return _CONTROL_DENIED
        return decide(self.scopes, _request(right, self.classified, self.view))

    def forwarded(self, event: object) -> dict[str, object] | None:
        """Return the event as `filter_event` rebuilds it, None where it drops it; no more is decided than needed.

        Of an edit that it drops passes who edited what, if a call may have shown the old words: an answer that rests on
        them is to be taken back.
        """
        what = self.classified
        passes = what.control or what.own or self.may(_READ)
        if passes or (not self.view.called and (self.may(_TRIGGER) or self.may(_STORE))):
            return _rebuilt(mapping(event), what)
        if what.edits is not None and decide(self.scopes, _request(_READ, what, self.view)._replace(called=True)):
            return _without_words(mapping(event), what)
        return None


def weigh(event: object, view: RoomView) -> Weighed | Dropped:
    """Return what an event is and by what it is judged, or why it stays outside whatever the policy says."""
    classified = classify(event, view)
    event_id, sender, event_type = map(mapping(event).get, ("event_id", "sender", "type"))
    if not (isinstance(event_id, str) and isinstance(sender, str) and isinstance(event_type, str)):
        return Dropped((Reason.NOT_AN_EVENT,), classified)
    if classified.kind is Kind.REACTION and classified.control is None and not classified.own:
        return Dropped((Reason.NOT_ADDRESSED,), classified)
    if classified.kind is Kind.STATE and classified.control is None and not classified.own:
        # A topic, a name, a picture: nobody says them, so no policy opens them. What is needed of them is asked for.
        return Dropped((Reason.NOT_ADDRESSED,), classified)
    mark = view.mark if view.mark is Mark.HIDDEN or not classified.off_record else Mark.OFF_RECORD
    return Weighed(classified, Scopes(view.room, view.member, mark, view.operator, view.retention), view)


def filter_event(event: object, view: RoomView) -> Passed | Dropped:
    """Return what of an event may be forwarded to the AI, or why nothing of it."""
    weighed = weigh(event, view)
    if isinstance(weighed, Dropped):
        return weighed
    classified = weighed.classified
    trigger, read, store = weighed.may(_TRIGGER), weighed.may(_READ), weighed.may(_STORE)
    # In a look back nothing triggers again, so there only what may be read passes.
    if classified.control or classified.own or read or (not view.called and (trigger or store)):
        return Passed(_rebuilt(mapping(event), classified), classified, trigger, read, store)
    return Dropped(read.reasons, classified)


def may_open(event: object, view: RoomView) -> bool:
    """Return whether an encrypted event may be decrypted, asked before it is.

    What its envelope says to the AI may be: in a direct message, as a reply to the AI, or in a thread of its.  Of other
    messages only those whose sender may be read when they speak to the AI, for only inside it says whether they do.
    Whoever is out, kept out, or has not said yes where a yes is asked, stays closed: they reply to be heard.  How far
    back the policy looks is no matter for what arrives: a choice said while we were away for days must count.
    """
    envelope = classify(event, view)
    if not envelope.encrypted or envelope.own or view.mark is Mark.HIDDEN:
        return False
    replies = envelope.reply_to is not None and view.is_ai_event(envelope.reply_to)
    if view.is_direct or replies:
        return True  # A control word may stand in it, which is obeyed under every policy.
    spoken = envelope._replace(addressed=True, to_ai=True)
    scopes = Scopes(view.room, view.member, view.mark, view.operator, view.retention)
    now = view.now if view.called else envelope.at
    read = bool(decide(scopes, _request(Right.READ, spoken, view)._replace(now=now)))
    if envelope.to_ai:
        return read or bool(decide(scopes, _request(Right.TRIGGER, spoken, view)))
    return read and view.member.level is not Level.OUT and not view.member.kept_out


def _request(right: Right, classified: Classified, view: RoomView) -> Request:
    addressed = classified.addressed if right is _TRIGGER else classified.to_ai
    called = view.called and right is _READ
    return Request(
        right, classified.at, view.now, addressed, called, view.position, _MESSAGES, automatic=classified.automatic
    )


def _rebuilt(given: Json, classified: Classified) -> dict[str, object]:
    event: dict[str, object] = {key: given[key] for key in _STRINGS if isinstance(given.get(key), str)}
    if isinstance(given.get("origin_server_ts"), int):
        event["origin_server_ts"] = given["origin_server_ts"]
    content = mapping(given.get("content"))
    event["content"] = _content(content, classified)
    match classified.control:
        case Control.REDACTION if classified.redacts is not None:
            # Room versions disagree about the place; a receiver may look in either.
            event["redacts"] = classified.redacts
            event["content"] = {"redacts": classified.redacts}
        case Control.AI_MEMBERSHIP if content.get("membership") == "invite":
            event["unsigned"] = {"invite_room_state": _invite_state(given)}
        case _:
            pass
    return event


def _without_words(given: Json, edit: Classified) -> dict[str, object]:
    """Return that somebody edited something: of ciphertext too nothing but that, so nobody waits for its key."""
    relation = {"m.relates_to": {"rel_type": "m.replace", "event_id": edit.edits}}
    return _rebuilt({**given, "type": "m.room.message", "content": relation}, edit._replace(encrypted=False))


def _content(content: Json, classified: Classified) -> dict[str, object]:
    control = classified.control
    if control is Control.POLICY:
        return dict(content)  # Whole: a policy with one key taken out could mean something else.
    if control is Control.REACTION:
        relation = {"rel_type": "m.annotation", "event_id": classified.reacts_to, "key": classified.reaction_key}
        return {"m.relates_to": relation}
    if control is Control.RETENTION:
        return without_words(content)
    if control is Control.WORD:
        return _word_content(content)
    if control is not None:
        return _picked(content, _CONTROL_KEYS[control])
    if classified.kind is Kind.MEMBERSHIP:
        return _picked(content, _CONTROL_KEYS[Control.MEMBER])
    if classified.encrypted:
        return _picked(content, _ENCRYPTED_KEYS)
    return without_quotes(content)


def _word_content(content: Json) -> dict[str, object]:
    kept = without_quotes(_picked(content, ("msgtype", "body", "m.relates_to")))
    users = mapping(content.get("m.mentions")).get("user_ids")
    if isinstance(users, list):
        named = [user for user in cast("list[object]", users) if isinstance(user, str)]
        kept["m.mentions"] = {"user_ids": named}  # "keep out" names somebody by a pill.
    return kept


def _invite_state(given: Json) -> list[dict[str, object]]:
    stripped = mapping(given.get("unsigned")).get("invite_room_state")
    if not isinstance(stripped, list):
        return []
    kept: list[dict[str, object]] = []
    for each in cast("list[object]", stripped):
        state = mapping(each)
        keys = _INVITE_STATE.get(text(state.get("type")) or "")
        if keys is not None:
            event: dict[str, object] = {key: state[key] for key in _STRINGS if isinstance(state.get(key), str)}
            kept.append(event | {"content": _picked(mapping(state.get("content")), keys)})
    return kept


def _picked(content: Json, keys: Collection[str]) -> dict[str, object]:
    return {key: content[key] for key in keys if key in content}
