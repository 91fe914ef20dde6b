"""The homeserver's stamp in the AI mark of what the AI writes, and its removal from everybody else's. Pure.

The stamp stands in the clear content, also beside ciphertext, so it is signed with the event and federates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from circles_policies import MARK_KEY, Policy, preset_of

Json = Mapping[str, object]

_NEW_CONTENT: Final = "m.new_content"
_UNSTAMPED: Final = frozenset({"m.reaction", "m.room.redaction"})
STAMP_KEYS: Final = ("stamped", "policy_event", "preset")
"""The keys of the mark that only the homeserver writes."""


def takes_a_stamp(event_type: str, *, is_state: bool) -> bool:
    """Say whether an event of the AI is output: whatever people may see as its words."""
    return not is_state and event_type not in _UNSTAMPED


def stamped(content: Json, *, policy_event: str | None, policy: Policy | None) -> dict[str, object]:
    """Return the content with the stamp in its mark; what the service put there stays.

    Args:
        content: what the AI sends.
        policy_event: the event ID of the policy in force, which is its version.
        policy: that policy, None where none is in force.
    """
    stamp: dict[str, object] = {"stamped": True}
    if policy is not None and policy_event is not None:
        stamp["policy_event"] = policy_event
        key = preset_of(policy)
        if key is not None:
            stamp["preset"] = key.value
    return _with_stamp(content, stamp)


def _with_stamp(content: Json, stamp: Json) -> dict[str, object]:
    given = content.get(MARK_KEY)
    mark = dict(cast("Json", given)) if isinstance(given, Mapping) else {}
    kept = {key: value for key, value in mark.items() if key not in STAMP_KEYS}
    result: dict[str, object] = {**content, MARK_KEY: {**kept, **stamp}}
    new = content.get(_NEW_CONTENT)
    if isinstance(new, Mapping):
        # A client shows the new content of an edit instead of the old one, with its mark.
        result[_NEW_CONTENT] = _with_stamp(cast("Json", new), stamp)
    return result


def without_mark(content: Json) -> dict[str, object] | None:
    """Return the content without the AI mark, None if it carries none. A forwarded message of the AI carries one."""
    new = content.get(_NEW_CONTENT)
    inner = without_mark(cast("Json", new)) if isinstance(new, Mapping) else None
    if MARK_KEY not in content and inner is None:
        return None
    result = {key: value for key, value in content.items() if key != MARK_KEY}
    if inner is not None:
        result[_NEW_CONTENT] = inner
    return result
