"""What the AI says, put into the form its room asks for: encrypted where the room is, and never plain by mistake."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from typing import Any

from nio.crypto import encrypt_attachment
from sqlalchemy import Connection

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.client import Crypto
from circles.core import compose
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.facts import posts, rooms
from circles.ports import Database

Json = dict[str, Any]


class Sealing:
    """Sends words and files."""

    def __init__(self, database: Database, client: MatrixClient, crypto: Crypto) -> None:
        """Take the keys."""
        self._database = database
        self._client = client
        self._crypto = crypto

    async def is_encrypted(self, room_id: RoomID) -> bool:
        """Return whether words in a room must be encrypted: as the rows say, else as the homeserver says now.

        What is encrypted stays so: a later state event that says otherwise is not believed (spec "m.room.encryption").

        Raises:
            MatrixError: it cannot be told, so nothing may be said.
        """
        facts = await self._database.read(partial(rooms.room_facts, room_id=room_id))
        if facts is not None and facts.encrypted:
            return True
        if not await self._crypto.is_encrypted(room_id):
            return False
        await self._database.write(partial(rooms.save_room, room_id=room_id, encrypted=True))
        return True

    async def is_secret(self, effect_id: EffectID) -> bool:
        """Return whether a private post is about an encrypted room: then it may not stand in a plain one."""

        def read(connection: Connection) -> bool:
            said = posts.by_effect(connection, effect_id, sent=False)
            facts = rooms.room_facts(connection, said.about) if said is not None else None
            return facts is not None and facts.encrypted

        return await self._database.read(read)

    async def has_devices(self, user_id: UserID) -> bool:
        """Return whether a person can read what is encrypted."""
        return await self._crypto.has_devices(user_id)

    async def send(self, room_id: RoomID, content: Mapping[str, Any], txn_id: str, *, encrypted: bool) -> EventID:
        """Send a message. A repeat may carry another ciphertext: its transaction ID makes it the same event."""
        if not encrypted:
            return await self._client.send(room_id, "m.room.message", content, txn_id)
        hidden, clear = compose.parted(content)
        sealed = await self._crypto.encrypt(room_id, "m.room.message", hidden)
        return await self._client.send(room_id, "m.room.encrypted", {**sealed, **clear}, txn_id)

    async def upload(self, attachment: Mapping[str, Any], *, encrypted: bool) -> Json:
        """Upload a post's file and return the keys of the message that show it."""
        data = base64.b64decode(attachment["data"])
        if not encrypted:
            uri = await self._client.upload(data, attachment["name"], attachment["media_type"])
            return compose.file({"url": uri}, attachment, len(data))
        ciphertext, keys = encrypt_attachment(data)
        uri = await self._client.upload(ciphertext, "", "application/octet-stream")
        return compose.file({"file": {**keys, "url": uri}}, attachment, len(data))
