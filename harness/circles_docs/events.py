"""docs/reference/events.md and policy.schema.json: what of ours stands in rooms, for other programs."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Any

from circles.adapters.matrix.creation import KEY_KEY
from circles.adapters.matrix.crypto.device import MARK_TYPE
from circles.adapters.matrix.direct import KIND_KEY
from circles.core.compose import mark
from circles_docs.markdown import block, code, codes, head, table
from circles_plugin.approval import START_TYPE
from circles_plugin.stamp import STAMP_KEYS, stamped
from circles_policies.content import MARK_KEY, POLICY_TYPE, PROPOSAL_KEY, Authorisation, to_content, to_proposal
from circles_policies.model import (
    MODEL_NAME,
    SCHEMA_VERSION,
    Actor,
    Keep,
    Policy,
    Preset,
    Reach,
    Read,
    Store,
    When,
    Who,
    preset,
)

KICK_TYPE = "io.github.matrix_circles.kick"
_EXAMPLE = "$a2s1bXVtOmhvbWUuZXhhbXBsZQ"

_INTRO = """\
Everything of ours that other homeservers and clients see, besides ordinary messages, reactions and edits.
No message text, display name or room name is ever in room state.
Names begin with `io.github.matrix_circles`; a program that meets one it does not know must ignore it."""


def page() -> str:
    """Return the page."""
    approved = Authorisation(_EXAMPLE, "@mei:home.example")
    policy = preset(Preset.ON_CALL)
    said = {
        "kind": "summary",
        "sources": [_EXAMPLE],
        "body": f"https://matrix.to/#/!family/{_EXAMPLE}",
        "mark": {"model": "qwen3:8b"},
    }
    message = {"body": "…", MARK_KEY: mark(said, "0b9c")}
    after = stamped(message, policy_event=_EXAMPLE, policy=policy)
    return (
        head("Events and keys", _INTRO)
        + f"\n## {POLICY_TYPE}\n\n"
        + "State, with an empty state key: what the room agreed on. The keys are explained in [policy](policy.md);\n"
        + "[policy.schema.json](policy.schema.json) is the same as JSON Schema.\n"
        + "Written by the person who decides, or by Synapse's module as that person.\n"
        + "Without the module the AI writes a copy with `authorised_by`, where it has the power.\n"
        + "The authority is the event that the copy names, never the copy.\n\n"
        + block("json", _json(to_content(policy, authorised_by=approved)))
        + f"\n## {PROPOSAL_KEY}\n\n"
        + "A key in a notice of the AI: which policy each reaction on it stands for, one to five.\n"
        + "Whoever holds the power approves by that reaction, and their own event is then the authority.\n\n"
        + block("json", _json({PROPOSAL_KEY: to_proposal({"1️⃣": preset(Preset.ADDRESSED)})}))
        + f"\n## {MARK_KEY}\n\n"
        + "A key in every message of the AI: the AI mark.\n\n"
        + block("json", _json({MARK_KEY: after[MARK_KEY]}))
        + "\n"
        + table(
            ("key", "means", "by"),
            [
                (code("kind"), "what the message is: an answer, a reminder, the banner …", "the AI"),
                (code("effect"), "the number of the outbox row it was sent from", "the AI"),
                (code("model"), "which model wrote it; null or absent: none", "the AI"),
                (code("sources"), "the messages it links to, and no others; absent: none", "the AI"),
                (code(STAMP_KEYS[0]), "the homeserver's module vouches for this mark", "the module"),
                (code(STAMP_KEYS[1]), "the policy event in force", "the module"),
                (code(STAMP_KEYS[2]), "the preset, if the policy is one", "the module"),
            ],
        )
        + "\nThe module takes this key out of everybody else's messages, so on its own homeserver nobody can fake it.\n"
        + "\n## Rooms the AI made\n\n"
        + table(
            ("key in m.room.create", "means"),
            [
                (code(KIND_KEY), f"{codes(('circle', 'direct', 'control'))}: what the room is for"),
                (code(KEY_KEY), "a hash of what asked for the circle, so that a repeat finds its own room"),
            ],
        )
        + "\n## Between the AI and its homeserver\n\n"
        + table(
            ("type", "where", "means"),
            [
                (code(KICK_TYPE), "the AI's own control room", "after a start: lets the homeserver deliver what waits"),
                (
                    code(MARK_TYPE),
                    "account data of the AI's user",
                    "which device it is, and a mark that shows keys restored from a backup: "
                    + codes(("device_id", "mark")),
                ),
                (
                    code(START_TYPE),
                    "the circle",
                    "the AI asks the module to publish a policy whose day has come: "
                    + codes(("proposal", "key", "approval")),
                ),
            ],
        )
    )


def documented() -> tuple[str, ...]:
    """Return every name of ours that the page explains."""
    return (POLICY_TYPE, PROPOSAL_KEY, MARK_KEY, KIND_KEY, KEY_KEY, KICK_TYPE, START_TYPE, MARK_TYPE)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy's content.

    It lets in whatever the program reads, and a little more: that a preset's name fits the values is not said in it.
    """
    count = {name: _bounds(kind, name) for kind, name in ((Read, "hours"), (Read, "messages"), (Store, "days"))}
    days_allowed = [_word(Keep.MESSAGES), _word(Keep.DERIVED)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": POLICY_TYPE,
        "type": "object",
        "required": ["schema", "trigger", "read", "store", "send", "act"],
        "additionalProperties": False,
        "properties": {
            "schema": {"type": "integer", "minimum": 1, "maximum": SCHEMA_VERSION},
            "preset": {"enum": [key.value for key in Preset]},
            "trigger": {"type": "boolean"},
            "read": {
                "type": "object",
                "required": ["who", "when"],
                "additionalProperties": False,
                "properties": {
                    "who": {"enum": [each.value for each in Who]},
                    "when": {"enum": [each.value for each in When]},
                    "hours": count["hours"],
                    "messages": count["messages"],
                },
            },
            "store": {
                "type": "object",
                "required": ["keep"],
                "additionalProperties": False,
                "properties": {"keep": {"enum": [_word(each) for each in Keep]}, "days": count["days"]},
                "allOf": [
                    {
                        "if": {"properties": {"keep": {"const": _word(Keep.MESSAGES)}}},
                        "then": {"required": ["days"]},
                    },
                    {
                        "if": {"required": ["days"]},
                        "then": {"properties": {"keep": {"enum": days_allowed}}},
                    },
                ],
            },
            "send": {"enum": [_word(each) for each in Reach]},
            "model": {"type": "string", "pattern": MODEL_NAME},
            "act": {"enum": [_word(each) for each in Actor]},
            "authorised_by": {
                "type": "object",
                "required": ["event_id", "user_id"],
                "additionalProperties": False,
                "properties": {
                    "event_id": {"type": "string", "pattern": "^\\$"},
                    "user_id": {"type": "string", "pattern": "^@"},
                },
            },
        },
        "examples": [to_content(preset(key)) for key in Preset],
        "default": to_content(Policy()),
    }


def schema_page() -> str:
    """Return the file."""
    return _json(schema()) + "\n"


def _word(value: IntEnum) -> str:
    return value.name.lower()


def _bounds(kind: type[Read] | type[Store], name: str) -> dict[str, Any]:
    # The bound is on the number inside "number or None", so it is read from pydantic's own schema.
    options = kind.model_json_schema()["properties"][name]["anyOf"]
    return next(dict(option) for option in options if option["type"] == "integer")


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
