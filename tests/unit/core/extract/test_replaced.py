"""What was decided last, what a person who is not here brings, and what is asked of nobody as a task."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles.core.extract import decisions, todos
from unit.core.extract.chat import talk


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        pytest.param(
            """
            Tom: Let's meet at 5pm at the lake
            Mei: ok
            Tom: Actually let's make it 6pm instead
            Mei: Fine with me
            """,
            [("$2", ("$0", "$3"))],
            id="another hour",
        ),
        pytest.param(
            """
            阿强: 那就五点湖边见吧
            小美: 好
            阿强: 不对，改成六点吧
            小美: 行，六点
            """,
            [("$2", ("$0", "$3"))],
            id="another hour, Chinese",
        ),
        pytest.param(
            """
            Ann: We decided to meet on Friday at the library
            Bob: sounds good
            Ann: Sorry, the library is closed. We agreed on Saturday at the cafe now
            """,
            [("$2", ("$0",))],
            id="another place",
        ),
        pytest.param(
            """
            安: 我们定了周五在图书馆见
            波: 好的
            安: 不好意思，图书馆关门，改到周六咖啡馆了
            波: 可以
            """,
            [("$2", ("$0", "$3"))],
            id="another place, Chinese",
        ),
        pytest.param(
            """
            Ann: We decided on Friday at eight for the dinner
            Bob: We decided to take the train to the lake on 3 May
            Ann: We agreed to move the dinner to Saturday
            """,
            [("$1", ()), ("$2", ("$0",))],
            id="of two, the one it speaks of",
        ),
        pytest.param(
            """
            Ann: We decided on Friday at eight for the dinner
            Bob: We agreed to take the train to the lake on Sunday instead of the car
            """,
            [("$0", ()), ("$1", ())],
            id="a change of something else",
        ),
        pytest.param(
            """
            Tom: Let's meet at 5pm at the lake
            Mei: ok
            Tom: Actually, could we say 6pm?
            Mei: no, I have to leave early
            """,
            [("$0", ("$1",))],
            id="nobody agreed to the change",
        ),
        pytest.param(
            """
            Ann: church at 3?
            Tom: lake at 4 is better
            Joe: yes, good
            Ann: ok lake at 4
            """,
            [("$1", ("$2", "$3"))],
            id="agreed to what stood against it",
        ),
        pytest.param(
            """
            妈妈: 周六三点教堂见怎么样
            爸爸: 四点湖边更好
            小美: 好啊
            妈妈: 那就湖边
            爸爸: 就这么定了
            """,
            [("$1", ("$2", "$3", "$4"))],
            id="agreed to what stood against it, Chinese",
        ),
        pytest.param(
            """
            Ann: Let's go to the lake at 4
            Tom: How about the church at 3?
            Ann: no, the church is closed
            Joe: ok, the lake then
            """,
            [("$0", ("$3",))],
            id="the first of two after all",
        ),
        pytest.param(
            """
            Ann: Let's have the party on Saturday at 6
            Tom: sounds good
            Ann: So it's settled: party on Saturday at 6.
            Tom: agreed
            """,
            [("$2", ("$0", "$1", "$3"))],
            id="said twice",
        ),
    ],
)
def test_a_decision_that_was_replaced_is_not_shown_beside_its_replacement(
    text: str, standing: list[tuple[str, tuple[str, ...]]]
) -> None:
    """The last word stands, and links to what it replaced."""
    assert [(each.id, each.related) for each in decisions(talk(text))] == standing


@pytest.mark.parametrize(
    ("text", "decided"),
    [
        pytest.param(
            """
            Joe: Shall we meet at the church at 3?
            Mei: Better at 4 at the lake, the church is closed
            Gran: OK, then 4 at the lake. Agreed!
            """,
            ("$2", ()),
            id="another place and hour",
        ),
        pytest.param(
            """
            Joe: How about Saturday at 10?
            Mei: Sunday would be better for me
            Gran: Sunday it is!
            """,
            ("$1", ("$2",)),
            id="another day for me",
        ),
        pytest.param(
            """
            Joe: Dinner on Friday at 7?
            Mei: 8 is better
            Gran: ok 8
            """,
            ("$1", ("$2",)),
            id="only another hour",
        ),
        pytest.param(
            """
            Joe: Dinner on Friday at 7?
            Mei: Could we make it 8?
            Gran: Fine, 8 it is. Agreed
            """,
            ("$2", ()),
            id="asked for another hour",
        ),
        pytest.param(
            """
            Joe: Let's go by train on Saturday
            Mei: The bus is cheaper
            Gran: Agreed, the bus then
            """,
            ("$2", ()),
            id="what was said against it",
        ),
        pytest.param(
            """
            Joe: Shall we book the red cabin for the weekend?
            Mei: The blue one has a stove, I like the blue one
            Gran: Then the blue cabin. Agreed
            Joe: Agreed
            """,
            ("$2", ("$3",)),
            id="agreed to what was summed up",
        ),
        pytest.param(
            """
            Joe: Gran's party: Saturday at 2 or Sunday at 3?
            Mei: Sunday
            Gran: Sunday at 3 then
            """,
            ("$2", ()),
            id="one of two",
        ),
        pytest.param(
            """
            Joe: Shall we meet at the church at 3?
            Mei: Yes
            Gran: Agreed! See you at 3
            """,
            ("$0", ("$1", "$2")),
            id="the same hour",
        ),
        pytest.param(
            """
            Joe: Shall we meet at the church at 3?
            Mei: ok
            Tom: Better at 4 at the lake
            Mei: No, let's keep the church
            """,
            ("$0", ("$1",)),
            id="told too late",
        ),
        pytest.param(
            """
            Joe: 我们三点教堂见吧？
            Mei: 还是四点湖边吧，教堂关门了
            Gran: 好的，那就四点湖边，说定了
            """,
            ("$2", ()),
            id="another place and hour, Chinese",
        ),
        pytest.param(
            """
            Joe: 周五七点吃饭？
            Mei: 八点更好
            Gran: 好，八点
            """,
            ("$1", ("$2",)),
            id="only another hour, Chinese",
        ),
        pytest.param(
            """
            Joe: 坐火车去吧
            Mei: 大巴便宜
            Gran: 那就大巴，同意
            """,
            ("$2", ()),
            id="what was said against it, Chinese",
        ),
    ],
)
def test_who_names_something_else_agrees_to_that(text: str, decided: tuple[str, tuple[str, ...]]) -> None:
    """A decision is what was agreed to, never the proposal that somebody answered with another hour, day or thing."""
    assert [(each.id, each.related) for each in decisions(talk(text))] == [decided]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (
            "Dan: we could go to the Plough\nRuth: no, the steps\nGeoff: Have it at ours\nRuth: Geoff's it is then.",
            "$3",
        ),
        ("Kev: the kitty pays unless anyone objects\nSam: nope fair", "$0"),
        ("Tom: the spa or the garden voucher\nJo: love that\nCarla: Perfect, going with the garden voucher", "$2"),
        ("阿杰: 那周三晚上？八点以后有场\n老周: 周三就周三吧，八点到十点", "$1"),
        ("老爸: 来我这儿吧，新换了大圆桌\n二婶: 这个好这个好", "$0"),
        ("大鹏: 先齐舞后唱歌\n阿宁: 嗯，按大鹏的顺序来", "$1"),
        ("Ian: Some folk don't like it\nEbele: better told than bringing pasta nobody takes\nIan: Fair point.", ""),
        ("Tom: my boots are finally waterproof, did them last night\nLi: great", ""),
        ("诺妈: 藏青显老气吧\n浩妈: 哈哈哈也是", ""),
    ],
)
def test_people_settle_things_in_their_own_words(text: str, ids: str) -> None:
    """And say many things that only sound so."""
    assert " ".join(each.id for each in decisions(talk(text))) == ids


@given(
    st.integers(1, 12), st.integers(1, 12), st.sampled_from(["Agreed, {} then", "ok {}", "Fine, {} it is", "好，{}点"])
)
def test_an_hour_is_agreed_to_only_by_who_names_no_other(proposed: int, answered: int, answer: str) -> None:
    """A proposal with an hour is decided where the answer names that hour, and never where it names another."""
    found = decisions(talk(f"Ann: Shall we meet at the lake at {proposed}?\nBob: {answer.format(answered)}"))
    assert bool(found) if proposed == answered else "$0" not in {each.id for each in found}


@pytest.mark.parametrize(
    ("sentence", "owner"),
    [
        ("Grandma brings the dumplings", "Grandma"),
        ("My sister will bake the cake", "sister"),
        ("Aunt Lin cooks the rice", "Aunt Lin"),
        ("Mum said she'd make soup", "Mum"),
        ("The neighbours will lend us the grill", "neighbours"),
        ("Carol will book the table then", "Carol"),
        ("My brother's girlfriend brings a cake", "My brother's girlfriend"),
        ("外婆带饺子", "外婆"),
        ("我哥的女朋友带沙拉", "我哥的女朋友"),
        ("我姐做蛋糕", "姐"),
        ("舅舅搬椅子过来", "舅舅"),
        ("小汤周五前还得把船订了", "小汤"),
        ("Ben still has to book the boat by Friday", "Ben"),
        ("妈妈说她煮汤", "妈妈"),
        ("邻居把烤架借给我们", "邻居"),
        ("麻烦表哥订一下位子", "表哥"),
    ],
)
def test_who_is_not_here_can_have_taken_something_on(sentence: str, owner: str) -> None:
    """They are named as they were spoken of, and are nobody's user."""
    (todo,) = todos(talk(f"Tom: {sentence}"))

    assert (todo.owner_id, todo.owner_name, todo.quote) == (None, owner, sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "please don't wait for me",
        "Please go ahead without me",
        "you don't need to bring anything",
        "don't buy flowers, she is allergic",
        "I can't take the dog this week",
        "I won't bring the projector this time",
        "please let me know if you can come",
        "could you not tell Emma yet?",
        "please be on time",
        "你们先吃，别等我",
        "不用等我",
        "你们不用带东西",
        "别买花，她过敏",
        "这周我带不了狗",
        "投影仪我这次不带了",
        "大家先别告诉爷爷",
        "周日谁来？",
    ],
)
def test_a_refusal_or_a_wish_is_no_task(sentence: str) -> None:
    """What is not to be done, and what only asks for patience, is on nobody's list."""
    assert todos(talk(f"Tom: {sentence}\nMei: ok")) == ()


@pytest.mark.parametrize(
    "question", ["Who is bringing what?", "What does everyone bring?", "谁带什么？", "大家都带点什么？"]
)
def test_who_brings_what_is_in_the_answers_and_not_in_the_question(question: str) -> None:
    """A question for the things themselves is nobody's task, whoever answers first."""
    found = todos(talk(f"Tom: {question}\nMei: I bring the bread\nLi: 我带饺子"))

    assert [(each.quote, each.owner_name) for each in found] == [("I bring the bread", "Mei"), ("我带饺子", "Li")]
