"""Help fits a phone: which lines it shows, how long they are, and that everything is in it."""

import pytest

from circles.core.language import Language
from circles.features.help.decide import MOST_LINES, lines
from circles.features.help.strings import help_words, unknown
from circles.registry import commands, help_lines

PHONE: dict[Language, int] = {"en": 36, "zh": 16}
"""How many characters are one row in a phone's bubble (MATRIX.md part C)."""


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("more", [False, True])
def test_help_is_at_most_fourteen_lines(language: Language, more: bool) -> None:
    words = help_words(lines(help_lines(language), more=more), language, more=more)

    assert len(words.body.splitlines()) <= MOST_LINES
    assert words.html is not None
    assert words.html.count("<br>") + 1 == len(words.body.splitlines())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_line_is_one_row_on_a_phone(language: Language) -> None:
    """A Latin letter or a digit takes half the room of a Chinese character."""

    def width(line: str) -> float:
        return sum(1 if character.isascii() else 2 for character in line) / (1 if language == "en" else 2)

    assert [line for line in help_lines(language) if width(line) > PHONE[language] + 1] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_two_screens_show_every_listed_command_with_an_example(language: Language) -> None:
    told = help_lines(language)

    shown = [*lines(told, more=False), *lines(told, more=True)]

    assert [f"{example} – {meaning}" for example, meaning in shown] == list(told)
    assert all(example and meaning for example, meaning in shown)


def test_every_command_that_help_lists_is_in_it_in_both_languages() -> None:
    listed = [command for command in commands() if not command.unlisted]

    assert [command.name for command in listed if not all(" – " in command.help[each] for each in ("en", "zh"))] == []


def test_privacy_is_on_the_first_screen() -> None:
    """Who fears being watched finds the way out without asking for more."""
    first = [example for example, _ in lines(help_lines("en"), more=False)]

    assert {"out / in", "policy", "me", "off"} <= set(first)


@pytest.mark.parametrize(
    ("language", "nearest", "said"),
    [
        ("en", "summary", "Did you mean “summary”? “help” shows everything."),
        ("en", "", "I don't know that word. “help” shows what I do."),
        ("zh", "总结", "是想说“总结”吗？说“帮助”看全部。"),
        ("zh", "", "这个我没听懂。说“帮助”看我会什么。"),
    ],
)
def test_an_unknown_word_is_answered_with_the_nearest(language: Language, nearest: str, said: str) -> None:
    assert unknown(language, nearest).body == said
