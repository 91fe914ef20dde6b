"""The features, in the order in which they see control events and stand in help. Adding one is adding a line here."""

from __future__ import annotations

from typing import Final

from circles.core.commands import Forms
from circles.core.language import Language
from circles.feature import Command, Feature
from circles.features import ask, consent, digest, reminders, summary
from circles.features import help as help_

FEATURES: Final[tuple[Feature, ...]] = (
    summary.FEATURE,
    ask.FEATURE,
    reminders.FEATURE,
    digest.FEATURE,
    consent.FEATURE,
    help_.FEATURE,
)

_COMMANDS: Final = {command.name: command for feature in FEATURES for command in feature.commands}

FORMS: Final = tuple(
    Forms(command.name, tuple(form for forms in command.words.values() for form in forms))
    for command in _COMMANDS.values()
)
"""What the grammar knows."""


def command_named(name: str) -> Command | None:
    """Return a command by its name."""
    return _COMMANDS.get(name)


def commands() -> tuple[Command, ...]:
    """Return all commands, in the order of help."""
    return tuple(_COMMANDS.values())


def help_lines(language: Language) -> tuple[str, ...]:
    """Return the help line of every listed command."""
    return tuple(command.help[language] for command in _COMMANDS.values() if not command.unlisted)
