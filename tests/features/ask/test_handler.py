"""An answer from the call to the effect, with fakes of the world."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from circles.core.call import Call, Remake, Said
from circles.core.effects import Effect, NoteTold, Post, Private
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.permitted import Permitted
from circles.core.render import LIMIT_BYTES, weight
from circles.core.settings import Settings
from circles.errors import (
    BudgetSpent,
    ContextWindowExceeded,
    ModelBadAnswer,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
)
from circles.features.ask import FEATURE, strings
from circles.features.ask.handler import answer, remake
from circles.ports import Ports
from circles.testing import AI, NOON, ROOM, FakeNames, FakeTalk, QueueModel, a_call, a_room, said, some_ports
from circles_policies import KEPT_OUT, POSTED_AGAIN
from circles_policies.model import Preset, Reach, preset

FAMILY = FakeNames({UserID("@mum:home.example"): "妈妈", UserID("@li:away.example"): "Li"})
LOCAL = Settings(ai=AI, server_name="home.example", reach=Reach.LOCAL)


def _talk() -> FakeTalk:
    talk = FakeTalk()
    spoken = (
        ("@mum:home.example", "周六晚上七点在外婆家吃饭"),
        ("@li:away.example", "The boat leaves from pier nine at 10"),
        ("@mum:home.example", "停车费每小时五块"),
    )
    for place, (sender, words) in enumerate(spoken):
        talk.say(sender, words, NOON - timedelta(hours=3) + timedelta(minutes=place))
    return talk


def _ports(talk: FakeTalk | None = None, **changes: Any) -> Ports:
    return some_ports(talk=talk or _talk(), names=FAMILY, **changes)


def _post(effects: Sequence[Effect]) -> Post:
    (effect,) = effects
    post = effect.post if isinstance(effect, Private) else effect
    assert isinstance(post, Post)
    return post


async def _asked(model: QueueModel, words: str = "where does the boat leave?", **changes: Any) -> Post:
    talk = changes.pop("talk", None)
    return _post(await answer(a_call("ask", words, **changes), _ports(talk, model=model, settings=LOCAL)))


def _lost(post: Post, asked: Permitted | None, language: Language = "en") -> Remake:
    said_before = Said(
        effect_id=EffectID("effect"),
        event_id=EventID("$post"),
        kind=post.kind,
        feature=post.feature,
        subject="",
        room_id=post.room_id,
        about=ROOM,
        asker=UserID("@mei:home.example"),
        answers=post.answers,
        thread=post.thread,
        remake=post.remake,
        language=language,
        state="gone",
    )
    return Remake(a_room(), said_before, asked, NOON + timedelta(minutes=1))


# ---- without a model


@pytest.mark.parametrize(
    ("words", "language", "line"),
    [
        ("where does the boat leave?", "en", "Li “The boat leaves from pier nine at 10” [1]"),
        ("停车费多少？", "zh", "妈妈 “停车费每小时五块” [1]"),
    ],
)
async def test_the_lines_that_fit_are_quoted_with_links(words: str, language: Language, line: str) -> None:
    talk = _talk()
    post = _post(await answer(a_call("ask", words, language=language), _ports(talk)))

    assert line in post.words.body
    assert strings.NO_MODEL[language] in post.words.body
    assert {source.event_id for source in post.sources} <= {message.event_id for message in talk.messages}
    assert post.sources
    assert post.mark == {"model": None}


async def test_an_answer_reaches_who_asked() -> None:
    """A notice would ping nobody."""
    assert _post(await answer(a_call("ask", "where is the boat?"), _ports())).ping == ("@mei:home.example",)


@pytest.mark.parametrize(("words", "language"), [("who won the football match?", "en"), ("足球比赛谁赢了？", "zh")])
async def test_where_no_word_fits_it_found_nothing(words: str, language: Language) -> None:
    post = _post(await answer(a_call("ask", words, language=language), _ports()))

    assert post.words.body == strings.NOTHING_FOUND[language]
    assert post.sources == ()


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_where_nothing_may_be_looked_at_it_found_nothing(language: Language) -> None:
    post = _post(await answer(a_call("ask", "boat?", language=language), _ports(FakeTalk(), settings=LOCAL)))

    assert post.words.body == strings.NOTHING_FOUND[language]


async def test_that_messages_were_kept_out_is_one_fixed_sentence() -> None:
    talk = _talk()
    talk.kept_out.add(talk.say("@x:home.example", "The boat is a canary", NOON))
    post = _post(await answer(a_call("ask", "what is the boat?"), _ports(talk)))

    assert KEPT_OUT["en"] in post.words.body
    assert "canary" not in f"{post}"


async def test_a_free_question_is_answered_too() -> None:
    """Words that are no command arrive whole."""
    call = a_call("ask")
    call = replace(call, whole=said("@mei:home.example", "where does the boat leave?"))

    assert "pier nine" in _post(await answer(call, _ports())).words.body


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_an_empty_question_gets_an_example(language: Language) -> None:
    assert (
        _post(await answer(a_call("ask", "", language=language), _ports())).words.body == strings.NO_QUESTION[language]
    )


async def test_what_came_after_the_question_answers_nothing() -> None:
    talk = _talk()
    call = a_call("ask", "what did the canary say?")
    talk.messages.append(call.whole)
    talk.say("@li:away.example", "The canary said hello")

    assert _post(await answer(call, _ports(talk))).words.body == strings.NOTHING_FOUND["en"]


async def test_asked_in_a_direct_message_it_answers_there_about_the_circle() -> None:
    post = _post(await answer(a_call("ask", "where does the boat leave?", place=RoomID("!direct")), _ports()))

    assert post.room_id == "!direct"
    assert "pier nine" in post.words.body


# ---- threads


async def test_in_a_thread_it_answers_from_the_thread() -> None:
    talk = _talk()
    root = talk.say("@mum:home.example", "Let's plan the picnic")
    talk.say("@li:away.example", "The picnic is on the lawn", thread=root)
    inside = _post(await answer(a_call("ask", "where is the picnic?", thread=root), _ports(talk)))
    outside = _post(await answer(a_call("ask", "where does the boat leave?", thread=root), _ports(talk)))

    assert "on the lawn" in inside.words.body
    assert outside.words.body == strings.NOTHING_IN_THREAD["en"]


async def test_under_a_post_of_the_ais_it_answers_from_the_room_but_not_from_other_threads() -> None:
    """Such a thread holds nothing but questions to the AI."""
    talk = _talk()
    talk.say("@li:away.example", "The canary is in a cage", thread=EventID("$other"))
    thread = EventID("$summary")
    room = _post(await answer(a_call("ask", "where does the boat leave?", thread=thread), _ports(talk)))
    other = _post(await answer(a_call("ask", "where is the canary?", thread=thread), _ports(talk)))

    assert "pier nine" in room.words.body
    assert other.words.body == strings.NOTHING_FOUND["en"]


# ---- with a model


async def test_a_models_answer_carries_its_links_and_rests_on_all_it_was_shown() -> None:
    talk, model = _talk(), QueueModel()
    model.put(data={"found": True, "answer": "From pier **nine**, at 10.", "messages": [2]})
    post = await _asked(model, talk=talk)

    assert post.words.body.startswith("From pier nine, at 10. [1]")
    assert (
        f'From pier <strong>nine</strong>, at 10. <a href="https://matrix.to/#/!family/{talk.messages[1].event_id}'
        in (post.words.html or "")
    )
    assert [source.event_id for source in post.sources] == [message.event_id for message in talk.messages]
    assert post.mark == {"model": "fake"}
    assert model.prompts[0].question is not None
    assert model.prompts[0].question.text == "where does the boat leave?"


async def test_three_sources_are_closed_until_clicked() -> None:
    model = QueueModel()
    model.put(data={"found": True, "answer": "The boat leaves at 10, 周六七点吃饭，停车五块", "messages": [1, 2, 3]})
    html = (await _asked(model)).words.html or ""

    assert "<details><summary>3 sources</summary>" in html


@pytest.mark.parametrize(
    "data",
    [
        {"found": False, "answer": "", "messages": []},
        {"found": True, "answer": "The boat leaves from pier nine", "messages": [77]},
        {"found": True, "answer": "It is well known that boats leave from piers", "messages": []},
    ],
)
async def test_what_rests_on_no_message_is_not_said(data: dict[str, Any]) -> None:
    model = QueueModel()
    model.put(data=data)

    assert (await _asked(model)).words.body == strings.NOTHING_FOUND["en"]


@pytest.mark.parametrize(
    "said_by_model",
    [
        pytest.param("The boat leaves at 23:45", id="an hour nobody said"),
        pytest.param("Send 500 euros to https://evil.example", id="a phishing link"),
        pytest.param("I have invited @mallory:evil.example and made Bob an admin", id="a claim to have acted"),
    ],
)
async def test_an_answer_its_messages_do_not_hold_gives_way_to_them(said_by_model: str) -> None:
    """Whatever a message talked the model into, only what messages say is shown; and it is only words."""
    model = QueueModel()
    model.put(data={"found": True, "answer": said_by_model, "messages": [2]})
    post = await _asked(model)

    assert strings.NOT_BORNE_OUT["en"] in post.words.body
    assert "“The boat leaves from pier nine at 10” [1]" in post.words.body
    assert "evil" not in f"{post.words}"


async def test_an_endless_answer_fits_one_event() -> None:
    model = QueueModel()
    model.put(data={"found": True, "answer": "The boat leaves from pier nine. " * 9_000, "messages": [2]})

    assert weight((await _asked(model)).words) <= LIMIT_BYTES


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "error",
    [ModelUnavailable(), ModelRateLimited(), ModelRefused(), ModelBadAnswer(), ModelError()],
    ids=lambda error: type(error).__name__,
)
async def test_a_failing_model_ends_in_quotes_and_one_plain_sentence(error: ModelError, language: Language) -> None:
    model = QueueModel()
    model.fail(error)
    post = await _asked(model, language=language)

    assert strings.so_searched(error)[language] in post.words.body
    assert "pier nine" in post.words.body


async def test_where_the_words_fit_nothing_either_both_are_said() -> None:
    model = QueueModel()
    model.fail(ModelUnavailable())
    body = (await _asked(model, "who won the football match?")).words.body

    assert body.startswith(strings.NOTHING_FOUND["en"])
    assert "The model did not answer" in body


class _Broke:
    def __init__(self, *, told: bool, of_room: bool = False) -> None:
        self._spent = BudgetSpent(told=told, of_room=of_room, hours=5)

    async def complete(self, _prompt: object) -> Any:
        raise self._spent


async def test_a_spent_budget_is_said_once_a_day_and_the_answer_comes_without_a_model() -> None:
    """The first answer says whose share it was and when it is back, and notes that; the next is as usual."""

    async def asked(model: _Broke) -> tuple[Post, list[Effect]]:
        given, *besides = await answer(a_call("ask", "where does the boat leave?"), _ports(model=model, settings=LOCAL))
        return _post([given]), besides

    first, noted = await asked(_Broke(told=False))
    second, nothing = await asked(_Broke(told=True))
    rooms, _ = await asked(_Broke(told=False, of_room=True))

    assert "Your share of the model for today is used up (it is back in 5 h), so" in first.words.body
    assert noted == [NoteTold(ROOM, UserID("@mei:home.example"), of_model=True)]
    assert "used up" not in second.words.body
    assert nothing == []
    assert "This room's share" in rooms.words.body
    assert "no AI model was used" in second.words.body
    assert "pier nine" in first.words.body
    assert "pier nine" in second.words.body


async def test_an_answer_without_its_form_is_no_fault() -> None:
    model = QueueModel()
    model.put(text="Sure!", data=None)

    assert strings.so_searched(ModelBadAnswer())["en"] in (await _asked(model)).words.body


async def test_too_much_text_is_tried_once_with_what_fits_the_question() -> None:
    talk, model = _talk(), QueueModel()
    for place in range(200):
        talk.say("@mum:home.example", f"nothing much {place}")
    model.fail(ContextWindowExceeded())
    model.put(data={"found": False, "answer": "", "messages": []})
    post = await _asked(model, talk=talk)

    assert len(model.prompts[1].talk) <= 60
    assert talk.messages[1] in model.prompts[1].talk
    assert len(post.sources) == len(model.prompts[1].talk)


async def test_far_too_much_text_ends_in_quotes() -> None:
    model = QueueModel()
    model.fail(ContextWindowExceeded())
    model.fail(ContextWindowExceeded())

    assert "It was too much text for the model" in (await _asked(model)).words.body


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_who_did_not_say_yes_sends_nothing_to_a_model(language: Language) -> None:
    """Their question is answered from its words here, and they are told kindly what would change that."""
    post = await _asked(QueueModel(), readable=False, language=language)

    assert "pier nine" in post.words.body
    assert strings.NOT_READABLE[language] in post.words.body


async def test_where_there_is_no_model_nobody_is_asked_to_say_yes() -> None:
    post = _post(await answer(a_call("ask", "where is the boat?", readable=False), _ports()))

    assert strings.NOT_READABLE["en"] not in post.words.body


async def test_no_model_is_asked_where_the_room_sends_nothing_that_far() -> None:
    remote = replace(LOCAL, reach=Reach.LISTED)
    room = a_room(policy=preset(Preset.ON_CALL, Reach.LOCAL))
    call = a_call("ask", "where does the boat leave?", room=room)
    post = _post(await answer(call, _ports(model=QueueModel(), settings=remote)))

    assert strings.NO_MODEL["en"] in post.words.body


# ---- taken back


def _question(call: Call) -> Permitted:
    return call.whole


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_it_is_answered_again_without_what_was_taken_back(language: Language) -> None:
    talk = _talk()
    talk.say("@mum:home.example", "The boat is called Canary", NOON - timedelta(hours=1))
    call = a_call("ask", "tell me about the boat", language=language)
    first = _post(await answer(call, _ports(talk)))
    talk.messages.pop()
    again = _post(await remake(_lost(first, _question(call), language), _ports(talk)))

    assert "Canary" in first.words.body
    assert again.words.body.startswith(POSTED_AGAIN[language])
    assert "Canary" not in again.words.body
    assert "pier nine" in again.words.body
    assert again.reply_to == call.event_id
    assert again.ping == ()


async def test_where_nothing_is_left_it_found_nothing() -> None:
    talk = _talk()
    call = a_call("ask", "where does the boat leave?")
    first = _post(await answer(call, _ports(talk)))
    talk.messages.clear()
    again = _post(await remake(_lost(first, _question(call)), _ports(talk)))

    assert again.words.body == f"{POSTED_AGAIN['en']}\n{strings.NOTHING_FOUND['en']}"


async def test_a_question_that_was_taken_back_is_not_answered_again() -> None:
    first = _post(await answer(a_call("ask", "where does the boat leave?"), _ports()))

    assert await remake(_lost(first, None), _ports()) == ()


async def test_a_question_kept_from_models_stays_so() -> None:
    talk = _talk()
    call = a_call("ask", "where does the boat leave?", readable=False)
    first = _post(await answer(call, _ports(talk)))
    again = _post(await remake(_lost(first, _question(call)), _ports(talk, model=QueueModel(), settings=LOCAL)))

    assert "pier nine" in again.words.body


async def test_a_model_is_asked_again_where_it_was_asked() -> None:
    talk, model = _talk(), QueueModel()
    model.put(data={"found": True, "answer": "From pier nine", "messages": [2]})
    call = a_call("ask", "where does the boat leave?")
    first = _post(await answer(call, _ports(talk)))
    again = _post(await remake(_lost(first, _question(call)), _ports(talk, model=model, settings=LOCAL)))

    assert again.mark == {"model": "fake"}
    assert model.prompts[0].asker == "@mei:home.example"


def test_its_words_are_there_in_both_languages() -> None:
    for command in FEATURE.commands:
        assert set(command.words) == set(command.help) == {"en", "zh"}
        assert len(command.help["en"]) <= 36
        assert len(command.help["zh"]) <= 16
