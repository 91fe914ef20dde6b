"""Plain words become a command as if they had been typed; a model that fails or strays leaves them a question."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from circles.core.call import Call
from circles.core.effects import Effect, Post, Words
from circles.core.prompt import Prompt
from circles.entrypoints.plain_language import LONGEST_ARGUMENT, handle_free
from circles.errors import ModelRefused, ModelUnavailable
from circles.feature import Command
from circles.ports import Ports
from circles.testing import ROOM, QueueModel, a_call, said, some_ports

HANDLED: list[Call] = []


async def handle(call: Call, _ports: Ports) -> tuple[Effect, ...]:
    """Remember what reached a handler."""
    HANDLED.append(call)
    return (Post(ROOM, Words(call.command), kind="answer", feature="fake"),)


def a_command(name: str, *words: str, tool: str = "does it") -> Command:
    return Command(name, {"en": words, "zh": words}, handle, {"en": "", "zh": ""}, tool=tool)


ASK = a_command("ask", "ask")
COMMANDS: Sequence[Command] = (
    ASK,
    a_command("remind", "…remind us", "remind"),
    a_command("leave", "leave", tool=""),
)


async def route(text: str, model: QueueModel, **changes: object) -> Call:
    """Return the call that a handler got for some words."""
    HANDLED.clear()
    call = replace(a_call("ask"), whole=said("@mei:home.example", text), **changes)  # type: ignore[arg-type]
    await handle_free(call, some_ports(model=model), COMMANDS, ASK, call)
    (given,) = HANDLED
    return given


async def test_the_handler_gets_the_words_as_if_they_had_been_typed() -> None:
    """Command word and argument; the asker, the place and the message they rest on stay the same."""
    model = QueueModel()
    model.put(data={"command": "remind", "argument": "us at nine"})
    call = await route("see to it that we are up at nine", model)

    assert (call.command, call.argument.text, call.whole.text) == ("remind", "us at nine", "remind us at nine")
    assert call.whole.event_id == call.argument.event_id


@pytest.mark.parametrize(
    "answer",
    [
        {"command": "leave", "argument": ""},
        {"command": "rm -rf", "argument": ""},
        {"command": "ask", "argument": "something else"},
        {},
    ],
)
async def test_what_is_not_offered_stays_a_question(answer: dict[str, object]) -> None:
    """In the asker's own words."""
    model = QueueModel()
    model.put(data=answer)
    call = await route("tell me all", model)

    assert (call.command, call.argument.text) == ("ask", "tell me all")


@pytest.mark.parametrize("error", [ModelUnavailable(), ModelRefused()])
async def test_without_the_model_it_stays_a_question(error: ModelUnavailable | ModelRefused) -> None:
    """No error reaches the person."""
    model = QueueModel()
    model.fail(error)

    assert (await route("tell me all", model)).command == "ask"


@pytest.mark.parametrize(
    ("text", "changes"), [("is it on Sunday?", {}), ("周日吗", {}), ("tell me", {"readable": False})]
)
async def test_no_model_is_asked_where_none_is_needed_or_allowed(text: str, changes: dict[str, object]) -> None:
    """A question is one already; and words that may not be sent are not."""
    model = QueueModel()

    assert (await route(text, model, **changes)).command == "ask"
    assert model.prompts == []


async def test_the_model_sees_the_words_and_what_it_may_choose_and_no_talk() -> None:
    """An overlong answer is cut."""
    model = QueueModel()
    model.put(data={"command": "remind", "argument": "x" * 10_000})
    call = await route("see to it", model)
    prompt: Prompt = model.prompts[0]

    assert (prompt.talk, prompt.question) == ((), prompt.question)
    assert prompt.answer_schema is not None
    assert prompt.answer_schema["properties"]["command"]["enum"] == ["ask", "remind"]
    assert "leave" not in prompt.instructions
    assert len(call.argument.text) == LONGEST_ARGUMENT
