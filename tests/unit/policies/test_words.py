"""Control words and spoken addresses, and all that only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles_policies import (
    ControlWord,
    control_word,
    is_off_record,
    model_wanted,
    parse_control,
    room_names,
    strip_address,
    without_reply_fallback,
)

NAMES = room_names()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("help", ControlWord.HELP),
        ("Help!", ControlWord.HELP),
        ("帮助", ControlWord.HELP),
        ("help reminders", ControlWord.HELP),
        ("policy", ControlWord.POLICY),
        ("policy on_call", ControlWord.POLICY),
        ("policy group notebook", ControlWord.POLICY),
        ("规矩", ControlWord.POLICY),
        ("This is off the record.", ControlWord.OFF_RECORD),
        ("先别记吧", ControlWord.OFF_RECORD),
        ("Why that?", ControlWord.WHY),
        ("规则？", ControlWord.POLICY),
        ("enable on call", ControlWord.ENABLE),
        ("启用 群笔记", ControlWord.ENABLE),
        ("out", ControlWord.OUT),
        ("OUT please", ControlWord.OUT),
        ("ｏｕｔ", ControlWord.OUT),
        ("不看我", ControlWord.OUT),
        ("请不看我", ControlWord.OUT),
        ("别看我了", ControlWord.OUT),
        ("not at all", ControlWord.NOT_AT_ALL),
        ("完全不看我。", ControlWord.NOT_AT_ALL),
        ("in", ControlWord.IN),
        ("可以看我", ControlWord.IN),
        ("keep out @bob:hs", ControlWord.KEEP_OUT),
        ("不看 @小明", ControlWord.KEEP_OUT),
        ("let back Bob", ControlWord.LET_BACK),
        ("hide", ControlWord.HIDE),
        ("这句别看", ControlWord.HIDE),
        ("me", ControlWord.ME),
        ("我的", ControlWord.ME),
        ("why?", ControlWord.WHY),
        ("为什么？", ControlWord.WHY),
        ("Opt out!", ControlWord.OUT),
        ("Please stop reading my messages", ControlWord.OUT),
        ("don\u2019t look at my messages", ControlWord.OUT),
        ("别看我的消息", ControlWord.OUT),
        ("我不想被看", ControlWord.OUT),
        ("I want out of this contract", None),
        ("off", ControlWord.OFF),
        ("关闭", ControlWord.OFF),
        ("stop, please", ControlWord.STOP),
        ("停！", ControlWord.STOP),
        ("停吧", ControlWord.STOP),
        ("leave", ControlWord.LEAVE),
        ("vote to leave", ControlWord.LEAVE),
        ("退出", ControlWord.OUT),
        ("离开", ControlWord.LEAVE),
        ("helpful", None),
        ("help me write a long letter", None),
        ("帮助我写信", None),
        ("in 5 minutes remind me to call", None),
        ("out of milk, put it on the list", None),
        ("why is the sky blue", None),
        ("stop the music at nine", None),
        ("停电了怎么办", None),
        ("keep out", None),
        ("policy makers met and agreed on several things", None),
        ("me too", None),
        ("off the record: help", None),
        ("important", None),
        ("", None),
        ("…", None),
        ("help " + "x" * 500, None),
    ],
)
def test_control_words_said_to_the_ai(text: str, word: ControlWord | None) -> None:
    assert control_word(text, NAMES, addressed=True) is word
    assert control_word(f"!circle {text}", NAMES, addressed=False) is word
    assert control_word(text, NAMES, addressed=False) is None


def test_the_argument_is_kept_as_typed() -> None:
    assert parse_control("!circle Keep out: @Bob:HS", NAMES, addressed=False) == (ControlWord.KEEP_OUT, "@Bob:HS")
    assert parse_control("Circle: policy On Call", NAMES, addressed=False) == (ControlWord.POLICY, "On Call")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("!circle summarise", "summarise"),
        ("！circle summarise", "summarise"),
        ("!Circle: summarise", "summarise"),
        ("!circle", ""),
        ("!小圈 总结", "总结"),
        ("@Circle what about tomorrow", "what about tomorrow"),
        ("@circle", ""),
        ("Circle: summarise", "summarise"),
        ("Circle, summarise", "summarise"),
        ("Circle：总结", "总结"),
        ("Circle · on call: summarise today", "summarise today"),
        ("Circle · notebook: summarise", "summarise"),
        ("小圈 总结一下", "总结一下"),
        ("小圈，总结一下", "总结一下"),
        ("小圈·叫才看 总结", "总结"),
        ("@小圈 总结", "总结"),
        ("小圈", ""),
        ("  @Circle hi", "hi"),
    ],
)
def test_texts_that_speak_to_the_ai(text: str, rest: str) -> None:
    assert strip_address(text, NAMES) == (True, rest)


@pytest.mark.parametrize(
    "text",
    [
        "!circles",
        "!important",
        "@Circles hi",
        "Circle back to me tomorrow",
        "Circle",
        "Circles: round things",
        "could Circle · on call remind us?",
        "小圈子真热闹",
        "我们的小圈 很好",
        "@小圈子 你好",
        "",
        "@",
        "!",
    ],
)
def test_texts_that_do_not(text: str) -> None:
    assert strip_address(text, NAMES) == (False, text)


def test_with_a_pill_the_name_may_stand_before_a_mere_space() -> None:
    assert strip_address("Circle · on call summarise", NAMES, mentioned=True) == (True, "summarise")
    assert strip_address("Circle", NAMES, mentioned=True) == (True, "")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("off the record: I may move", True),
        ("Off the record, I may move", True),
        ("(off the record) I may move", True),
        ("（off the record）I may move", True),
        ("[off] I may move", True),
        ("别记：我可能搬家", True),
        ("别记 我可能搬家", True),
        ("【不记】我可能搬家", True),
        ("不记：我可能搬家", True),
        ("@Circle off the record: hi", True),
        ("小圈，别记：你好", True),
        ("不记得了", False),
        ("off to work", False),
        ("this is off the record", False),
        ("", False),
    ],
)
def test_off_the_record(text: str, marked: bool) -> None:
    assert is_off_record(text, NAMES) is marked


@pytest.mark.parametrize(
    ("body", "own"),
    [
        ("> <@bob:hs> my secret\n> more\n\nyes", "yes"),
        ("> * <@bob:hs> waves\n\nyes\n> kept", "yes\n> kept"),
        ("> <@bob:hs> my secret", ""),
        ("> a quote of my own\nyes", "> a quote of my own\nyes"),
        ("yes", "yes"),
    ],
)
def test_the_reply_fallback_is_somebody_elses_text(body: str, own: str) -> None:
    assert without_reply_fallback(body) == own


@given(st.text(), st.lists(st.text(max_size=8), max_size=3), st.booleans())
def test_any_text_is_read_without_an_error(text: str, names: list[str], addressed: bool) -> None:
    found, rest = strip_address(text, names)
    assert text.endswith(rest)
    assert found or rest == text
    control_word(text, names, addressed=addressed)
    is_off_record(text, names)
    without_reply_fallback(text)


@pytest.mark.parametrize(
    ("argument", "policy", "model"),
    [
        ("on call with cloud", "on call", "cloud"),
        ("with Cloud.", "", "cloud"),
        ("叫它才翻看 用 cloud", "叫它才翻看", "cloud"),
        ("叫它才翻看用cloud", "叫它才翻看", "cloud"),
        ("用默认", "", "default"),
        ("notebook with default", "notebook", "default"),
        ("notebook", "notebook", None),
        ("without cloud", "without cloud", None),
        ("with the cloud", "with the cloud", None),
        ("with", "with", None),
        ("", "", None),
    ],
)
def test_a_policy_may_name_the_model_that_is_to_serve(argument: str, policy: str, model: str | None) -> None:
    assert model_wanted(argument) == (policy, model)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("小圈总结", "总结"),
        ("@小圈总结", "总结"),
        ("小圈提醒我明天八点吃药", "提醒我明天八点吃药"),
        ("小圈帮我总结一下", "帮我总结一下"),
        ("小圈别看我", "别看我"),
        ("嘿小圈", "嘿小圈"),
        ("嘿小圈，总结", "总结"),
        ("嗨，小圈！帮助", "帮助"),
        ("Circle help", "help"),
        ("Circle out", "out"),
        ("Circle remind me at 9 to call", "remind me at 9 to call"),
        ("Circle can you sum up", "can you sum up"),
        ("circle summary?", "summary?"),
        ("Hey Circle, help", "help"),
        ("hi Circle! what can you do", "what can you do"),
        ("Hello @Circle", "Hello @Circle"),
    ],
)
def test_a_name_before_a_plain_request_or_after_a_greeting_is_a_call(text: str, rest: str) -> None:
    assert strip_address(text, NAMES) == (True, rest)


@pytest.mark.parametrize(
    "text",
    [
        "the circle of friends",
        "Circle of friends tonight",
        "Circle time is over",
        "circle dancing can you imagine",
        "Circle remind-me apps are silly",
        "hello circles of hell",
        "Hey Circle of friends",
        "Hey Joe",
        "hi all, Circle is great",
        "小圈总结得很好",
        "小圈提醒我了",
        "小圈子总结",
        "@小圈子总结",
        "小圈说得对",
        "嘿小圈子",
        "你好，小明",
        "我问小圈总结",
    ],
)
def test_a_name_that_is_only_spoken_of_is_no_call(text: str) -> None:
    assert strip_address(text, NAMES) == (False, text)


@pytest.mark.parametrize(
    "text",
    [
        *("我要退出", "我想退出", "退出", "退出。", "我退出了", "我要离开", "别再看我了", "不要再看我"),
        *(
            "I want to leave",
            "let me out",
            "I want to opt out",
            "keep me out please",
            "could you stop reading my messages?",
        ),
        *("Please don't look at me", "can you please stop watching me", "do not read my messages!"),
    ],
)
def test_who_wants_out_in_their_own_words_is_out(text: str) -> None:
    """Whoever says that they leave never stays read, and sends nobody away by it."""
    assert control_word(text, NAMES, addressed=True) is ControlWord.OUT


@pytest.mark.parametrize(
    "text", ["can you see out there?", "退出登录怎么弄", "I'm out of milk", "in the garden", "I'm in!", "我同意"]
)
def test_talk_that_begins_like_a_choice_is_none(text: str) -> None:
    assert control_word(text, NAMES, addressed=True) is None
