"""Who holds which power level in a room, for room version 12 and older. Computed from state, fail closed.

Owns the one reading of `m.room.create` and `m.room.power_levels`; nothing else may look into them for a level
(in version 12 the creators are in neither, and are above everybody).  Junk counts as the default of its field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from circles_policies.content import POLICY_TYPE

Level = int | float
"""A power level; `math.inf` for the creators of a room of version 12 and newer."""

_STATE_DEFAULT: Final = 50
_ACTIONS: Final = {"ban": 50, "kick": 50, "redact": 50, "invite": 0}
_CREATORS_INFINITE_FROM: Final = 12
_CREATOR_IS_SENDER_FROM: Final = 11
_INTEGERS_ONLY_FROM: Final = 10


@dataclass(frozen=True, slots=True)
class Power:
    """The power levels of one room at one moment. Build it with `Power.of`."""

    creators: frozenset[str]
    users: Mapping[str, int]
    users_default: int
    events: Mapping[str, int]
    events_default: int
    state_default: int
    actions: Mapping[str, int]

    @classmethod
    def of(
        cls,
        create_content: Mapping[str, object],
        create_sender: str,
        power_levels: Mapping[str, object] | None,
        room_version: str,
    ) -> Power:
        """Return the levels that `m.room.create` and `m.room.power_levels` (None: there is none) give.

        A numeric version of 12 or more follows version 12. Of a version that is not a number nothing is assumed:
        only people listed in `users` have more than the default, so an unknown rule can only deny.
        """
        version = int(room_version) if room_version.isascii() and room_version.isdigit() else None
        creators: set[str] = set()
        if version is not None and version >= _CREATORS_INFINITE_FROM:
            additional = create_content.get("additional_creators")
            listed = cast("list[object]", additional) if isinstance(additional, list) else []
            creators = {create_sender, *(each for each in listed if isinstance(each, str))}
        strings = version is not None and version < _INTEGERS_ONLY_FROM
        if power_levels is None:
            users: dict[str, int] = {}
            if version is not None and version < _CREATORS_INFINITE_FROM:
                creator = create_content.get("creator") if version < _CREATOR_IS_SENDER_FROM else create_sender
                users = {creator: 100} if isinstance(creator, str) else {}
            # Without the event nobody needs a level for state, so no policy counts here: see `may_set_policy`.
            return cls(frozenset(creators), users, 0, {}, 0, 0, _ACTIONS)
        return cls(
            creators=frozenset(creators),
            users=_levels(power_levels.get("users"), strings),
            users_default=_level(power_levels.get("users_default"), 0, strings),
            events=_levels(power_levels.get("events"), strings),
            events_default=_level(power_levels.get("events_default"), 0, strings),
            state_default=_level(power_levels.get("state_default"), _STATE_DEFAULT, strings),
            actions={action: _level(power_levels.get(action), usual, strings) for action, usual in _ACTIONS.items()},
        )

    def level(self, user_id: str) -> Level:
        """Return the level of a user, joined or not."""
        return math.inf if user_id in self.creators else self.users.get(user_id, self.users_default)

    def needed_for_state(self, event_type: str) -> int:
        """Return the level needed to send state of this type."""
        return self.events.get(event_type, self.state_default)

    def needed_for(self, event_type: str) -> int:
        """Return the level needed to send a message-like event of this type."""
        return self.events.get(event_type, self.events_default)

    def may_set_state(self, user_id: str, event_type: str) -> bool:
        """Say whether this user may send state of this type."""
        return self.level(user_id) >= self.needed_for_state(event_type)

    def may_send(self, user_id: str, event_type: str) -> bool:
        """Say whether this user may send message-like events of this type."""
        return self.level(user_id) >= self.needed_for(event_type)

    def may(self, user_id: str, action: Literal["ban", "kick", "redact", "invite"]) -> bool:
        """Say whether this user may do this to others of a lower level, or to their events."""
        return self.level(user_id) >= self.actions[action]

    def may_set_policy(self, user_id: str) -> bool:
        """Say whether a policy from this user counts: what its type requires must be more than everybody has."""
        needed = self.needed_for_state(POLICY_TYPE)
        return needed > self.users_default and self.level(user_id) >= needed


def _level(value: object, usual: int, strings: bool) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if strings and isinstance(value, float) and math.isfinite(value):
        return int(value)
    if strings and isinstance(value, str):
        digits = value.strip()
        # 16 digits is more than any canonical JSON integer has; Python refuses to parse thousands.
        if len(digits) <= 17 and digits.isascii() and digits.removeprefix("-").isdigit():
            return int(digits)
    return usual


def _levels(value: object, strings: bool) -> dict[str, int]:
    if not isinstance(value, Mapping):
        return {}
    found = {
        key: (_level(level, _NOT_A_LEVEL, strings))
        for key, level in cast("Mapping[object, object]", value).items()
        if isinstance(key, str)
    }
    return {key: level for key, level in found.items() if level is not _NOT_A_LEVEL}


_NOT_A_LEVEL: Final = -(2**60)
