"""Help: reads the table of commands through the ports, answers."""

from __future__ import annotations

from circles.core.call import Call
from circles.core.effects import Effect
from circles.features.help import strings
from circles.features.help.decide import MORE, about, lines
from circles.ports import Ports


async def show_help(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer with what one can say here."""
    more = call.argument.text.strip().casefold() in MORE
    known = ports.settings.help_lines(call.language)
    listed = about(known, call.argument.text) or lines(known, more=more)
    words = strings.help_words(listed, call.language, more=more)
    return (call.answer(words, feature="help", kind="help"),)


async def greet(call: Call, _ports: Ports) -> tuple[Effect, ...]:
    """Greet back."""
    return (call.answer(strings.greeting(call.language), feature="help", kind="help"),)


async def part(call: Call, _ports: Ports) -> tuple[Effect, ...]:
    """Say goodbye back."""
    return (call.answer(strings.farewell(call.language), feature="help", kind="help"),)


async def welcome(call: Call, _ports: Ports) -> tuple[Effect, ...]:
    """Take thanks."""
    return (call.answer(strings.welcome(call.language), feature="help", kind="help"),)


async def show_unknown(call: Call, ports: Ports) -> tuple[Effect, ...]:
    """Answer an unknown word with the nearest known one; a bare call of the name with help."""
    if not call.whole.text.strip():
        return await show_help(call, ports)
    return (call.answer(strings.unknown(call.language, call.argument.text), feature="help", kind="help"),)
