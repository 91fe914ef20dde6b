"""Receipts: what is told, and to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from circles.core.ids import EventID, Source, UserID
from circles.core.language import Language
from circles.core.posts import Frame
from circles.features.receipts import decide
from circles.features.receipts.decide import Call, Receipt
from circles.testing import NOON, ROOM
from circles_policies import Preset, preset

MUM = UserID("@mum:home.example")
LI = UserID("@li:far.example")
AT = int(NOON.timestamp() * 1000)
ONE, TWO = Source(EventID("$one"), LI), Source(EventID("$two"), MUM)
RECEIPT = Receipt(
    about=ROOM,
    via=("home.example",),
    asker=MUM,
    sources=(ONE, TWO),
    cited=None,
    calls=(Call(AT, "home.example", "qwen", answered=True),),
    policy=preset(Preset.ON_CALL),
    standing=True,
    again=False,
    successor=None,
    stands_in=ROOM,
)


def frame(language: Language = "en") -> Frame:
    """Where it is told."""
    return Frame(ROOM, ("home.example",), {MUM: "Mum", LI: "Li"}, language, "UTC", NOON + timedelta(hours=2))


@pytest.mark.parametrize(
    ("reader", "alone", "told"),
    [
        pytest.param(MUM, True, (ONE, TWO), id="the asker alone: all"),
        pytest.param(MUM, False, None, id="the asker in the room: others read it too"),
        pytest.param(LI, True, None, id="another alone"),
        pytest.param(LI, False, None, id="another in the room"),
    ],
)
def test_the_whole_list_is_for_the_asker_alone(reader: UserID, alone: bool, told: tuple[Source, ...] | None) -> None:
    """Its gaps would show others who opted out."""
    assert decide.shown_to(RECEIPT, reader, alone=alone) == told


def test_what_an_answer_quotes_anyone_may_be_told() -> None:
    """It stands there already."""
    assert decide.shown_to(replace(RECEIPT, cited=(ONE,)), LI, alone=False) == (ONE,)


def test_sources_are_links_with_names_and_hours() -> None:
    """The earliest first; of one that may not be looked at any more, only whose it was."""
    words = decide.told(RECEIPT, (ONE, TWO), {EventID("$two"): AT}, frame())

    assert words.body.splitlines() == [
        "This answer rests on:",
        "[1] Li (https://matrix.to/#/!family/$one?via=home.example)",
        "[2] Mum 12:00 UTC (https://matrix.to/#/!family/$two?via=home.example)",
        "",
        "Sent to qwen at home.example, 12:00 UTC.",
        "In force then: Looks back when called.",
    ]


def test_no_model_is_said() -> None:
    """So is a model of which no answer came."""
    none = decide.told(replace(RECEIPT, calls=()), (), {}, frame())
    failed = decide.told(replace(RECEIPT, calls=(replace(RECEIPT.calls[0], answered=False),)), (), {}, frame("zh"))

    assert "No AI model was used" in none.body
    assert "没有得到能用的回答" in failed.body


def test_nothing_is_counted() -> None:
    """Not to the room, whatever was looked at."""
    receipts = [replace(RECEIPT, sources=(ONE,) * count) for count in (1, 2, 30)]

    assert len({decide.told(each, None, {}, frame()).body for each in receipts}) == 1


def test_a_long_list_is_cut_without_a_count() -> None:
    """A receipt is read on a phone."""
    many = tuple(Source(EventID(f"$e{number}"), LI) for number in range(100))
    words = decide.told(RECEIPT, many, {}, frame())

    assert words.body.count("matrix.to") <= decide.MOST
    assert "There are more" in words.body
    assert "100" not in words.body


def test_an_answer_said_again_says_why() -> None:
    """What was taken back is not named."""
    words = decide.told(replace(RECEIPT, again=True), (TWO,), {}, frame())

    assert words.body.startswith("Posted again: something in it was taken back or changed.")
    assert "Li" not in words.body


def test_an_answer_taken_back_leads_to_the_new_one() -> None:
    """And tells nothing more."""
    gone = replace(RECEIPT, standing=False, successor=EventID("$new"))
    words = decide.told(gone, (ONE, TWO), {}, frame())

    assert "$new" in words.body
    assert "$one" not in words.body


@pytest.mark.parametrize("language", ["en", "zh"])
def test_before_a_policy_nothing_was_looked_at(language: Language) -> None:
    """A receipt says that too."""
    words = decide.told(replace(RECEIPT, policy=None, sources=()), (), {}, frame(language))

    assert ("looked at nothing" if language == "en" else "什么都没看") in words.body
