"""Following a room upgrade: what is held for the old room becomes the new one's, once, in the commit of its policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection

from circles.adapters.store import erasures, kept
from circles.core import effects as fx
from circles.core.ids import RoomID
from circles.facts import rooms, upgrades, wakes
from circles.feature import Feature
from circles.features.room_upgrade.decide import FOLLOWED, NAME
from circles_policies.retention import current


def follow(connection: Connection, features: Iterable[Feature], room_id: RoomID, now: int) -> tuple[fx.Effect, ...]:
    """Take what is held along into a room where a policy stands, and return what follows; nothing if it is no upgrade.

    One message in the room says what came along.
    """
    upgrade = upgrades.ready(connection, room_id)
    if upgrade is None:
        return ()
    upgrades.mark_followed(connection, upgrade, now)
    upgrades.carry_room(connection, upgrade)
    things: dict[str, int] = {}
    effects: list[fx.Effect] = []
    for feature in features:
        if feature.follow is not None:
            came = feature.follow(connection, upgrade.old, upgrade.new, now)
            things |= came.things
            effects += came.effects
    erasures.finish(connection, upgrade.old)
    things["messages"] = kept.follow(connection, upgrade.old, upgrade.new)
    lifetime = current(rooms.retention(connection, upgrade.new)).max_lifetime
    if lifetime is not None:
        kept.shorten(connection, upgrade.new, lifetime)
    wakes.let_go(connection, upgrade.new)
    rooms.tighten(connection, upgrade.new)
    payload = {"things": {key: count for key, count in things.items() if count}}
    told = fx.WakeAt(NAME, f"{FOLLOWED}:{upgrade.old}", room_id, datetime.fromtimestamp(now / 1000, UTC), payload)
    return *effects, told
