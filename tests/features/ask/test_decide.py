"""What a question is, what a model is shown for it, and which answer is let in."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles.core.ids import EventID, UserID
from circles.core.posts import Frame, Section, compose
from circles.features.ask import decide, prompts
from circles.testing import NOON, ROOM, said

FRAME = Frame(ROOM, ("home.example",), {UserID("@li:away.example"): "Li"}, "en", "Europe/Berlin", NOON)
TALK = (
    said("@mum:home.example", "Dinner is at 7 on Saturday, at grandma's", event_id="$a"),
    said("@li:away.example", "The menu is on https://menu.example/list", event_id="$b"),
    said("@li:away.example", "周六晚上七点吃饭", event_id="$c"),
)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("ask when is dinner?", "when is dinner"),
        ("Ask: when is dinner", "when is dinner"),
        ("when is dinner?", "when is dinner?"),
        ("问 几点吃饭", "几点吃饭"),
        ("请问几点吃饭？", "几点吃饭"),
        ("问一下几点吃饭", "几点吃饭"),
        ("几点吃饭？", "几点吃饭？"),
        ("asking for a friend", "asking for a friend"),
        ("ask", None),
        ("问", None),
        ("", None),
        (" \n", None),
    ],
)
def test_a_question_is_what_follows_the_command(words: str, asked: str | None) -> None:
    found = decide.question(said("@li:away.example", words))

    assert (found.text if found else None) == asked


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"found": False, "answer": "Dinner is at 7", "messages": [1]}, id="it says it found nothing"),
        pytest.param({"found": True, "answer": "Dinner is at 7", "messages": []}, id="no message"),
        pytest.param({"found": True, "answer": "Dinner is at 7", "messages": [4, 0, -1]}, id="messages not there"),
        pytest.param({"found": True, "answer": "Dinner is at 7", "messages": ["1"]}, id="no numbers"),
        pytest.param({"found": True, "answer": " ", "messages": [1]}, id="no words"),
        pytest.param({"found": True, "answer": None, "messages": [1]}, id="words that are none"),
        pytest.param({"found": "yes", "answer": "Dinner is at 7", "messages": [1]}, id="no truth"),
        pytest.param({}, id="nothing"),
    ],
)
def test_an_answer_without_a_source_is_none(data: dict[str, Any]) -> None:
    assert decide.found(data, TALK) is None


@pytest.mark.parametrize(
    ("answer", "numbers", "body"),
    [
        pytest.param("Dinner is at 7 on Saturday.", [1], "Dinner is at 7 on Saturday.", id="borne out"),
        pytest.param("Dinner is **at 7** [1].", [1], "Dinner is at 7.", id="our numbers, not its own"),
        pytest.param("Dinner is at [7](https://evil.example).", [1], "Dinner is at 7.", id="its link is taken off"),
        pytest.param("Dinner is at 7 evil.com", [1], "Dinner is at 7", id="an address it made up"),
        pytest.param("The menu: https://menu.example/list", [2], "The menu: https://menu.example/list", id="quoted"),
        pytest.param("周六晚上7点吃饭。", [1, 3], "周六晚上7点吃饭。", id="Chinese"),
        pytest.param("Dinner is at 8 on Saturday.", [1], None, id="an hour nobody said"),
        pytest.param("Dinner is at 7 on Sunday.", [1], None, id="a day nobody said"),
        pytest.param("Li cooks dinner at 7.", [1], None, id="a person nobody named"),
    ],
)
def test_an_answer_is_let_in_if_its_messages_bear_it_out(answer: str, numbers: list[int], body: str | None) -> None:
    found = decide.found({"found": True, "answer": answer, "messages": numbers}, TALK)
    assert found is not None
    item = decide.answer_item(*found, FRAME)

    assert (item.words.plain if item else None) == body


@given(
    st.text()
    | st.sampled_from(["Dinner at 7 https://matrix.to/#/!z/$q", "[x](https://matrix.to/#/!z/$q) Dinner at 7"]),
    st.lists(st.integers(-2, 9)),
)
def test_every_link_leads_to_a_message_that_was_shown(answer: str, numbers: list[int]) -> None:
    found = decide.found({"found": True, "answer": answer, "messages": numbers}, TALK)
    item = decide.answer_item(*found, FRAME) if found else None
    words = compose(FRAME, (), (Section("", (item,) if item else (), "nothing"),))

    assert set(re.findall(r"matrix\.to/#/([^\s\"<)]*)", f"{words.body} {words.html}")) <= {
        f"!family/{message.event_id}?via=home.example" for message in TALK
    }


def test_of_a_long_talk_a_model_sees_what_fits_the_question_and_the_newest() -> None:
    talk = [said("@li:away.example", f"nothing much {place}") for place in range(500)]
    talk[20] = said("@li:away.example", "The boat leaves from pier nine")
    shown = decide.fitting(talk, "where does the boat leave?", FRAME, 100)

    assert len(shown) == 100
    assert talk[20] in shown
    assert talk[-1] in shown
    assert [message.event_id for message in shown] == [each.event_id for each in talk if each in shown]


def test_threads_do_not_leak_into_each_other() -> None:
    room = said("@li:away.example", "room")
    mine = said("@li:away.example", "mine", thread=EventID("$mine"))
    other = said("@li:away.example", "other", thread=EventID("$other"))

    assert decide.outside_other_threads((room, mine, other), EventID("$mine")) == (room, mine)


def test_what_is_kept_to_answer_again_holds_no_words() -> None:
    window = decide.Bounds(until_at=9, until=EventID("$q"))
    early = said("@li:away.example", "canary", NOON - timedelta(hours=3))
    kept = decide.remembered(window, (early,), "Europe/Berlin", readable=True, whispered=False)

    assert "canary" not in repr(kept)
    assert decide.recalled(kept) == decide.Bounds(until_at=9, since=early.at, until=EventID("$q"))
    assert decide.recalled({**kept, "since": None}).start is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_instructions_are_what_was_reviewed(language: Any) -> None:
    """A change of a prompt is a change of the file beside this test."""
    snapshot = Path(__file__).parent / "snapshots" / f"ask.{language}.txt"

    assert prompts.instructions(language) == snapshot.read_text().rstrip("\n")
