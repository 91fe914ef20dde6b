"""Voice: how much the room hears that nobody asked for."""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.voice import handler, store
from circles.features.voice.decide import NAME, SetDial

FEATURE: Final = Feature(
    name=NAME,
    purpose=NAME,
    commands=(
        Command(
            name="voice",
            words={
                "en": (
                    "voice",
                    "talk less",
                    "talk more",
                    "speak less",
                    "be quiet",
                    "be quieter",
                    "don't speak unasked",
                ),
                "zh": ("话量", "主动说话", "少说点", "多说点", "别主动说话", "安静", "安静点"),
            },
            handle=handler.turn,
            help={"en": "voice quiet – or off, lively", "zh": "话量 少 – 或关、多"},
            tool="Show or set how much the AI says unasked in the room: 'off', 'quiet' or 'lively'.",
        ),
    ),
    writers={SetDial: store.write},
)
