"""Plain questions about small talk: the message that a person would point at is found; where there is none, none."""

from __future__ import annotations

import pytest

from circles.core.extract import search
from unit.core.extract.asked_chats import CHINESE, ENGLISH, Asked

SHOWN = 4


def found(chat: Asked, question: str) -> list[int]:
    """Return the lines that are shown, the best first."""
    people = {line.sender: line.name for line in chat.lines}
    return [int(each.id) for each in search(chat.lines, question, SHOWN, people)]


@pytest.mark.parametrize("chats", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_nine_of_ten_questions_find_their_answer_and_first(chats: tuple[Asked, ...]) -> None:
    """Also where the answer repeats no word of the question, or stands in the other spelling."""
    asked = [(chat, question, answer) for chat in chats for question, answer in chat.questions if answer is not None]
    shown = [(found(chat, question), answer) for chat, question, answer in asked]

    assert sum(answer in lines for lines, answer in shown) >= 0.9 * len(shown)
    assert sum(lines[:1] == [answer] for lines, answer in shown) >= 0.9 * len(shown)


@pytest.mark.parametrize("chats", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_what_nobody_spoke_of_is_not_found(chats: tuple[Asked, ...]) -> None:
    """A word that also stands in another question ("colour") is no answer to this one."""
    answers = [found(chat, question) for chat in chats for question, answer in chat.questions if answer is None]

    assert sum(bool(lines) for lines in answers) <= 0.1 * len(answers)
