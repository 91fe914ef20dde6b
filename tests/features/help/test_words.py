"""What people ask an AI first, as they type it."""

import pytest

from circles.core.commands import Invocation, Unknown, parse
from circles.registry import FORMS


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ("what can you do?", "introduction"),
        ("Who are you?", "introduction"),
        ("你能做什么？", "introduction"),
        ("你是谁", "introduction"),
        ("can you sum up what we said today?", "summary"),
        ("能总结一下吗", "summary"),
        ("what do you know about me?", "me"),
        ("你知道我什么？", "me"),
        ("delete everything about me", "forget"),
        ("delete reminder 1", "cancel"),
        ("删除提醒 1", "cancel"),
        ("把我的东西都删掉", "forget"),
    ],
)
def test_what_is_asked_first_is_understood_without_a_model(said: str, command: str) -> None:
    found = parse(said, FORMS)

    assert isinstance(found, Invocation)
    assert found.name == command


@pytest.mark.parametrize("said", ["who are you visiting on Sunday?", "你是谁家的客人", "what are you bringing?"])
def test_a_question_that_only_begins_so_is_none_of_them(said: str) -> None:
    assert isinstance(parse(said, FORMS), Unknown)
