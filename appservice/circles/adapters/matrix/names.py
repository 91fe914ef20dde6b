"""What people and rooms are called, asked of the homeserver and kept in memory for a short while only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, cast

from circles.adapters.matrix.client import MatrixClient
from circles.core.ids import RoomID, UserID
from circles.errors import MatrixForbidden, MatrixNotFound
from circles.ports import TellsTime

FRESH: Final = timedelta(minutes=2)
MOST_ROOMS: Final = 500


class Names:
    """Implements `ports.NamesPeople`."""

    def __init__(self, client: MatrixClient, clock: TellsTime) -> None:
        """Take the client to ask with."""
        self._client = client
        self._clock = clock
        self._people: dict[RoomID, tuple[datetime, dict[UserID, str]]] = {}
        self._forgotten = 0

    def forget(self, room_id: RoomID) -> None:
        """Ask anew next time: someone came, went or changed their name."""
        self._people.pop(room_id, None)
        self._forgotten += 1

    async def people(self, room_id: RoomID) -> Mapping[UserID, str]:
        """Return the joined members' display names; of a room we are not in, nobody's."""
        now = self._clock.now()
        known = self._people.get(room_id)
        if known is not None and now - known[0] < FRESH:
            return known[1]
        forgotten = self._forgotten
        try:
            joined = await self._client.joined_members(room_id)
        except (MatrixForbidden, MatrixNotFound):
            return {}
        names = {UserID(user): _name(user, profile) for user, profile in joined.items()}
        if forgotten != self._forgotten:
            return names  # Someone came or went while we asked: good for now, not for later.
        while len(self._people) >= MOST_ROOMS:
            self._people.pop(next(iter(self._people)))
        self._people[room_id] = (now, names)
        return names

    async def room(self, room_id: RoomID) -> str:
        """Return the room's name, else its alias, else its members' names."""
        for type_, key in (("m.room.name", "name"), ("m.room.canonical_alias", "alias")):
            try:
                value = (await self._client.state_event(room_id, type_)).get(key)
            except (MatrixForbidden, MatrixNotFound):
                continue
            if isinstance(value, str) and value.strip():
                return _one_line(value)
        return ", ".join(
            sorted(name for user, name in (await self.people(room_id)).items() if user != self._client.user_id)
        )


def _name(user_id: str, profile: object) -> str:
    name = cast("dict[str, object]", profile).get("display_name") if isinstance(profile, dict) else None
    return _one_line(name) if isinstance(name, str) and name.strip() else user_id[1:].partition(":")[0]


def _one_line(text: str) -> str:
    """Return a name as one short line: a name with line breaks could pretend to be another line of an answer."""
    return " ".join("".join(sign for sign in text if sign.isprintable() or sign.isspace()).split())[:60]
