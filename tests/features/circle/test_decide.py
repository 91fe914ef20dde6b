"""Circles: names, numbers, and what is said of the way in."""

from __future__ import annotations

import itertools

import pytest
from PIL import ImageChops

from circles.core.effects import Post
from circles.core.ids import EventID, RoomID
from circles.core.language import Language
from circles.features.circle import decide
from circles.testing import ROOM, a_call
from codes import scanned, seen


@pytest.mark.parametrize(
    ("goal", "name"),
    [
        pytest.param("New Year visits", "New Year visits", id="as it is"),
        pytest.param("春节拜年。谁哪天去谁家", "春节拜年", id="the first sentence"),
        pytest.param("Run 5 km. Three times a week.", "Run 5 km", id="a dot inside stays"),
        pytest.param("  Trip\nto Rome ", "Trip", id="the first line"),
        pytest.param("\u202e\u200b", "", id="nothing to see"),
    ],
)
def test_a_room_is_named_after_its_goal(goal: str, name: str) -> None:
    """The name is the goal's first sentence; the topic holds the whole."""
    assert decide.title(goal) == name


def test_a_long_goal_makes_a_short_name() -> None:
    """A room list shows about forty characters."""
    assert len(decide.title("word " * 40)) <= decide.NAME_CHARS


def test_numbers_repeat_for_the_same_event() -> None:
    """Handled again after a crash, an event asks for the same numbers in the same order."""
    asked = EventID("$asked")

    assert list(decide.numbers(asked, ())) == list(decide.numbers(asked, ()))
    assert list(decide.numbers(asked, ())) != list(decide.numbers(EventID("$other"), ()))


def test_numbers_are_short_and_not_taken() -> None:
    """Four digits, none that a circle has already."""
    first = next(decide.numbers(EventID("$asked"), ()))
    numbers = list(itertools.islice(decide.numbers(EventID("$asked"), {first}), 20))

    assert first not in numbers
    assert len(set(numbers)) == 20
    assert all(decide.FIRST_NUMBER <= number <= decide.LAST_NUMBER for number in numbers)


def test_a_link_leads_by_number_and_through_servers() -> None:
    """The link names the alias where there is one, and the servers through which others can follow it."""
    by_number = decide.door(ROOM, 4821, ("home.example", "far.example"), "circle-", "home.example")
    by_id = decide.door(ROOM, None, (), "circle-", "home.example")

    assert by_number.link == "https://matrix.to/#/#circle-4821:home.example?via=home.example&via=far.example"
    assert by_id.link == "https://matrix.to/#/!family?via=home.example"


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(decide.door(ROOM, 4821, ("home.example",), "circle-", "home.example"), id="by number"),
        pytest.param(decide.door(ROOM, None, ("home.example:8448", "[2001:db8::1]"), "c-", "home.example"), id="ports"),
        pytest.param(
            decide.door(
                RoomID("!Zm9yIGEgcm9vbSBvZiB2ZXJzaW9uIDEyIG9mIGEgcHVibGljIGtleQ"),
                None,
                tuple(f"a-rather-long-name-of-a-server-{number}.example.org" for number in range(3)),
                "circle-",
                "home.example",
            ),
            id="long",
        ),
    ],
)
def test_a_qr_code_is_read_as_the_link(way: decide.Door) -> None:
    """A reader that is not ours reads the very link, `via` and all, from the picture alone."""
    assert "?via=" in way.link
    assert scanned(decide.qr(way.link, "circle.png").data) == way.link


def test_a_qr_code_is_a_picture_with_a_quiet_zone() -> None:
    """It says how large it is, so that clients leave room for it; four modules of white lie around the code."""
    image = decide.qr("https://matrix.to/#/#circle-4821:home.example?via=home.example", "circle-4821.png")
    picture = seen(image.data)
    code = ImageChops.invert(picture).getbbox()

    assert picture.size == (image.width, image.height)
    assert image.width >= 200
    assert code is not None
    margins = (code[0], code[1], image.width - code[2], image.height - code[3])
    assert margins == (32, 32, 32, 32)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_new_circle_is_told_in_text_too(language: Language) -> None:
    """Link, number and alias stand in the plain body; the effect that numbers the room comes with it."""
    way = decide.door(RoomID("!new"), 4821, ("home.example",), "circle-", "home.example")
    number, post = decide.created(a_call("create", "x", language=language), way, "Trip")

    assert number == decide.NumberCircle(RoomID("!new"), 4821)
    assert isinstance(post, Post)
    assert post.attachment is not None
    for expected in (way.link, "4821", "#circle-4821:home.example", "Trip"):
        assert expected in post.words.body


@pytest.mark.parametrize(
    ("is_open", "admin", "words"),
    [
        pytest.param(True, False, "Whoever has the link can join", id="open"),
        pytest.param(False, True, "As an admin you can open it", id="closed, an admin asks"),
        pytest.param(False, False, "An admin can also open it", id="closed, a member asks"),
        pytest.param(None, False, "If the room asks for an invitation", id="unknown"),
    ],
)
def test_a_closed_door_is_said_kindly(is_open: bool | None, admin: bool, words: str) -> None:
    """A link that needs an invitation says so."""
    way = decide.door(ROOM, None, ("home.example",), "circle-", "home.example")
    (post,) = decide.invitation(a_call("invite"), way, is_open=is_open, asker_is_admin=admin)

    assert isinstance(post, Post)
    assert words in post.words.body
    assert post.words.html is not None
    assert words in post.words.html
