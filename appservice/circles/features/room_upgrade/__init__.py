"""Room upgrades: the AI goes silent in a room that was upgraded, and what is held for it goes along, once."""

from __future__ import annotations

from typing import Final

from circles.feature import Feature
from circles.features.room_upgrade.control import control
from circles.features.room_upgrade.decide import NAME
from circles.features.room_upgrade.handler import fire

FEATURE: Final = Feature(name=NAME, purpose=NAME, control=control, fire=fire)
