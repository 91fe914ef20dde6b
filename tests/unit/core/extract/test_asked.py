"""Plain questions about small talk: the message that a person would point at is found; where there is none, none."""

from __future__ import annotations

import pytest

from circles.core.extract import search
from unit.core.extract.asked_chats import CHINESE, ENGLISH, Asked
from unit.core.extract.chat import talk

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


@pytest.mark.parametrize(
    ("said", "questions"),
    [
        pytest.param(
            """
            Uncle: Good! I visit Grandma on Sunday.
            Uncle: The lanterns are in my car.
            Mei: Grandma likes jasmine tea.
            Uncle: dinner is at our house then
            Uncle: My phone is charged.
            Uncle: The kids have school until Friday
            Mei: The train leaves at 8 from platform 4
            """,
            (
                "who has the key to the house?",
                "how much does the car cost?",
                "what colour is the car?",
                "does Grandma like coffee?",
                "who will drive Grandma to the doctor?",
                "how old is Grandma?",
                "when does the school play start?",
                "when does the flight leave?",
                "who broke the phone?",
            ),
            id="English",
        ),
        pytest.param(
            """
            叔叔: 奶奶喜欢茉莉花茶
            妈妈: 晚饭在家里吃饺子
            爸爸: 孩子们周五才放假
            爸爸: 车票我买好了，G123次
            叔叔: 我的鞋子还是湿的
            小美: 舅舅住在南京路18号
            """,
            (
                "奶奶的生日是哪天？",
                "奶奶几点吃药？",
                "孩子的学校在哪里？",
                "爸爸的生日蛋糕谁买？",
                "红色的鞋子是谁的？",
                "家里的猫谁喂？",
                "舅舅的电话是多少？",
            ),
            id="Chinese",
        ),
    ],
)
def test_a_common_word_in_both_is_no_answer(said: str, questions: tuple[str, ...]) -> None:
    """What shares one word of a question, and not what it asks for, is not shown."""
    lines = talk(said)
    people = {line.sender: line.name for line in lines}

    assert [asked for asked in questions if search(lines, asked, SHOWN, people)] == []


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (
            """
            Joe: Shall we meet at the church at 3?
            Mei: Better at 4 at the lake, the church is closed
            Gran: OK, then 4 at the lake. Agreed!
            """,
            "where do we meet?",
            {"$1", "$2"},
        ),
        (
            """
            Joe: 三点在教堂门口见？
            Mei: 还是四点湖边吧，教堂关门了
            Gran: 好的，那就四点湖边，说定了
            """,
            "在哪里见面",
            {"$2"},
        ),
    ],
)
def test_what_was_decided_instead_answers_and_not_the_proposal(text: str, question: str, answer: set[str]) -> None:
    """Who asks where we meet is told where, not what was proposed first."""
    assert {each.id for each in search(talk(text), question)} == answer
