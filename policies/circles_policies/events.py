"""What an event is, read from untrusted JSON: its kind, its relations, whether it speaks to the AI. No decision here.

Total on garbage: a field of the wrong type counts as absent.  Owns `Classified` and the rules of addressing (B1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, cast
from urllib.parse import unquote

from circles_policies.content import POLICY_TYPE
from circles_policies.model import NO_CEILING, NO_CHOICE, Ceiling, Mark, Member, Policy
from circles_policies.off_record import OffRecord, is_off_thread
from circles_policies.retention import NO_RETENTION, RETENTION_TYPE, Retention
from circles_policies.words import (
    ControlWord,
    control_word,
    is_off_record,
    is_off_record_word,
    strip_address,
    without_reply_fallback,
)

Json = Mapping[str, object]

HIDE_KEY: Final = "🙈"
"""The reaction that hides a message, on any event and by anyone (G19)."""

_NOTHING: Final[Json] = {}
_MX_REPLY: Final = re.compile(r"<(/?)mx-reply\b[^<>]*>", re.IGNORECASE)
_LINK: Final = re.compile(r"""href\s*=\s*["']?(https://matrix\.to/#/|matrix:u/)([^"'\s>?/]+)""", re.IGNORECASE)
_LONGEST_KEY: Final = 64


class Kind(StrEnum):
    """What an event is, as far as the gate cares."""

    __hash__ = str.__hash__  # that of enums is computed anew, and these are counted for every event

    MESSAGE = "message"
    EDIT = "edit"
    REACTION = "reaction"
    REDACTION = "redaction"
    MEMBERSHIP = "membership"
    STATE = "state"
    OTHER = "other"


class Control(StrEnum):
    """Why an event passes under every policy, also under none (PRODUCT.md, "Control events")."""

    AI_MEMBERSHIP = "ai_membership"
    CREATE = "create"
    POWER = "power"
    POLICY = "policy"
    MEMBER = "member"
    ENCRYPTION = "encryption"
    TOMBSTONE = "tombstone"
    SERVER_ACL = "server_acl"
    RETENTION = "retention"
    JOIN_LEAVE = "join_leave"
    REDACTION = "redaction"
    REACTION = "reaction"
    WORD = "word"


_STATE_CONTROLS: Final = {
    "m.room.create": Control.CREATE,
    "m.room.power_levels": Control.POWER,
    "m.room.encryption": Control.ENCRYPTION,
    "m.room.tombstone": Control.TOMBSTONE,
    "m.room.server_acl": Control.SERVER_ACL,
    RETENTION_TYPE: Control.RETENTION,
    POLICY_TYPE: Control.POLICY,
}


def _never(_event_id: str) -> bool:
    return False


class RoomView(NamedTuple):
    """What the host knows about the room and the sender when the event is judged. Instants are ms since the epoch.

    A named tuple, for one is made for every event: see `circles_policies.request`.

    Attributes:
        ai: the user ID of the AI.
        now: when this is asked.
        received_at: when this homeserver received the event.
        room: every policy in force from the event until now; empty means waiting, and only control events pass.
        operator: the operator's ceiling.
        member: the standing of the sender.
        mark: what someone put on this event.
        off_record: every stretch off the record that the room had, whole or one thread of it.
        retention: how long the room lets this event stay; the module leaves it to Synapse, whose own it is.
        names: present and former names of the AI, for what is typed without a pill.
        is_direct: whether this room is a direct message with the AI.
        ghosts: which user IDs are ghosts and relays, ours or a bridge's.
        bots: other known automatic senders.
        is_ai_event: whether an event ID is one of the AI's own.
        is_ai_thread: whether the AI was called into the thread with this root.
        called: whether this is a look back for an answer (else: the event arrives).
        position: for a look back, how many messages lie between this one and the call.
    """

    ai: str
    now: int
    received_at: int
    room: tuple[Policy, ...] = ()
    operator: Ceiling = NO_CEILING
    member: Member = NO_CHOICE
    mark: Mark = Mark.NONE
    off_record: tuple[OffRecord, ...] = ()
    retention: Retention = NO_RETENTION
    names: tuple[str, ...] = ()
    is_direct: bool = False
    ghosts: re.Pattern[str] | None = None
    bots: frozenset[str] = frozenset()
    is_ai_event: Callable[[str], bool] = _never
    is_ai_thread: Callable[[str], bool] = _never
    called: bool = False
    position: int = 0


class Classified(NamedTuple):
    """What one event is. Relations are event IDs; `at` is the earlier of origin time and receipt, in ms, 0 if unknown.

    Attributes:
        addressed: whether it calls the AI. Edits, notices, machines and the AI itself never do.
        to_ai: whether its text is for the AI; true for an edit too, which may be read but never triggers.
        own: whether the AI itself sent it.
        off_record: whether it says so itself, or falls into a stretch off the record.
    """

    kind: Kind
    at: int
    control: Control | None = None
    word: ControlWord | None = None
    addressed: bool = False
    to_ai: bool = False
    own: bool = False
    automatic: bool = False
    encrypted: bool = False
    off_record: bool = False
    thread: str | None = None
    reply_to: str | None = None
    edits: str | None = None
    reacts_to: str | None = None
    reaction_key: str | None = None
    redacts: str | None = None


def classify(event: object, view: RoomView) -> Classified:
    """Return what an event in client format is to this AI in this room."""
    given = mapping(event)
    at = _written_at(given, view)
    sender, event_type = text(given.get("sender")), text(given.get("type"))
    if sender is None or event_type is None:
        return Classified(Kind.OTHER, at)
    content = mapping(given.get("content"))
    own = sender == view.ai
    automatic = own or sender in view.bots or (view.ghosts is not None and view.ghosts.fullmatch(sender) is not None)
    state_key = text(given.get("state_key"))
    if state_key is not None:
        kind, control = _state(event_type, state_key, content, view)
        return Classified(kind, at, control=control, own=own, automatic=automatic)
    if event_type == "m.room.redaction":
        redacts = text(given.get("redacts")) or text(content.get("redacts"))
        return Classified(Kind.REDACTION, at, Control.REDACTION, own=own, automatic=automatic, redacts=redacts)
    if event_type == "m.reaction":
        return _reaction(content, view, at, own=own, automatic=automatic)
    event_id = text(given.get("event_id"))
    return _message(event_type, content, view, at, event_id, own=own, automatic=automatic)


def _state(event_type: str, state_key: str, content: Json, view: RoomView) -> tuple[Kind, Control | None]:
    if event_type == "m.room.member":
        if state_key == view.ai:
            return Kind.MEMBERSHIP, Control.AI_MEMBERSHIP
        comes_or_goes = content.get("membership") in ("join", "leave")
        return Kind.MEMBERSHIP, Control.JOIN_LEAVE if comes_or_goes else Control.MEMBER
    return Kind.STATE, _STATE_CONTROLS.get(event_type) if state_key == "" else None


def _reaction(content: Json, view: RoomView, at: int, *, own: bool, automatic: bool) -> Classified:
    relation = mapping(content.get("m.relates_to"))
    target, key = text(relation.get("event_id")), text(relation.get("key"))
    if relation.get("rel_type") != "m.annotation" or target is None or key is None or len(key) > _LONGEST_KEY:
        return Classified(Kind.REACTION, at, own=own, automatic=automatic)
    obeyed = view.is_ai_event(target) or is_hide(key)
    return Classified(
        Kind.REACTION,
        at,
        Control.REACTION if obeyed else None,
        own=own,
        automatic=automatic,
        reacts_to=target,
        reaction_key=key,
    )


def _message(
    event_type: str, content: Json, view: RoomView, at: int, event_id: str | None, *, own: bool, automatic: bool
) -> Classified:
    relation = mapping(content.get("m.relates_to"))
    rel_type, target = text(relation.get("rel_type")), text(relation.get("event_id"))
    edits = target if rel_type == "m.replace" else None
    said = mapping(content.get("m.new_content")) if edits is not None else content
    automatic = automatic or said.get("msgtype") == "m.notice"
    thread = target if rel_type == "m.thread" else None
    reply_to = None
    if relation.get("is_falling_back") is not True:
        reply_to = text(mapping(relation.get("m.in_reply_to")).get("event_id"))
    body = without_reply_fallback(text(said.get("body")) or "")
    # A thread off the record speaks to nobody but who is named in it, also where the AI had been called into it.
    aside = thread is not None and is_off_thread(view.off_record, thread, at)
    related = _relates_to_ai(None if aside else rel_type, target, reply_to, view)
    signs = view.is_direct or _is_mentioned(said, view.ai) or related
    to_ai = not automatic and (signs or strip_address(body, view.names)[0])
    word: ControlWord | None = None
    if edits is None and not automatic:
        if to_ai:
            word = control_word(body, view.names, addressed=signs)
        elif is_off_record_word(body, in_thread=thread is not None):
            word = ControlWord.OFF_RECORD  # It only tightens, so nobody need be named.
    covered = view.off_record != () and any(
        each.covers(at, event_id=edits or event_id, thread=thread, to_ai=to_ai) for each in view.off_record
    )
    messages = event_type.startswith("m.room.message") or event_type == "m.room.encrypted" or event_type in _MESSAGES
    return Classified(
        Kind.EDIT if edits is not None else Kind.MESSAGE if messages else Kind.OTHER,
        at,
        Control.WORD if word is not None else None,
        word=word,
        addressed=to_ai and edits is None,
        to_ai=to_ai,
        own=own,
        automatic=automatic,
        encrypted=event_type == "m.room.encrypted",
        off_record=covered or is_off_record(body, view.names),
        thread=thread,
        reply_to=reply_to,
        edits=edits,
    )


_MESSAGES: Final = frozenset(
    f"{prefix}.{what}" for prefix in ("m.poll", "org.matrix.msc3381.poll") for what in ("start", "response", "end")
) | {"m.sticker"}


def _relates_to_ai(rel_type: str | None, target: str | None, reply_to: str | None, view: RoomView) -> bool:
    if reply_to is not None and view.is_ai_event(reply_to):
        return True
    if target is None:
        return False
    if rel_type == "m.thread":
        return view.is_ai_event(target) or view.is_ai_thread(target)
    # A vote in the AI's poll relates by reference.
    return rel_type == "m.reference" and view.is_ai_event(target)


def _is_mentioned(said: Json, ai: str) -> bool:
    users = mapping(said.get("m.mentions")).get("user_ids")
    if isinstance(users, list) and ai in cast("list[object]", users):
        return True
    html = text(said.get("formatted_body"))
    if html is None or "matrix" not in html.casefold():
        return False
    # The quote of a reply links to whoever is quoted; that is not a call.
    for link in _LINK.finditer(_without_mx_reply(html)):
        named = unquote(link[2])
        if (named if link[1].casefold().startswith("https") else f"@{named}") == ai:
            return True
    return False


def is_hide(key: str) -> bool:
    """Say whether a reaction key is 🙈, with or without a variation selector."""
    return key.rstrip("\ufe0f") == HIDE_KEY


def without_quotes(content: Json) -> dict[str, object]:
    """Return a message content without the reply fallback in its bodies: that is somebody else's text (G4)."""
    clean = _own_text(content)
    if "m.new_content" in content:
        clean["m.new_content"] = _own_text(mapping(content["m.new_content"]))
    return clean


def _own_text(content: Json) -> dict[str, object]:
    # An edit has no edit inside: following the nesting down would let a deep one exhaust the stack.
    clean = {key: value for key, value in content.items() if key != "m.new_content"}
    body, html = text(content.get("body")), text(content.get("formatted_body"))
    if body is not None:
        clean["body"] = without_reply_fallback(body)
    if html is not None:
        clean["formatted_body"] = _without_mx_reply(html)
    return clean


def _without_mx_reply(html: str) -> str:
    if "mx-reply" not in html.casefold():
        return html
    # Tag by tag, since a pattern over the whole quote takes quadratic time on many opening tags.
    kept: list[str] = []
    depth, start = 0, 0
    for tag in _MX_REPLY.finditer(html):
        if depth == 0:
            kept.append(html[start : tag.start()])
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        start = tag.end()
    return "".join(kept) + (html[start:] if depth == 0 else "")


def _written_at(given: Json, view: RoomView) -> int:
    origin = given.get("origin_server_ts")
    if not isinstance(origin, int) or isinstance(origin, bool) or origin < 0:
        return 0  # Older than anything, so denied wherever age counts.
    return min(origin, view.received_at)


def mapping(value: object) -> Json:
    """Return a JSON object, an empty one for anything else."""
    if isinstance(value, dict):
        return cast("Json", value)  # What JSON parsers make has no other keys than strings.
    if not isinstance(value, Mapping):
        return _NOTHING
    given = cast("Mapping[object, object]", value)
    return cast("Json", given) if all(isinstance(key, str) for key in given) else _NOTHING


def text(value: object) -> str | None:
    """Return a string, None for anything else."""
    return value if isinstance(value, str) else None
