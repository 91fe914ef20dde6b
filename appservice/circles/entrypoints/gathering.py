"""What the features offer each other, gathered from the registry: they never import one another."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

from circles.adapters.store import kept
from circles.core.coming import Coming, Confirmed, Unsaid
from circles.core.ids import EffectID, RoomID, UserID
from circles.core.language import Language
from circles.facts import posts
from circles.feature import Feature, Held
from circles.ports import Database
from circles.registry import FEATURES


class Items:
    """Implements `ports.GathersItems`."""

    def __init__(self, database: Database, features: tuple[Feature, ...] = FEATURES) -> None:
        """Take whose items are gathered."""
        self._database = database
        self._features = features

    async def coming(self, room_id: RoomID, start: datetime, end: datetime, language: Language) -> tuple[Coming, ...]:
        """Return dates that come between two instants, the soonest first."""

        def read(connection: Connection) -> list[Coming]:
            found: list[Coming] = []
            for feature in self._features:
                if feature.coming is not None:
                    found += feature.coming(connection, room_id, _ms(start), _ms(end), language)
            return found

        return tuple(sorted(await self._database.read(read), key=lambda each: each.at))

    async def confirmed(self, room_id: RoomID, since: datetime, language: Language) -> tuple[Confirmed, ...]:
        """Return what people confirmed since an instant, the oldest first."""

        def read(connection: Connection) -> list[Confirmed]:
            found: list[Confirmed] = []
            for feature in self._features:
                if feature.confirmed is not None:
                    found += feature.confirmed(connection, room_id, _ms(since), language)
            return found

        return tuple(sorted(await self._database.read(read), key=lambda each: each.at))

    async def unsaid(self, room_id: RoomID, since: datetime, until: datetime) -> tuple[Unsaid, ...]:
        """Return what did not fit into the room's voice between two instants, the oldest first."""
        return await self._database.read(lambda c: posts.unsaid(c, room_id, _ms(since), _ms(until)))


class WhatIsHeld:
    """Implements `ports.ShowsHeld`: what all features, and the kept messages, hold about a person."""

    def __init__(self, database: Database, features: tuple[Feature, ...] = FEATURES) -> None:
        """Take whose things are gathered."""
        self._database = database
        self._features = features

    async def __call__(
        self, user_id: UserID, room_id: RoomID | None, language: Language, *, whole: bool = False
    ) -> tuple[Held, ...]:
        """Return it for one room, or for all (room None). `whole`: with the words of kept messages, each after its
        instant.
        """

        def read(connection: Connection) -> list[Held]:
            messages = kept.count_from(connection, user_id, room_id)
            written = kept.words_from(connection, user_id, room_id) if whole else ()
            dated = tuple(
                f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC  {said}" for at, said in written
            )
            found = [Held("messages", messages, dated)] if messages else []
            for feature in self._features:
                if feature.held is not None:
                    found += feature.held(connection, user_id, room_id, language)
            return found

        return tuple(await self._database.read(read))


class KeptMessages:
    """Implements `ports.CountsKept`."""

    def __init__(self, database: Database) -> None:
        """Take where they are kept."""
        self._database = database

    async def __call__(self, room_id: RoomID, before: int) -> int:
        """Return how many messages written before an instant (ms) are kept of a room."""
        return await self._database.read(lambda connection: kept.count_before(connection, room_id, before))


def tell_features(connection: Connection, effect_id: EffectID, now: int) -> None:
    """Tell the feature whose post it is that the post stands in its room."""
    said = posts.by_effect(connection, effect_id)
    for feature in FEATURES:
        if said is not None and feature.name == said.feature and feature.sent is not None:
            feature.sent(connection, said, now)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
