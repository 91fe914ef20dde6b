"""Circles are created by a founder that leaves, so that the AI is nobody's creator and holds the least power it needs.

In room version 12 a creator's power is infinite and cannot be given up.  So a helper user of our namespace creates the
room with the asker as additional creator, invites the asker and the AI, and leaves.  createRoom has no transaction ID:
the alias makes it happen once, and every later step looks before it repeats, so a creation cut short anywhere is
finished by the next try.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, cast
from urllib.parse import quote

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.direct import KIND_KEY
from circles.core.ids import RoomID, UserID
from circles.errors import MatrixBadRequest, MatrixForbidden, MatrixNotFound
from circles.ports import NewRoom
from circles_policies.content import POLICY_TYPE

KEY_KEY: Final = "io.github.matrix_circles.key"
"""In the create event: a hash of what asked for the circle, so that a repeat knows its own room from another's."""
ROOM_VERSION: Final = "12"
AI_LEVEL: Final = 50

_EVENTS: Final = {
    POLICY_TYPE: AI_LEVEL,
    "m.room.pinned_events": AI_LEVEL,
    "m.room.avatar": 100,
    "m.room.canonical_alias": 100,
    "m.room.encryption": 100,
    "m.room.guest_access": 100,
    "m.room.history_visibility": 100,
    "m.room.join_rules": 100,
    "m.room.name": 100,
    "m.room.power_levels": 100,
    "m.room.server_acl": 100,
    "m.room.third_party_invite": 100,
    "m.room.tombstone": 150,
    "m.room.topic": 100,
    "im.vector.modular.widgets": 100,
    "m.space.child": 100,
    "m.space.parent": 100,
}
"""The whole map: an override replaces it (measured), and what is missing would fall to the default.

A policy is written by whoever decides here and, as its published copy, by the AI, who also pins the banner; no more.
A tombstone needs 150 in version 12, which only creators have.
"""


def power_levels(ai: UserID) -> dict[str, Any]:
    """Return the levels of a new circle. Creators are above them all and may not be listed (room version 12)."""
    return {
        "users": {ai: AI_LEVEL},
        "users_default": 0,
        "events": dict(_EVENTS),
        "events_default": 0,
        "state_default": 100,
        "ban": 100,
        "kick": 100,
        "redact": 100,
        "invite": 0,
        "notifications": {"room": 100},
    }


class Creation:
    """Implements `ports.CreatesRooms` and `ports.KnowsDoors`."""

    def __init__(self, client: MatrixClient, server_name: str, alias_prefix: str, ghost_prefix: str) -> None:
        """Take the AI's client and the prefixes of our exclusive namespaces."""
        self._client = client
        self._ai = client.user_id
        self._server_name = server_name
        self._alias_prefix = alias_prefix
        self._localpart = f"{ghost_prefix}founder"
        self.founder: Final = UserID(f"@{self._localpart}:{server_name}")
        self._registered = False

    async def create(self, room: NewRoom) -> RoomID:
        """Create the room, or finish and return the one an earlier attempt with the same key made.

        Raises:
            MatrixBadRequest: with `errcode` M_ROOM_IN_USE: the number belongs to another circle.
            MatrixError: the homeserver refused or did not answer; to be tried again.
        """
        await self._register()
        room_id = await self._found(room)
        await self._settle(room_id, room.asker)
        return room_id

    async def is_open(self, room_id: RoomID) -> bool | None:
        """Return whether whoever has the link can join; None where the AI may not see it."""
        try:
            rule = (await self._client.state_event(room_id, "m.room.join_rules")).get("join_rule")
        except (MatrixForbidden, MatrixNotFound):
            return None
        return rule == "public"

    async def _register(self) -> None:
        if self._registered:
            return
        body = {"type": "m.login.application_service", "username": self._localpart, "inhibit_login": True}
        try:
            await self._client.request("POST", "/_matrix/client/v3/register", body)
        except MatrixBadRequest as error:
            if error.errcode != "M_USER_IN_USE":
                raise
        self._registered = True

    async def _found(self, room: NewRoom) -> RoomID:
        """Create the room, or find it by its alias."""
        alias = f"{self._alias_prefix}{room.number}"
        try:
            answer = await self._as_founder("POST", "/_matrix/client/v3/createRoom", self._body(room, alias))
        except MatrixBadRequest as error:
            if error.errcode != "M_ROOM_IN_USE":
                raise
            room_id = await self._client.alias_room(f"#{alias}:{self._server_name}")
            if not await self._is_of(room_id, room.key):
                raise
            return room_id
        return RoomID(str(answer["room_id"]))

    def _body(self, room: NewRoom, alias: str) -> dict[str, Any]:
        """Return what is asked of createRoom.

        Public by its alias and in no directory: a link, a number and a QR code let people of any homeserver in.
        History is shared, so that whoever joins finds the address that was agreed on before them.
        """
        return {
            "room_version": ROOM_VERSION,
            "preset": "private_chat",
            "visibility": "private",
            "room_alias_name": alias,
            "name": room.name,
            "topic": room.topic,
            "creation_content": {
                "additional_creators": [room.asker],
                KIND_KEY: "circle",
                KEY_KEY: _hashed(room.key),
            },
            "power_level_content_override": power_levels(self._ai),
            "initial_state": [
                {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "public"}},
                {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "shared"}},
                {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "forbidden"}},
            ],
        }

    async def _is_of(self, room_id: RoomID, key: str) -> bool:
        """Return whether the founder made this room for this key; one it cannot look into it did not make."""
        try:
            # The whole event is the only form that holds who sent it, and an alias may be moved to a stranger's room.
            event = await self._as_founder("GET", f"{_room(room_id)}/state/m.room.create/?format=event")
        except (MatrixForbidden, MatrixNotFound):
            return False
        content = cast("dict[str, Any]", event.get("content", {}))
        return event.get("sender") == self.founder and content.get(KEY_KEY) == _hashed(key)

    async def _settle(self, room_id: RoomID, asker: UserID) -> None:
        """Bring the AI and the asker in and the founder out, whatever of it is done already."""
        # Where the founder has left, this is the state as it left it, in which nothing was missing.
        if await self._membership(room_id, self._ai) != "join":
            await self._invite(room_id, self._ai)
            await self._client.request("POST", f"{_room(room_id)}/join", {})
        await self._invite(room_id, asker)
        if await self._membership(room_id, self.founder) == "join":
            await self._as_founder("POST", f"{_room(room_id)}/leave", {})

    async def _invite(self, room_id: RoomID, user_id: UserID) -> None:
        # Who left or was banned meanwhile is not called back: only an invitation that never was is made.
        if await self._membership(room_id, user_id) == "":
            await self._as_founder("POST", f"{_room(room_id)}/invite", {"user_id": user_id})

    async def _membership(self, room_id: RoomID, user_id: UserID) -> str:
        path = f"{_room(room_id)}/state/m.room.member/{quote(user_id, safe='')}"
        try:
            return str((await self._as_founder("GET", path)).get("membership", ""))
        except MatrixNotFound:
            return ""

    async def _as_founder(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self._client.request(method, path, body, user_id=self.founder)


def _room(room_id: RoomID) -> str:
    return f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}"


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
