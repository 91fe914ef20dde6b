"""Who visits whom when: the ordinary forms, one by one."""

from __future__ import annotations

import pytest

from circles.core.extract import visits
from unit.core.extract.chat import talk


def found(text: str, replies: dict[str, str] | None = None) -> list[tuple[str, str, str]]:
    return [(visit.who, visit.whom, visit.when) for visit in visits(talk(text, replies))]


STATED = [
    ("Li: 初二我们去外婆家", ("Li", "外婆", "初二")),
    ("Li: 我们年初四去看舅舅", ("Li", "舅舅", "年初四")),
    ("Li: 初三舅舅来我家", ("舅舅", "Li", "初三")),
    ("Li: 外婆家我们初三去", ("Li", "外婆", "初三")),
    ("Li: 除夕我们在婆家吃饭", ("Li", "婆家", "除夕")),
    ("Li: 我初六去给王老师拜年", ("Li", "王老师", "初六")),
    ("Li: 下周五我要去大刘家烧烤", ("Li", "大刘", "下周五")),
    ("Li: 表姐一家元旦来我们家玩", ("表姐", "Li", "元旦")),
    ("Li: 清明我打算回老家看三叔", ("Li", "三叔", "清明")),
    ("Li: 初二我們去外婆家", ("Li", "外婆", "初二")),
    ("Anna: We're visiting Grandma on New Year's Day", ("Anna", "Grandma", "New Year's Day")),
    ("Anna: I'll be at my parents' place on Christmas Eve", ("Anna", "parents", "Christmas Eve")),
    ("Anna: Uncle Tom is coming to us on Sunday", ("Uncle Tom", "Anna", "Sunday")),
    ("Anna: We're having Grandma Lu over on the 31st", ("Grandma Lu", "Anna", "the 31st")),
    ("Anna: on the 27th we're driving down to see Aunt Carol", ("Anna", "Aunt Carol", "the 27th")),
    ("Anna: Aunt Bea is staying with us next weekend", ("Aunt Bea", "Anna", "next weekend")),
]


@pytest.mark.parametrize(("line", "visit"), STATED, ids=[line for line, _ in STATED])
def test_a_stated_visit_is_found(line: str, visit: tuple[str, str, str]) -> None:
    """Who, whom and when are read from the sentence; the speaker's name stands for "we"."""
    assert found(line) == [visit]


NO_VISIT = [
    "Li: 去年初二我们去了外婆家",
    "Li: 如果下雨初二就不去外婆家了",
    "Li: 初三来我家吃饭吧",
    "Li: 初二我们去北京",
    "Li: 方案我今天下班前发出来",
    "Anna: We went to Grandma's last Sunday",
    "Anna: Maybe we visit Grandma on Sunday",
    "Anna: Come to us on the 3rd!",
    "Anna: I'm visiting Berlin on Friday",
    "Anna: see you on Sunday",
]


@pytest.mark.parametrize("line", NO_VISIT)
def test_what_is_past_uncertain_or_only_asked_is_no_visit(line: str) -> None:
    """An invitation that nobody took is not a visit either."""
    assert found(line) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Wang: 初四来我家吃饭吧\nLi: 好", [("Li", "Wang", "初四")]),
        ("Wang: 除夕都来我家吧\nLi: 好的，一定来\nMei: 我们也来", [("Li", "Wang", "除夕"), ("Mei", "Wang", "除夕")]),
        ("Wang: 初四来我家吃饭吧\nLi: 初四来不了，有事", []),
        ("Li: 我们周六去你家行吗？\nWang: 行", [("Li", "Wang", "周六")]),
        ("Wang: 你们哪天去外婆家？\nLi: 初二", [("Li", "外婆", "初二")]),
        ("Wang: 初二谁去外婆家？\nLi: 我们去", [("Li", "外婆", "初二")]),
        ("Anna: Come to us on the 3rd for dinner!\nBen: We'd love to", [("Ben", "Anna", "the 3rd")]),
        ("Ben: Can we drop by yours on Saturday, Anna?\nAnna: sure, see you then", [("Ben", "Anna", "Saturday")]),
        ("Anna: Dinner at ours on Friday?\nBen: sorry, can't", []),
        ("Anna: when are you going to see grandpa?\nBen: on the 28th", [("Ben", "grandpa", "the 28th")]),
        ("Anna: Ben, come over on Sunday?\nCarl: great weather\nBen: yes!", [("Ben", "Anna", "Sunday")]),
    ],
)
def test_an_invitation_counts_once_somebody_takes_it(text: str, wanted: list[tuple[str, str, str]]) -> None:
    """The guest is who says yes, the host who asked; a question is completed by its answer."""
    assert found(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Li: 我们初四去看姑姑\nLi: 改到初五", [("Li", "姑姑", "初五")]),
        ("Li: 我们初四去看姑姑\nLi: 不是初四，是初五", [("Li", "姑姑", "初五")]),
        ("Li: 我们初四去看姑姑\nLi: 姑姑那边去不了了", []),
        ("Li: 我们初二去外婆家\nLi: 初二我有事，改初三行不行\nWang: 行", [("Li", "外婆", "初三")]),
        (
            "Wang: 初五来我家吧\nLi: 好\nMei: 初五要上班，初六行吗\nWang: 可以",
            [("Li", "Wang", "初六"), ("Mei", "Wang", "初六")],
        ),
        ("Anna: We visit Grandma on Friday\nAnna: Sorry, make that Saturday", [("Anna", "Grandma", "Saturday")]),
        ("Anna: Come on Friday!\nBen: yes\nBen: can't make it on Friday after all", []),
        ("Anna: Uncle Tom is coming to us on Sunday\nAnna: moved to Monday", [("Uncle Tom", "Anna", "Monday")]),
        (
            "Anna: Lunch at ours on Friday?\nBen: Friday's no good\nAnna: How about Sunday, Ben?\nBen: Sunday works",
            [("Ben", "Anna", "Sunday")],
        ),
    ],
)
def test_the_later_word_counts(text: str, wanted: list[tuple[str, str, str]]) -> None:
    """A change replaces the earlier day, a cancellation leaves nothing."""
    assert found(text) == wanted


def test_a_change_by_reply_is_about_what_it_replies_to() -> None:
    """A bare "moved to" changes the visit of the line it answers, not the latest one."""
    text = "Li: 初二我们去外婆家\nLi: 初三我们去舅舅家\nLi: 改到初五"

    assert found(text, {"$2": "$0"}) == [("Li", "外婆", "初五"), ("Li", "舅舅", "初三")]


def test_people_who_say_nothing_are_named_as_the_circle_names_them() -> None:
    """A member's display name stands where the words name the member."""
    (visit,) = visits(talk("Anna: We're visiting ben on Sunday"), {"@ben:example.org": "Ben Okafor"})

    assert (visit.who, visit.whom) == ("Anna", "Ben Okafor")


def test_a_day_with_several_visits_lists_each() -> None:
    """A list in one sentence gives one visit a place."""
    text = "Dora: I'm going to Grandma's on Christmas Eve and then to Uncle Ben's on Boxing Day"

    assert found(text) == [("Dora", "Grandma", "Christmas Eve"), ("Dora", "Uncle Ben", "Boxing Day")]
