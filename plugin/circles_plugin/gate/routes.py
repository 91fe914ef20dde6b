"""What the AI may ask of the homeserver: one readable table. What is not in it does not exist for the AI.

Pure. The paths are those of the client-server API (spec v1.15) from `/_matrix` on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote


class Treatment(StrEnum):
    """What the gate does with a request and its answer."""

    AS_IT_IS = "as_it_is"
    """Handed on as it is: it shows nothing that people said."""
    SEND = "send"
    """Handed on with the device, without which a repeat after a restart would be a second event (measured)."""
    REGISTER = "register"
    """Handed on with `inhibit_login`: else the answer would hold an access token that knows no gate."""
    MESSAGES = "messages"
    """Each event of the answer goes through the filter."""
    EVENT = "event"
    """The event goes through the filter; a forbidden one is not found."""
    MEMBERS = "members"
    """Names without pictures."""
    STATE = "state"
    """Of listed types, with listed keys."""
    STATE_EVENT = "state_event"
    MEDIA = "media"
    """Only with the event that carries it, which goes through the filter."""
    SYNC = "sync"
    """Asked for no room, and rebuilt from the keys that encryption needs."""
    STANDING = "standing"
    """Not the homeserver's: what the service tells the gate about a person's choice."""
    SOME_STANDINGS = "some_standings"
    """The same about many people of a room."""
    STANDINGS = "standings"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table: a method and a path template."""

    method: str
    template: str
    treatment: Treatment


_CLIENT: Final = "/_matrix/client/v3"
_ROOM: Final = f"{_CLIENT}/rooms/{{room_id}}"
_OURS: Final = "/_circles/v1"

