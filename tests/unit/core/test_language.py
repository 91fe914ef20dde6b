"""Which of the two languages an answer is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles.core.language import as_language, language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("remind 妈妈 at nine tomorrow", "en"),
        ("明天九点提醒 Li 带盘子", "zh"),
        ("谁哪天去谁家？", "zh"),
        ("summary", "en"),
        ("OK 好的", "zh"),
    ],
)
def test_the_language_of_the_words(text: str, language: str) -> None:
    """Most words win, a name in the other language does not turn it."""
    assert language_of(text, "en") == language
    assert language_of(text, "zh") == language


@pytest.mark.parametrize("text", ["", "🙈", "1 2 3", "?", "a"])
def test_without_words_the_default_holds(text: str) -> None:
    """A sign or a digit is in no language."""
    assert (language_of(text, "zh"), language_of(text, "en")) == ("zh", "en")


@given(st.text(max_size=100))
def test_any_text_has_one(text: str) -> None:
    """Total."""
    assert language_of(text, "en") in ("en", "zh")


def test_a_stored_language_is_read_without_trust() -> None:
    """What is no language of ours is the default."""
    assert [as_language(value, "zh") for value in ("en", "zh", "fr", "", None)] == ["en", "zh", "zh", "zh", "zh"]
