"""The dial: what is said to turn it, who may, and what is answered."""

from __future__ import annotations

from typing import Any

import pytest

from circles.core.effects import Effect, Post, Words
from circles.core.language import Language
from circles.core.voice import Dial
from circles.facts import rooms
from circles.features.voice import FEATURE, handler, store, strings
from circles.features.voice.decide import SetDial, turn
from circles.testing import ROOM, a_call, a_room, some_ports


def said(effects: tuple[Effect, ...]) -> str:
    """Return what is answered."""
    (post,) = [effect for effect in effects if isinstance(effect, Post)]
    return post.words.body


def turned(argument: str, command: str = "voice", **call: Any) -> tuple[Effect, ...]:
    """Say a word to the dial that stands at quiet."""
    call.setdefault("decides", True)
    return turn(a_call(command, argument, **call), Dial.QUIET, 1)


@pytest.mark.parametrize(
    ("words", "argument", "dial"),
    [
        ("voice", "off", Dial.OFF),
        ("voice", "Quiet.", Dial.QUIET),
        ("voice", "lively", Dial.LIVELY),
        ("话量", "关", Dial.OFF),
        ("话量", "少一点吧", Dial.QUIET),
        ("话量", "多", Dial.LIVELY),
        ("主动说话", "少", Dial.QUIET),
        ("talk less", "", Dial.QUIET),
        ("少说点", "", Dial.QUIET),
        ("别主动说话", "", Dial.OFF),
    ],
)
def test_whoever_decides_turns_it(words: str, argument: str, dial: Dial) -> None:
    assert SetDial(ROOM, dial) in turned(argument, words)


def test_others_are_told_kindly_who_may() -> None:
    effects = turned("off", decides=False)

    assert not any(isinstance(effect, SetDial) for effect in effects)
    assert said(effects) == strings.FOR_ADMINS["en"]


@pytest.mark.parametrize(
    ("dial", "language", "words"),
    [
        (Dial.OFF, "en", "Unasked I say nothing here"),
        (Dial.QUIET, "en", "at most once a day here, never at night"),
        (Dial.LIVELY, "en", "at most 3 times a day"),
        (Dial.OFF, "zh", "没人问我就不说"),
        (Dial.LIVELY, "zh", "一天最多说 3 句"),
    ],
)
def test_alone_it_says_how_the_dial_stands(dial: Dial, language: Language, words: str) -> None:
    state = said(turn(a_call("voice", language=language), dial, 1))

    assert words in state
    assert strings.WHICH[language] in state


def test_another_word_is_answered_with_the_three() -> None:
    assert said(turned("blue")) == strings.WHICH["en"]


def test_in_a_direct_message_it_is_explained() -> None:
    assert said(turned("off", room=a_room(direct=True))) == strings.IN_PRIVATE["en"]


async def test_it_is_kept_in_the_rooms_row() -> None:
    """Where a room said nothing it is quiet."""
    ports = some_ports()
    assert "once a day" in said(await handler.turn(a_call("voice"), ports))

    for effect in await handler.turn(a_call("voice", "lively", decides=True), ports):
        if type(effect) in FEATURE.writers:
            await ports.database.write(lambda c, effect=effect: store.write(c, effect))  # type: ignore[misc]

    assert await ports.database.read(lambda c: rooms.dial(c, ROOM)) is Dial.LIVELY
    assert "3 times a day" in said(await handler.turn(a_call("voice"), ports))


def test_a_strange_effect_is_a_bug() -> None:
    with pytest.raises(TypeError, match="Post"):
        store.write(None, Post(ROOM, Words("x"), kind="answer", feature="voice"))  # type: ignore[arg-type]  # refused before
