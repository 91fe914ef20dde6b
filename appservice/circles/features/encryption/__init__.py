"""Encryption: what the AI says about its keys, and where it cannot read something."""

from __future__ import annotations

from typing import Final

from circles.feature import Command, Feature
from circles.features.encryption import handler
from circles.features.encryption.decide import NAME

FEATURE: Final = Feature(
    name=NAME,
    purpose=NAME,
    commands=(
        Command(
            name="e2ee",
            words={"en": ("e2ee", "encryption"), "zh": ("加密", "密钥")},
            handle=handler.show_keys,
            help={"en": "", "zh": ""},
            waiting=True,
            resting=True,
            unlisted=True,
        ),
    ),
    fire=handler.fire,
)
