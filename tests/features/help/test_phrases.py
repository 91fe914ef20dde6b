"""What a family types, as they type it: each phrase reaches the command it means, without a model."""

import pytest

from circles.core.commands import Invocation, parse
from circles.registry import FORMS

PHRASES = {
    "summary": "give me a summary|what happened today?|从昨天开始总结|大家聊了什么|sum up please",
    "reminders": "show reminders|what reminders do I have?|我有什么提醒|看看提醒|有哪些提醒？",
    "remind": "can you remind me at 9|明天九点提醒小乔带沙拉|could you remind Joe tomorrow at 9 to sing|半小时后提醒我",
    "digest": "stop the digest|no more digests please|每天晚上八点发摘要|每天早上八点发日报|别发摘要了",
    "greeting": "hi|Hello!|good morning|你好|在吗？|嘿小圈",
    "thanks": "thanks!|Thank you so much|谢谢|辛苦了！",
    "choice": "am I out?|can you see my messages?|我被看到了吗|你在监视我吗？",
    "create": "create a circle for New Year|make a circle for the picnic",
    "notes": "show me the notes|看一下笔记",
    "help": "help remind|commands|有哪些命令",
}


@pytest.mark.parametrize(
    ("command", "said"), [(name, one) for name, all_ in PHRASES.items() for one in all_.split("|")]
)
def test_a_phrase_reaches_the_command_it_means(command: str, said: str) -> None:
    found = parse(said, FORMS)

    assert isinstance(found, Invocation)
    assert found.name == command


@pytest.mark.parametrize(
    "said", ["hi everyone, who brings cake?", "thanks to Joe we have a boat", "can you see the lake"]
)
def test_talk_that_only_begins_kindly_is_a_question(said: str) -> None:
    assert not isinstance(parse(said, FORMS), Invocation)


def test_the_goal_of_a_new_circle_is_what_follows_for() -> None:
    found = parse("create a circle for New Year visits", FORMS)

    assert isinstance(found, Invocation)
    assert found.argument == "New Year visits"
