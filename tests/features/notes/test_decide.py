"""Notes: what is kept, who may drop it, what a list shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from circles.core.call import Remake, Said
from circles.core.effects import Effect, Post, Private
from circles.core.ids import EffectID, EventID, Source, UserID
from circles.core.posts import Frame
from circles.features.notes import decide
from circles.features.notes.decide import AddNote, DropNote, Note
from circles.testing import NOON, ROOM, a_call, a_room
from circles_policies import Decision, Level, Member, Reason, Verdict

MEI = UserID("@mei:home.example")
LI = UserID("@li:far.example")
YES = Decision(Verdict.ALLOW)
FRAME = Frame(ROOM, ("home.example",), {MEI: "Mei", LI: "Li"}, "en", "UTC", NOON + timedelta(hours=1))


def note(number: int = 1, **changes: Any) -> Note:
    """Make a note of Mei's own words."""
    asked = EventID(f"$asked{number}")
    base = Note(f"n{number}", ROOM, number, MEI, "dinner is at six", Source(asked, MEI), asked, NOON, NOON)
    return replace(base, **changes)


def body(effects: tuple[Effect, ...]) -> str:
    """Return what the one post says."""
    (post,) = [each.post if isinstance(each, Private) else each for each in effects if isinstance(each, Post | Private)]
    return post.words.body


def no(*reasons: Reason) -> Decision:
    """Make a denial."""
    return Decision(Verdict.DENY, reasons)


def test_own_words_become_a_note_that_rests_on_the_asking() -> None:
    """The number follows the highest one; the answer does not repeat the words."""
    call = a_call("keep", "tea at nine")

    add, answer = decide.keep(call, call.argument, YES, (note(7),))

    assert isinstance(add, AddNote)
    assert (add.note.number, add.note.text, add.note.author) == (8, "tea at nine", call.asker)
    assert add.note.source == Source(call.event_id, call.asker)
    assert isinstance(answer, Post)
    assert answer.sources == ()
    assert "tea" not in body((answer,))


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        pytest.param(no(Reason.KEEP_CLASS), "keep nothing", id="the room keeps nothing"),
        pytest.param(no(Reason.OPERATOR), "keep nothing", id="the operator keeps nothing"),
    ],
)
def test_a_room_that_keeps_nothing_says_so(decision: Decision, words: str) -> None:
    """It is the room's rule, so the room may hear it."""
    call = a_call("keep", "x")
    (answer,) = decide.keep(call, call.argument, decision, ())

    assert isinstance(answer, Post)
    assert words in answer.words.body


def test_what_concerns_one_person_is_told_to_them_alone() -> None:
    """Nobody else learns that somebody has not said yes."""
    call = a_call("keep", "x")
    (answer,) = decide.keep(call, call.argument, no(Reason.NO_CONSENT), ())

    assert isinstance(answer, Private)
    assert answer.user_id == call.asker


def test_limits() -> None:
    """Nothing, too much and too many are answered with a sentence."""
    call = a_call("keep", "")
    long = a_call("keep", "x" * 1001)

    assert "What shall I keep" in body(decide.keep(call, call.argument, YES, ()))
    assert "long" in body(decide.keep(long, long.argument, YES, ()))
    full = a_call("keep", "x")
    assert "300" in body(decide.keep(full, full.argument, YES, [note(n) for n in range(300)]))


@pytest.mark.parametrize(
    ("asker", "decides", "may"),
    [
        pytest.param("@mei:home.example", False, True, id="who kept it"),
        pytest.param("@anna:home.example", True, True, id="who decides"),
        pytest.param("@uncle:home.example", False, False, id="anyone else"),
    ],
)
def test_who_may_drop_a_note(asker: str, decides: bool, may: bool) -> None:
    """Whoever kept it, and an admin."""
    effects = decide.drop(a_call("unkeep", "2", asker=asker, decides=decides), (note(2),))

    assert (DropNote("n2") in effects) is may


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("", "Which one"),
        ("the tea", "Which one"),
        ("-1", "Which one"),
        ("\N{MINUS SIGN}1", "Which one"),
        ("note -1", "Which one"),
        ("9", "no note"),
    ],
)
def test_dropping_needs_a_number_that_is_there(argument: str, words: str) -> None:
    """Otherwise a sentence says how."""
    assert words in body(decide.drop(a_call("unkeep", argument), (note(1),)))


@pytest.mark.parametrize("argument", ["2", "note 2", "#2", "第 2 条", "no. 2"])
def test_numbers_are_read_as_people_say_them(argument: str) -> None:
    """With a word around them or without."""
    assert DropNote("n2") in decide.drop(a_call("unkeep", argument), (note(1), note(2)))


def test_a_list_links_each_note_and_rests_on_it() -> None:
    """One line a note, the number being the link."""
    rows = [note(1), note(2, author=LI, source=Source(EventID("$asked2"), LI), text="I bring\ntea")]
    (post,) = decide.show(a_call("notes"), rows, FRAME)

    assert isinstance(post, Post)
    assert post.words.body.splitlines()[1:] == [
        "Mei: dinner is at six · 12:00 UTC [1] (https://matrix.to/#/!family/$asked1?via=home.example)",
        "Li: I bring tea · 12:00 UTC [2] (https://matrix.to/#/!family/$asked2?via=home.example)",
    ]
    assert [source.event_id for source in post.sources] == ["$asked1", "$asked2"]


def test_a_list_is_the_latest_thirty() -> None:
    """And says that there are older ones."""
    (post,) = decide.show(a_call("notes"), [note(n) for n in range(1, 41)], FRAME)

    assert isinstance(post, Post)
    assert "[11]" in post.words.body
    assert "[10]" not in post.words.body
    assert "older" in post.words.body


def test_no_notes() -> None:
    """An example shows how to make one."""
    assert "No notes" in body(decide.show(a_call("notes"), (), FRAME))


def test_a_list_said_again_says_so() -> None:
    """It answers the same question, to the same people."""
    for whispered in (False, True):
        (again,) = decide.show_again(a_remake(whispered=whispered), (note(1),), FRAME)

        assert isinstance(again, Private if whispered else Post)
        assert body((again,)).startswith("Posted again: something in it was taken back or changed.\nNotes")


def a_remake(*, whispered: bool) -> Remake:
    """A list that lost a note."""
    lost = Said(
        EffectID("e1"),
        EventID("$list"),
        "notes",
        "notes",
        "",
        ROOM,
        ROOM,
        MEI,
        EventID("$question"),
        None,
        {"zone": "UTC", "whispered": whispered},
        "en",
        "gone",
    )
    return Remake(a_room(), lost, None, NOON)


@pytest.mark.parametrize(
    ("member", "is_shown"),
    [
        pytest.param(Member(), True, id="said nothing"),
        pytest.param(Member(level=Level.OUT), True, id="out"),
        pytest.param(Member(kept_out=True), True, id="kept out"),
        pytest.param(Member(level=Level.NOT_AT_ALL), False, id="not at all"),
    ],
)
def test_what_was_said_to_the_ai_is_shown_unless_nothing_is_to_be_acted_on(member: Member, is_shown: bool) -> None:
    """A note is what its author said to the AI; a row with somebody else's words is shown to nobody."""
    assert decide.is_shown(note(1), {MEI: member}) is is_shown
    assert not decide.is_shown(note(1, author=LI), {MEI: member})
