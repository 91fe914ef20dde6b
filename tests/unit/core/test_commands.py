"""The grammar: what is a command, what only looks like one, and that any text at all gets an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circles.core.commands import Forms, Invocation, Unknown, fold, parse
from circles.registry import FORMS

GRAMMAR = (
    Forms("help", ("help", "?", "帮助", "你会什么")),
    Forms("remind", ("remind me", "remind", "提醒我", "提醒", "…提醒我")),
    Forms("reminders", ("reminders", "提醒列表")),
    Forms("stop", ("stop", "停")),
    Forms("cancel", ("cancel", "取消")),
    Forms("off", ("off", "休息"), whole=True),
)
LATIN = [(forms.name, form) for forms in GRAMMAR for form in forms.forms if form.isascii() and form.isalpha()]


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("help", "help", ""),
        ("Help!", "help", ""),
        ("  HELP  ", "help", ""),
        ("ｈｅｌｐ", "help", ""),
        ("?", "help", ""),
        ("？", "help", ""),
        ("帮助", "help", ""),
        ("帮助。", "help", ""),
        ("remind me at nine: bring plates", "remind", "at nine: bring plates"),
        ("remind at nine", "remind", "at nine"),
        ("Remind ME At Nine", "remind", "At Nine"),
        ("remind\u00a0me at nine", "remind", "at nine"),
        ("remind me\u00a0at nine", "remind", "at nine"),
        ("remind me\u3000九点", "remind", "九点"),
        ("提醒我明天九点带盘子", "remind", "明天九点带盘子"),
        ("明天九点提醒我带盘子", "remind", "明天九点提醒我带盘子"),
        ("提醒列表", "reminders", ""),
        ("reminders", "reminders", ""),
        ("off", "off", ""),
        ("休息！", "off", ""),
        ("停", "stop", ""),
        ("停！", "stop", ""),
        ("停 一下", "stop", "一下"),
        ("取消明天提醒我的那个", "cancel", "明天提醒我的那个"),
    ],
)
def test_these_are_commands(text: str, name: str, argument: str) -> None:
    """A form at the start, or a `…` form anywhere; the longest wins, and what stands at the start wins first."""
    assert parse(text, GRAMMAR) == Invocation(name, argument)


@pytest.mark.parametrize(
    "text",
    [
        "helpful people",
        "reminding me",
        "stopgap",
        "停车场在哪",
        "",
        " ",
        "!",
        "。",
        "help's on its way",
        "off to Rome",
        "休息一下",
    ],
)
def test_these_are_not(text: str) -> None:
    """A Latin form is a whole word; a single Chinese character stands alone or before a space or mark."""
    assert isinstance(parse(text, GRAMMAR), Unknown)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("hlep", "help"),
        ("remnid me", "remind"),
        ("列表提醒", "提醒列表"),
        ("帮住", "帮助"),
        ("xyzzy", None),
        ("", None),
    ],
)
def test_the_nearest_form_is_offered(text: str, nearest: str | None) -> None:
    """A slip of the finger finds its word; what resembles nothing is offered nothing."""
    found = parse(text, GRAMMAR)

    assert found == Unknown(nearest)


@given(st.text(max_size=200))
def test_any_text_is_a_command_or_not(text: str) -> None:
    """The grammar of all features is total, and an argument is a piece of what was written."""
    found = parse(text, FORMS)

    if isinstance(found, Invocation):
        assert found.argument in text
        assert found.name in {forms.name for forms in FORMS}


@given(st.sampled_from(LATIN), st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_-'", min_size=1, max_size=10))
def test_a_latin_form_is_never_the_beginning_of_a_word(form: tuple[str, str], more: str) -> None:
    """Whatever is glued to a word makes it another word."""
    found = parse(form[1] + more, GRAMMAR)

    assert not isinstance(found, Invocation) or (form[1] + more).startswith(("remind me", "reminders"))


@given(
    st.sampled_from([forms for forms in FORMS if not forms.whole]),
    st.text(max_size=50),
    st.sampled_from([" ", ": ", "：", "，", "\u3000", "\n"]),
)
def test_a_form_and_a_mark_call_its_command_or_a_longer_one(forms: Forms, argument: str, mark: str) -> None:
    """Every form of every feature is reachable, whatever follows."""
    for form in (form for form in forms.forms if form != "?" and not form.startswith("…")):
        found = parse(form + mark + argument, FORMS)

        assert isinstance(found, Invocation)
        assert found.name == forms.name or any(
            len(other) > len(form) and fold(form + mark + argument).startswith(other)
            for others in FORMS
            if others.name == found.name
            for other in others.forms
        )


@given(st.text(max_size=100))
def test_folding_keeps_the_length(text: str) -> None:
    """So that a place in the folded text is the same place in what was written."""
    assert len(fold(text)) == len(text)


def test_no_two_commands_share_a_form() -> None:
    """Of two features that claim one word, one would be deaf."""
    forms = [form for command in FORMS for form in command.forms]

    assert len(forms) == len(set(forms))
    assert all(form == fold(form) for form in forms), "a form that is not folded can never match"
