"""Terms, time phrases, people, key points and search."""

from __future__ import annotations

import sqlite3

import pytest

from circles.core.extract import (
    index_terms,
    key_points,
    mentioned_people,
    query_terms,
    search,
    terms,
    time_phrases,
)
from circles.core.extract.text import clauses, fold, sentences
from unit.core.extract.chat import talk

PEOPLE = {"@li:x": "Li Lei", "@hong:x": "小红"}


@pytest.mark.parametrize(
    ("stored", "query"),
    [
        ("初二我们去外婆家", "外婆"),
        ("初二我們去外婆家，麵包我買", "面包"),
        ("We booked the court", "booking"),
        ("parcels arrive on Friday", "PARCEL"),
        ("好", "好"),
        ("the and of", "the"),
    ],
)
def test_what_is_stored_is_found(stored: str, query: str) -> None:
    """SQLite finds a word of two characters, another ending, the traditional form and the stop word alone."""
    with sqlite3.connect(":memory:") as database:
        database.execute("create virtual table memory using fts5(terms, tokenize = 'unicode61')")
        database.execute("insert into memory values (?)", (index_terms(stored),))
        match = " ".join(f'"{term}"' for term in query_terms(query))
        rows = database.execute("select count(*) from memory where memory match ?", (match,)).fetchone()
    database.close()

    assert rows == (1,)


def test_terms_carry_meaning() -> None:
    """Stop words go, words lose their endings, Chinese is cut into characters and pairs."""
    assert terms("We are booking the courts") == ["book", "court"]
    assert terms("外婆的家") == ["外", "婆", "家", "外婆", "婆的", "的家"]


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("改到初五", ["初五"]),
        ("下周六下午三点半见", ["下周六下午三点半"]),
        ("12月12号前交", ["12月12号前"]),
        ("大年三十和元旦", ["大年三十", "元旦"]),
        ("one 一号线 the second one", []),
        ("Saturday at 3pm works", ["Saturday at 3pm"]),
        ("by Friday, please", ["by Friday"]),
        ("on New Year's Eve and the 3rd of January", ["New Year's Eve", "the 3rd of January"]),
        ("the day after tomorrow", ["the day after tomorrow"]),
        ("we sat in the sun", []),
    ],
)
def test_time_phrases_are_found_as_said(text: str, phrases: list[str]) -> None:
    """Neighbours are one phrase, a list is several, and a preposition of the day is left out."""
    assert [each.words for each in time_phrases(text)] == phrases


def test_people_are_members_kin_and_titles() -> None:
    """A member is known by the first name too; kin are as said."""
    found = mentioned_people("Li asked Grandma Rose and 外婆; 小红 and Mrs Chen", PEOPLE)

    assert [(each.said, each.user_id) for each in found] == [
        ("Li", "@li:x"),
        ("Grandma Rose", None),
        ("外婆", None),
        ("小红", "@hong:x"),
        ("Mrs Chen", None),
    ]


def test_an_ambiguous_first_name_names_nobody() -> None:
    """Two members called Li: "Li" is neither of them."""
    found = mentioned_people("Li will come", {"@a:x": "Li Lei", "@b:x": "Li Mei"})

    assert [each.user_id for each in found] == []


TALK = """
Anna: Hello everyone
Ben: 👍
Anna: The school fair moves to the sports hall because the roof of the main hall leaks
Carl: https://example.org/a/very/long/link
Anna: The school fair moves to the sports hall because the roof of the main hall leaks!
Ben: When is the fair?
Carl: It is on Saturday the 14th, doors open at ten
Dora: I ordered forty chairs for the sports hall
"""


def test_key_points_are_the_lines_that_say_something() -> None:
    """No greeting, emoji, link or repetition; in time order, and never more than asked for."""
    found = key_points(talk(TALK), 3)

    assert found == tuple(sorted(found))
    assert not {"$0", "$1", "$3"} & set(found)
    assert len({"$2", "$4"} & set(found)) == 1
    assert key_points(talk(TALK), 0) == ()
    assert key_points((), 3) == ()


def test_key_points_of_a_long_window_are_chosen_in_rounds() -> None:
    """More lines than fit one matrix."""
    rows = "\n".join(f"Anna: topic{at % 50} needs a decision about budget{at} and room{at % 7}" for at in range(900))

    assert len(key_points(talk(rows), 5)) == 5


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("When is the school fair?", "$6"),
        ("who ordered chairs?", "$7"),
        ("why did the fair move to the sports hall", "$2"),
    ],
)
def test_search_answers_with_the_line_that_holds_it(question: str, best: str) -> None:
    """A question's answer is preferred to the question; the kind of answer counts."""
    assert search(talk(TALK), question)[0].id == best


def test_search_in_chinese_finds_a_word_of_two_characters() -> None:
    """The question words are not searched for."""
    lines = talk("Li: 初二我们去外婆家\nMei: 天气真好\nLi: 初三舅舅来我家")

    assert [each.id for each in search(lines, "哪天去外婆家？")] == ["$0"]
    assert [each.id for each in search(lines, "舅舅")] == ["$2"]


def test_search_finds_nothing_rather_than_something_else() -> None:
    """No content word in the window: nothing; no content word in the question: nothing."""
    assert search(talk(TALK), "What about the swimming pool tickets?") == ()
    assert search(talk(TALK), "when?") == ()
    assert search((), "fair") == ()


def test_folding_keeps_every_offset() -> None:
    """Whatever is written, the folded text is as long."""
    for text in ("ÄİSS Ａ１，", "來買麵包", "it’s", "𝒜x"):
        assert len(fold(text)) == len(text)


def test_sentences_and_clauses_are_pieces_of_the_text() -> None:
    """Cut at full stops and line ends, then at commas."""
    text = "First, second. Third!\n四，五。"

    assert [text[start:end] for start, end in sentences(text)] == ["First, second.", "Third!", "四，五。"]
    assert [text[start:end] for start, end in clauses(text, sentences(text)[0])] == ["First", "second."]
