"""Which servers may take part in a room: `m.room.server_acl` (client-server API, "Server Access Control Lists").

Junk counts as absent, and without `allow` nobody may.  Ports are not looked at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import cast

from circles_policies.events import text


def may_take_part(content: Mapping[str, object], server: str) -> bool:
    """Say whether a room's list lets a server take part."""
    name = _host(server)
    if content.get("allow_ip_literals") is False and _is_ip_literal(name):
        return False
    if any(_matches(pattern, name) for pattern in _patterns(content.get("deny"))):
        return False
    return any(_matches(pattern, name) for pattern in _patterns(content.get("allow")))


def _patterns(value: object) -> list[str]:
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return [pattern for each in listed if (pattern := text(each)) is not None]


def _host(server: str) -> str:
    """Return a server name without its port."""
    if server.startswith("["):
        return server.partition("]")[0] + "]"
    return server.partition(":")[0]


def _is_ip_literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _matches(pattern: str, name: str) -> bool:
    """Match a glob: `*` any characters, `?` exactly one. In steps, so that no pattern of a stranger is slow."""
    pattern, name = pattern.casefold(), name.casefold()
    at = place = 0
    star, tried = -1, 0
    while at < len(name):
        if place < len(pattern) and pattern[place] == "*":
            star, tried = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", name[at]):
            place, at = place + 1, at + 1
        elif star >= 0:
            tried += 1
            place, at = star + 1, tried
        else:
            return False
    return not pattern[place:].strip("*")
