"""Direct messages with people: the one they began, or one of ours, found again by its alias and never made twice."""

from __future__ import annotations

import hashlib
import itertools
from functools import partial
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.machine import MEGOLM
from circles.adapters.matrix.crypto.sealing import Sealing
from circles.core.ids import RoomID, UserID
from circles.errors import MatrixBadRequest, MatrixForbidden, MatrixNotFound
from circles.facts import rooms as facts
from circles.ports import Database

KIND_KEY: Final = "io.github.matrix_circles.kind"
"""In the create event of rooms we make: "direct" or "circle"."""

ENCRYPTION: Final = {"algorithm": MEGOLM}


class DirectRooms:
    """Finds or makes the direct message with a person."""

    def __init__(
        self, database: Database, client: MatrixClient, sealing: Sealing, server_name: str, alias_prefix: str
    ) -> None:
        """Take the prefix of our exclusive alias namespace."""
        self._database = database
        self._client = client
        self._sealing = sealing
        self._server_name = server_name
        self._alias_prefix = alias_prefix

    async def room_for(self, user_id: UserID, *, secret: bool = False) -> RoomID:
        """Return the direct message with a person, inviting them back if they left it.

        Args:
            secret: what is to be said is about an encrypted room, so this one must be encrypted too.
        """
        known = (await self._database.read(lambda c: facts.person(c, user_id))).direct_room
        if known is not None:
            present = await self._database.read(lambda c: self._present(c, known, user_id))
            usable = present or (present is not None and await self._invited(known, user_id))
            if usable and (not secret or await self._is_sealed(known)):
                return known
        room_id = await self._make(user_id, secret=secret)

        def note(connection: Connection) -> None:
            facts.save_person(connection, user_id, direct_room=room_id)
            facts.save_room(connection, room_id, direct=True, membership="join")
            if not facts.is_joined(connection, room_id, user_id):
                # What is said before they come is encrypted for them too.
                facts.save_member(connection, room_id, user_id, membership="invite")

        await self._database.write(note)
        return room_id

    def _present(self, connection: Connection, room_id: RoomID, user_id: UserID) -> bool | None:
        """Return whether a person is in a room; None where nothing can be said to them alone there any more."""
        room = facts.room_facts(connection, room_id)
        if room is None or room.membership != "join" or not room.direct:
            return None
        return facts.is_joined(connection, room_id, user_id)

    async def _is_sealed(self, room_id: RoomID) -> bool:
        """Return whether a room is encrypted, after encrypting it where we may."""
        if await self._sealing.is_encrypted(room_id):
            return True
        try:
            await self._client.put_state(room_id, "m.room.encryption", "", ENCRYPTION)
        except MatrixForbidden:
            return False
        return await self._sealing.is_encrypted(room_id)

    async def _make(self, user_id: UserID, *, secret: bool) -> RoomID:
        """Create the room, encrypted if the person can read that, or must. The alias makes this safe to repeat:
        createRoom has no transaction ID.
        """
        encrypted = secret or await self._sealing.has_devices(user_id)
        state = [{"type": "m.room.encryption", "state_key": "", "content": ENCRYPTION}] if encrypted else []
        first = f"{self._alias_prefix}dm-{hashlib.sha256(user_id.encode()).hexdigest()[:24]}"
        for number in itertools.count(1):
            localpart = first if number == 1 else f"{first}-{number}"
            body = {
                "preset": "trusted_private_chat",
                "is_direct": True,
                "invite": [user_id],
                "room_alias_name": localpart,
                "initial_state": state,
                "creation_content": {KIND_KEY: "direct"},
            }
            try:
                made = await self._client.request("POST", "/_matrix/client/v3/createRoom", body)
            except MatrixBadRequest as error:
                if error.errcode != "M_ROOM_IN_USE":
                    raise
            else:
                return RoomID(str(made["room_id"]))
            room_id = await self._client.alias_room(f"#{localpart}:{self._server_name}")
            # One that others came into is a circle now: what is private must not be said there.
            known = await self._database.read(partial(facts.room_facts, room_id=room_id))
            usable = (known is None or known.direct) and await self._invited(room_id, user_id)
            if usable and (not secret or await self._is_sealed(room_id)):
                return room_id
        raise AssertionError  # itertools.count does not end.

    async def _invited(self, room_id: RoomID, user_id: UserID) -> bool:
        """Invite a person who is not there; return whether the room can still be used."""
        try:
            path = f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}"
            membership = await self._membership(room_id, user_id)
            if membership not in ("join", "invite"):
                await self._client.request("POST", f"{path}/invite", {"user_id": user_id})
        except (MatrixForbidden, MatrixNotFound):
            return False
        return True

    async def _membership(self, room_id: RoomID, user_id: UserID) -> str:
        try:
            return str((await self._client.state_event(room_id, "m.room.member", user_id)).get("membership", "leave"))
        except MatrixNotFound:
            return "leave"