ROUTES: Final = (
    Route("GET", "/_matrix/client/versions", Treatment.AS_IT_IS),
    Route("GET", f"{_CLIENT}/account/whoami", Treatment.AS_IT_IS),
    Route("POST", "/_matrix/client/v1/appservice/{appservice_id}/ping", Treatment.AS_IT_IS),
    Route("POST", f"{_CLIENT}/register", Treatment.REGISTER),
    Route("GET", f"{_CLIENT}/devices/{{device_id}}", Treatment.AS_IT_IS),
    Route("PUT", f"{_CLIENT}/devices/{{device_id}}", Treatment.AS_IT_IS),
    Route("DELETE", f"{_CLIENT}/devices/{{device_id}}", Treatment.AS_IT_IS),
    Route("GET", f"{_CLIENT}/devices", Treatment.AS_IT_IS),
    Route("GET", f"{_CLIENT}/profile/{{user_id}}", Treatment.AS_IT_IS),
    Route("GET", f"{_CLIENT}/profile/{{user_id}}/displayname", Treatment.AS_IT_IS),
    Route("PUT", f"{_CLIENT}/profile/{{user_id}}/displayname", Treatment.AS_IT_IS),
    Route("GET", f"{_CLIENT}/user/{{user_id}}/account_data/{{type}}", Treatment.AS_IT_IS),
    Route("PUT", f"{_CLIENT}/user/{{user_id}}/account_data/{{type}}", Treatment.AS_IT_IS),
    Route("GET", f"{_CLIENT}/joined_rooms", Treatment.AS_IT_IS),
    Route("POST", f"{_CLIENT}/createRoom", Treatment.AS_IT_IS),
    Route("POST", f"{_CLIENT}/join/{{room_id}}", Treatment.AS_IT_IS),
    Route("POST", f"{_ROOM}/join", Treatment.AS_IT_IS),
    Route("POST", f"{_ROOM}/leave", Treatment.AS_IT_IS),
    Route("POST", f"{_ROOM}/forget", Treatment.AS_IT_IS),
    Route("POST", f"{_ROOM}/invite", Treatment.AS_IT_IS),
    Route("GET", f"{_CLIENT}/directory/room/{{alias}}", Treatment.AS_IT_IS),
    Route("PUT", f"{_CLIENT}/directory/room/{{alias}}", Treatment.AS_IT_IS),
    Route("DELETE", f"{_CLIENT}/directory/room/{{alias}}", Treatment.AS_IT_IS),
    Route("PUT", f"{_ROOM}/send/{{type}}/{{txn_id}}", Treatment.SEND),
    Route("PUT", f"{_ROOM}/redact/{{event_id}}/{{txn_id}}", Treatment.SEND),
    Route("PUT", f"{_ROOM}/state/{{type}}/{{state_key}}", Treatment.AS_IT_IS),
    Route("PUT", f"{_ROOM}/state/{{type}}", Treatment.AS_IT_IS),
    Route("PUT", f"{_ROOM}/typing/{{user_id}}", Treatment.AS_IT_IS),
    Route("POST", "/_matrix/media/v3/upload", Treatment.AS_IT_IS),
    Route("GET", f"{_ROOM}/messages", Treatment.MESSAGES),
    Route("GET", f"{_ROOM}/event/{{event_id}}", Treatment.EVENT),
    Route("GET", f"{_ROOM}/joined_members", Treatment.MEMBERS),
    Route("GET", f"{_ROOM}/state", Treatment.STATE),
    Route("GET", f"{_ROOM}/state/{{type}}/{{state_key}}", Treatment.STATE_EVENT),
    Route("GET", f"{_ROOM}/state/{{type}}", Treatment.STATE_EVENT),
    Route("GET", "/_matrix/client/v1/media/download/{server_name}/{media_id}", Treatment.MEDIA),
    Route("GET", f"{_CLIENT}/sync", Treatment.SYNC),
    Route("POST", f"{_CLIENT}/keys/upload", Treatment.SEND),
    Route("POST", f"{_CLIENT}/keys/query", Treatment.AS_IT_IS),
    Route("POST", f"{_CLIENT}/keys/claim", Treatment.AS_IT_IS),
    Route("GET", f"{_CLIENT}/keys/changes", Treatment.AS_IT_IS),
    Route("POST", f"{_CLIENT}/keys/device_signing/upload", Treatment.AS_IT_IS),
    Route("POST", f"{_CLIENT}/keys/signatures/upload", Treatment.AS_IT_IS),
    Route("PUT", f"{_CLIENT}/sendToDevice/{{type}}/{{txn_id}}", Treatment.SEND),
    Route("PUT", f"{_OURS}/rooms/{{room_id}}/standings/{{user_id}}", Treatment.STANDING),
    Route("POST", f"{_OURS}/rooms/{{room_id}}/standings", Treatment.SOME_STANDINGS),
    Route("GET", f"{_OURS}/rooms/{{room_id}}/standings", Treatment.STANDINGS),
)


@dataclass(frozen=True, slots=True)
class Match:
    """A request that is in the table, and what stands in the holes of its template, unquoted."""

    route: Route
    parts: Mapping[str, str]


def find(method: str, path: str) -> Match | None:
    """Return what a request is, None for one that is not in the table.

    Args:
        method: in capitals.
        path: still quoted, without the query: a room id may hold a quoted slash.
    """
    for route, pattern in _PATTERNS:
        if route.method == method and (found := pattern.fullmatch(path)) is not None:
            return Match(route, {name: unquote(value) for name, value in found.groupdict().items()})
    return None


def _pattern(template: str) -> re.Pattern[str]:
    holes = re.split(r"(\{[a-z_]+\})", template)
    # A dot segment would be resolved on the way and become another path than the one that was looked up.
    parts = (
        rf"(?P<{part[1:-1]}>(?!\.{{1,2}}(?:/|$))[^/?#]*)" if part.startswith("{") else re.escape(part) for part in holes
    )
    return re.compile("".join(parts))


_PATTERNS: Final = tuple((route, _pattern(route.template)) for route in ROUTES)
