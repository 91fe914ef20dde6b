"""What the AI may see of a room besides messages: names, and state of listed types with listed keys. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from circles_policies import POLICY_TYPE
from circles_policies.events import mapping, text

Json = Mapping[str, object]
_STRINGS: Final = ("event_id", "room_id", "sender", "type", "state_key")
_EVERY_KEY: Final[tuple[str, ...]] = ("*",)
STATE: Final[Mapping[str, tuple[str, ...]]] = {
    "m.room.create": (
        "room_version",
        "creator",
        "additional_creators",
        "type",
        "predecessor",
        "m.federate",
        # How the AI knows its own rooms again.
        "io.github.matrix_circles.kind",
    ),
    "m.room.power_levels": (
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
    "m.room.member": ("membership", "is_direct"),
    "m.room.encryption": ("algorithm", "rotation_period_ms", "rotation_period_msgs"),
    "m.room.tombstone": ("replacement_room",),
    "m.room.join_rules": ("join_rule",),
    "m.room.history_visibility": ("history_visibility",),
    "m.room.server_acl": ("allow", "deny", "allow_ip_literals"),
    "m.room.pinned_events": ("pinned",),
    "m.room.retention": ("max_lifetime", "min_lifetime"),
    "m.room.name": ("name",),
    "m.room.canonical_alias": ("alias",),
    # Whole: a policy with one key taken out could mean something else.
    POLICY_TYPE: _EVERY_KEY,
}
"""Which keys of which types. What a room is about (its topic) and what it looks like are not among them."""


def members(answer: Json) -> dict[str, object]:
    """Return who is joined and how they are called, without their pictures."""
    named: dict[str, object] = {}
    for user_id, profile in mapping(answer.get("joined")).items():
        name = text(mapping(profile).get("display_name"))
        named[user_id] = {} if name is None else {"display_name": name}
    return {"joined": named}


def state(events: list[object]) -> list[dict[str, object]]:
    """Return the state events of listed types, rebuilt."""
    shown: list[dict[str, object]] = []
    for each in events:
        event = mapping(each)
        content = state_content(text(event.get("type")) or "", mapping(event.get("content")))
        if content is not None:
            kept: dict[str, object] = {key: event[key] for key in _STRINGS if isinstance(event.get(key), str)}
            if isinstance(event.get("origin_server_ts"), int):
                kept["origin_server_ts"] = event["origin_server_ts"]
            shown.append(kept | {"content": content})
    return shown


def state_content(event_type: str, content: Json) -> dict[str, object] | None:
    """Return the listed keys of a state event's content, None for a type that is not listed."""
    keys = STATE.get(event_type)
    if keys is None:
        return None
    if keys is _EVERY_KEY:
        return dict(content)
    return {key: content[key] for key in keys if key in content}


def media_of(event: Json) -> str | None:
    """Return the `mxc:` address that a message carries, None where there is none."""
    content = mapping(event.get("content"))
    encrypted = mapping(content.get("file"))
    return text(content.get("url")) or text(encrypted.get("url"))
