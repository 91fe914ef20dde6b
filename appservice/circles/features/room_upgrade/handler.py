"""The one message that says what came along."""

from __future__ import annotations

from circles.core import effects as fx
from circles.core.call import Fire
from circles.core.ids import EffectID
from circles.feature import Effects
from circles.features.room_upgrade import strings
from circles.features.room_upgrade.decide import NAME
from circles.ports import Ports


async def fire(wake: Fire, ports: Ports) -> Effects:
    """Say in the new room what came along from the old one."""
    del ports
    words = strings.came_along(wake.room.language, wake.payload.get("things", {}))
    identity = EffectID(wake.key.replace(":", "-").replace("!", ""))
    return (fx.Post(wake.room.room_id, words, kind="followed", feature=NAME, id=identity),)
