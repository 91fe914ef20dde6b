"""Decisions, to-dos, open questions and disagreements: the ordinary forms, one by one."""

from __future__ import annotations

import pytest

from circles.core.extract import decisions, disagreements, open_questions, todos
from unit.core.extract.chat import talk


@pytest.mark.parametrize(
    ("text", "owner", "due"),
    [
        ("Li: I'll bring the salad on Friday", "Li", "Friday"),
        ("Li: let me book the court", "Li", None),
        ("Li: 蛋糕我来买", "Li", None),
        ("Li: 我负责周五前订车", "Li", "周五前"),
        ("Li: 我負責訂車", "Li", None),
        ("Li: 厨房交给我", "Li", None),
        ("Mei: Li, can you send the minutes by Friday?\nLi: sure", "Li", "by Friday"),
        ("Mei: Li，你能周五前订车吗？\nLi: 好", "Li", "周五前"),
        ("Mei: Li, please send the minutes by Friday\nLi: hm", "Li", "by Friday"),
        ("Mei: who can book the court?\nLi: I can", "Li", None),
        ("Mei: 谁来写请柬？\nLi: 我来", "Li", None),
        ("Li: should I bring the plates?\nMei: yes please", "Li", None),
        ("Mei: Li will print the map tomorrow\nLi: haha", "Li", "tomorrow"),
        ("Mei: would you mind picking up the ice, Li?\nLi: not at all", "Li", None),
        ("Li: The form must be handed in by Friday", None, "by Friday"),
        ("Li: 监控下周一之前得配好", None, "下周一之前"),
        ("Mei: Li, can you send the minutes by Friday?\nLi: sorry, I can't", None, "by Friday"),
    ],
)
def test_a_todo_has_the_owner_who_took_it(text: str, owner: str | None, due: str | None) -> None:
    """The owner speaks in the first person, accepts, or is told by name; otherwise there is none."""
    (todo,) = todos(talk(text))

    assert (owner, due) == (todo.owner_name, todo.due)


@pytest.mark.parametrize(
    "text",
    [
        "Li: I'll be late",
        "Li: let me know",
        "Li: I already bought the salad",
        "Li: 我昨天买了登山杖",
        "Li: 我来晚了",
        "Li: 我不带伞",
        "Li: I can't bring it",
        "Li: the weather will be nice tomorrow",
        "Li: 今天好热啊",
    ],
)
def test_small_talk_and_what_is_done_is_no_todo(text: str) -> None:
    """State, refusal and the past oblige nobody."""
    assert todos(talk(text)) == ()


def test_a_name_nobody_here_bears_gets_no_todo() -> None:
    """Whoever answers a request to a stranger need not be that stranger."""
    assert todos(talk("Mei: daniel, can you drive the vote please?\nLi: ok")) == ()


@pytest.mark.parametrize(
    ("text", "line", "related"),
    [
        ("Li: let's meet at noon on Saturday\nMei: sounds good", "$0", ("$1",)),
        ("Li: 周末去爬山怎么样？\nMei: 好啊", "$0", ("$1",)),
        ("Li: 周四下午彩排一次吧\nMei: 没问题", "$0", ("$1",)),
        ("Li: We decided to hold the fair on Sunday", "$0", ()),
        ("Li: 那就定了，周六早上八点集合", "$0", ()),
        ("Li: dinner at six at Wang's place?\nMei: hm\nLi: settled then", "$0", ("$2",)),
    ],
)
def test_a_decision_is_said_or_agreed_to(text: str, line: str, related: tuple[str, ...]) -> None:
    """The quote is what was decided, not the word that settles it."""
    (decision,) = decisions(talk(text))

    assert (line, related) == (decision.id, decision.related)


@pytest.mark.parametrize(
    "text",
    [
        "Li: let's meet at noon on Saturday\nMei: I can't, sorry",
        "Li: let's meet at noon on Saturday",
        "Li: we haven't decided on the venue yet",
        "Li: 场地还没定下来",
        "Li: what is the final exam about?",
        "Li: 你决定吧\nMei: 好",
    ],
)
def test_what_is_open_or_refused_is_no_decision(text: str) -> None:
    """A proposal alone settles nothing."""
    assert decisions(talk(text)) == ()


def test_a_question_is_open_until_somebody_answers() -> None:
    """Silence, another question and "no idea" leave it open; an answer of the kind asked for closes it."""
    asked = "Li: What time does the car park close?"

    assert [each.id for each in open_questions(talk(asked))] == ["$0"]
    assert [each.id for each in open_questions(talk(f"{asked}\nMei: no idea"))] == ["$0"]
    assert open_questions(talk(f"{asked}\nMei: 10 pm")) == ()
    assert open_questions(talk(f"{asked}\nLi: never mind, found it")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Li: we should repaint the hall\nMei: I disagree, too expensive",
        "Li: 我们把会议推到周五吧\nMei: 我不赞成，太晚了",
    ],
)
def test_a_disagreement_names_what_it_contradicts(text: str) -> None:
    """It needs somebody else's view before it."""
    (found,) = disagreements(talk(text))

    assert (found.id, found.related) == ("$1", ("$0",))
    assert disagreements(talk(text.partition("\n")[2])) == ()
