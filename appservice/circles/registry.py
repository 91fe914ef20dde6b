"""The features, in the order in which they see control events and stand in help. Adding one is adding a line here."""

from __future__ import annotations

from typing import Final

from circles.core.commands import Forms
from circles.core.language import Language
from circles.feature import Command, Feature
from circles.features import (
    ask,
    circle,
    consent,
    digest,
    encryption,
    hiding,
    mine,
    notes,
    off_record,
    receipts,
    reminders,
    room_upgrade,
    summary,
    voice,
)
from circles.features import help as help_

FEATURES: Final[tuple[Feature, ...]] = (
    summary.FEATURE,
    ask.FEATURE,
    reminders.FEATURE,
    digest.FEATURE,
    voice.FEATURE,
    notes.FEATURE,
    receipts.FEATURE,
    mine.FEATURE,
    circle.FEATURE,
    room_upgrade.FEATURE,
    encryption.FEATURE,
    consent.FEATURE,
    hiding.FEATURE,
    off_record.FEATURE,
    help_.FEATURE,
)

_COMMANDS: Final = {command.name: command for feature in FEATURES for command in feature.commands}

FORMS: Final = tuple(
    Forms(command.name, tuple(form for forms in command.words.values() for form in forms), command.whole)
    for command in _COMMANDS.values()
)
"""What the grammar knows."""


def command_named(name: str) -> Command | None:
    """Return a command by its name."""
    return _COMMANDS.get(name)


def commands() -> tuple[Command, ...]:
    """Return all commands, in the order of help."""
    return tuple(_COMMANDS.values())


HELP_FIRST: Final = (
    "summary",
    "ask",
    "visits",
    "remind",
    "digest",
    "keep",
    "why",
    "me",
    "out",
    "policy",
    "off",
    "invite",
)
"""What help shows at once; the rest is a second screen."""


def help_lines(language: Language) -> tuple[str, ...]:
    """Return the help line of every listed command, what help shows at once first."""
    listed = [command for command in _COMMANDS.values() if not command.unlisted]
    rank = {name: place for place, name in enumerate(HELP_FIRST)}
    listed.sort(key=lambda command: rank.get(command.name, len(rank)))
    return tuple(command.help[language] for command in listed)
