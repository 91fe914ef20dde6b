"""Tombstones, obeyed inside the commit that takes them in."""

from __future__ import annotations

from sqlalchemy import Connection

from circles.core import effects as fx
from circles.core.ids import EventID
from circles.core.settings import Settings
from circles.facts import rooms, upgrades
from circles.facts.upgrades import Upgrade
from circles.feature import Control, Effects
from circles.features.room_upgrade.decide import leads_to
from circles_policies.events import Control as Kind


def control(event: Control, connection: Connection, settings: Settings) -> Effects:
    """Go silent in a room that was upgraded; one whose tombstone is redacted before that was followed goes on."""
    del settings
    match event.event.control:
        case Kind.TOMBSTONE:
            return _upgraded(event, connection)
        case Kind.REDACTION if event.event.redacts is not None:
            again = upgrades.undo(connection, EventID(event.event.redacts))
            return () if again is None else (fx.LetGo(again),)
        case _:
            return ()


def _upgraded(event: Control, connection: Connection) -> Effects:
    room_id = event.room.room_id
    facts = rooms.room_facts(connection, room_id)
    if facts is None:
        return ()
    new = leads_to(facts.power, event.sender, room_id, event.content.get("replacement_room"))
    if new is None:
        return ()
    upgrade = Upgrade(room_id, new, event.event_id, event.sender, event.at, followed=False)
    if not upgrades.note(connection, upgrade):
        return ()
    there = upgrades.into(connection, new)
    if there is not None:
        # We were in the new room before this reached us.
        upgrades.carry_choices(connection, there, event.now)
    return fx.Hush(room_id), fx.Follow(new)
