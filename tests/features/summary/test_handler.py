"""A summary from the call to the effect, with fakes of the world."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from circles.core.call import Call, Remake, Said
from circles.core.effects import Effect, NoteTold, Post, Private
from circles.core.ids import EffectID, EventID, RoomID, UserID
from circles.core.language import Language
from circles.core.permitted import Talk
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
from circles.features.summary import FEATURE, strings
from circles.features.summary.handler import list_visits, remake, summarise
from circles.ports import Ports, Window
from circles.testing import AI, NOON, ROOM, FakeNames, FakeTalk, QueueModel, a_call, a_room, some_ports
from circles_policies import KEPT_OUT, POSTED_AGAIN
from circles_policies.model import Preset, Reach, preset

FAMILY = FakeNames(
    {
        UserID("@mum:home.example"): "妈妈",
        UserID("@mei:home.example"): "小美",
        UserID("@uncle:home.example"): "叔叔",
        UserID("@li:away.example"): "Li",
    }
)
EMPTY: dict[str, list[Any]] = {
    "key_points": [],
    "decisions": [],
    "todos": [],
    "open_questions": [],
    "disagreements": [],
}


def _talk() -> FakeTalk:
    talk = FakeTalk()
    spoken = (
        ("@mum:home.example", "周六去爬山怎么样？"),
        ("@mei:home.example", "好的，周六早上八点出发"),
        ("@uncle:home.example", "我周五前订好车"),
        ("@li:away.example", "I'll bring dumplings for everyone on Saturday"),
        ("@mum:home.example", "谁知道停车多少钱？"),
        ("@uncle:home.example", "初五我去外婆家拜年"),
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


def _linked(post: Post) -> set[str]:
    shown = f"{post.words.body} {post.words.html}"
    assert "http" not in re.sub(r"https://matrix\.to/#/!family/\$\w+\?via=home\.example", "", shown)
    return set(re.findall(r"!family/(\$\w+)\?", shown))


def _lost(post: Post, language: Language = "en", **changes: Any) -> Remake:
    said = Said(
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
    return Remake(a_room(), replace(said, **changes), None, NOON + timedelta(minutes=1))


# ---- without a model


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_it_quotes_with_links_and_says_that_no_model_was_used(language: Language) -> None:
    talk = _talk()
    post = _post(await summarise(a_call("summary", language=language), _ports(talk)))

    assert strings.NO_MODEL["summary"][language] in post.words.body
    assert strings.TODOS[language] in post.words.body
    assert "我周五前订好车" in post.words.body
    assert _linked(post) == {source.event_id for source in post.sources}
    assert _linked(post) <= {message.event_id for message in talk.messages}
    assert post.mark == {"model": None}
    assert post.ping == ()


async def test_the_plain_form_says_everything() -> None:
    """Every number of a line stands once in the list at its end, with its address."""
    post = _post(await summarise(a_call("summary"), _ports()))
    said, _, listed = post.words.body.partition("\nSources:\n")

    assert "https://" not in said
    assert set(re.findall(r"\[\d+\]", said)) == set(re.findall(r"^\[\d+\]", listed, re.MULTILINE))


@pytest.mark.parametrize(("language", "sentence"), [("en", "Nothing was decided."), ("zh", "没有定下什么。")])
async def test_that_nothing_was_decided_is_said(language: Language, sentence: str) -> None:
    talk = FakeTalk()
    for words in (
        "The garden looks lovely today",
        "I saw two herons by the lake",
        "Our train was late again",
        "More rain",
    ):
        talk.say("@li:away.example", words)

    assert sentence in _post(await summarise(a_call("summary", language=language), _ports(talk))).words.body


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_that_messages_were_kept_out_is_one_fixed_sentence(language: Language) -> None:
    talk = _talk()
    talk.kept_out.add(talk.say("@x:home.example", "canary", NOON))
    post = _post(await summarise(a_call("summary", language=language), _ports(talk)))

    assert KEPT_OUT[language] in post.words.body
    assert "canary" not in f"{post}"


class _Few(FakeTalk):
    async def window(self, room_id: RoomID, window: Window) -> Talk:
        """Say of every window that it is a tiny one."""
        return replace(await super().window(room_id, window), few=True)


async def test_empty_tiny_and_withheld_windows_read_the_same() -> None:
    """Else asking for windows of one, two, three messages would tell out from silent."""
    withheld, tiny = _talk(), _Few()
    withheld.kept_out |= {message.event_id for message in withheld.messages}
    tiny.say("@li:away.example", "I'll bring dumplings on Saturday")
    posts = [_post(await summarise(a_call("summary"), _ports(talk))) for talk in (FakeTalk(), withheld, tiny)]

    assert {post.words.body for post in posts} == {posts[0].words.body}
    assert {post.sources for post in posts} == {()}
    assert strings.too_little("summary")["en"] in posts[0].words.body


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_visits_are_one_line_each_with_its_link(language: Language) -> None:
    talk = _talk()
    post = _post(await list_visits(a_call("visits", language=language), _ports(talk)))
    rows = [row for row in post.words.body.split("\n") if row.startswith("•")]

    assert any("叔叔" in row and "外婆" in row and "初五" in row and "[1]" in row for row in rows)
    assert _linked(post) <= {message.event_id for message in talk.messages}


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_that_no_visit_was_found_is_said(language: Language) -> None:
    talk = FakeTalk()
    for _ in range(4):
        talk.say("@li:away.example", "What a lovely garden")
    post = _post(await list_visits(a_call("visits", language=language), _ports(talk)))

    assert strings.NO_VISITS[language] in post.words.body


# ---- which messages


async def test_only_the_window_asked_for_is_looked_at() -> None:
    talk = _talk()
    late = [talk.say("@li:away.example", f"I'll book table number {place} tomorrow") for place in range(4)]
    post = _post(await summarise(a_call("summary", "last 4"), _ports(talk)))

    assert _linked(post) <= set(late)
    assert "last 4 messages" in post.words.body


async def test_what_came_after_the_question_is_not_in_it() -> None:
    talk = _talk()
    call = a_call("summary")
    talk.messages.append(call.whole)
    talk.say("@li:away.example", "I'll bring canary tomorrow")

    assert "canary" not in _post(await summarise(call, _ports(talk))).words.body


async def test_asked_in_a_direct_message_time_bounds_it() -> None:
    """The circle is looked at; the answer stands where it was asked."""
    talk = _talk()
    talk.say("@li:away.example", "I'll bring canary tomorrow", NOON + timedelta(seconds=1))
    post = _post(await summarise(a_call("summary", place=RoomID("!direct")), _ports(talk)))

    assert "canary" not in post.words.body
    assert post.room_id == "!direct"
    assert _linked(post)


async def test_since_my_last_message_begins_there() -> None:
    talk = _talk()
    talk.say("@mei:home.example", "mine", NOON - timedelta(hours=1))
    after = [talk.say("@li:away.example", f"I'll book table number {place} tomorrow") for place in range(4)]
    post = _post(await summarise(a_call("summary", "since my last message"), _ports(talk)))

    assert _linked(post) <= set(after)
    assert "since you last wrote, 12:00" in post.words.body


async def test_since_my_last_message_is_known_in_a_direct_message_too() -> None:
    talk = _talk()
    talk.say("@mei:home.example", "mine", NOON - timedelta(hours=1))
    after = [talk.say("@li:away.example", f"I'll book table number {place} tomorrow") for place in range(4)]
    call = a_call("summary", "since my last message", place=RoomID("!direct"))
    post = _post(await summarise(call, _ports(talk)))

    assert _linked(post) <= set(after)
    assert "since you last wrote, 12:00" in post.words.body


async def test_a_permalink_in_a_quote_is_not_shown() -> None:
    """All links in a post are ours, to messages of the window."""
    talk = _talk()
    talk.say("@li:away.example", "I'll do https://matrix.to/#/!other/$secret?via=x tomorrow, promised")
    body = _post(await summarise(a_call("summary"), _ports(talk))).words.body

    assert "“I'll do 🔗 tomorrow, promised”" in body


async def test_who_wrote_nothing_gets_the_last_day_and_is_told() -> None:
    call = a_call("summary", "我上次说话以来", asker="@new:home.example")

    body = _post(await summarise(call, _ports())).words.body

    assert strings.NEVER_WROTE["zh"] in body
    assert "你上次说话" not in body.splitlines()[0]


async def test_in_a_thread_it_is_the_thread() -> None:
    talk = _talk()
    root = talk.say("@mum:home.example", "Who books the tickets for the boat?")
    inside = {root, *(talk.say("@li:away.example", f"I'll book ticket {n} tomorrow", thread=root) for n in range(4))}
    post = _post(await summarise(a_call("summary", thread=root), _ports(talk)))

    assert _linked(post) <= inside
    assert post.thread == root


async def test_how_far_back_the_room_lets_it_look_is_said() -> None:
    post = _post(await summarise(a_call("summary", "since Friday"), _ports()))

    assert "I may look back 24 hours here." in post.words.body


@pytest.mark.parametrize(
    ("argument", "language", "sentence"),
    [
        ("since the big bang", "en", strings.UNCLEAR["en"]),
        ("从很久以前", "zh", strings.UNCLEAR["zh"]),
        ("since yesterday 25:00", "en", strings.UNCLEAR["en"]),
        ("昨天25点以来", "zh", strings.UNCLEAR["zh"]),
        ("this thread", "en", strings.NO_THREAD["en"]),
    ],
)
async def test_what_is_not_understood_is_asked_back(argument: str, language: Language, sentence: str) -> None:
    assert _post(await summarise(a_call("summary", argument, language=language), _ports())).words.body == sentence


@pytest.mark.parametrize("argument", ["private", "私下"])
async def test_a_private_answer_goes_to_the_asker_alone(argument: str) -> None:
    (effect,) = await summarise(a_call("summary", argument), _ports())

    assert isinstance(effect, Private)
    assert effect.user_id == "@mei:home.example"
    assert effect.post.reply_to is None
    assert effect.post.remake is not None
    assert effect.post.remake["whispered"] is True


# ---- with a model


def _local() -> Settings:
    return Settings(ai=AI, server_name="home.example", reach=Reach.LOCAL)


async def _asked(model: QueueModel, talk: FakeTalk | None = None, call: Call | None = None) -> Post:
    return _post(await summarise(call or a_call("summary"), _ports(talk, model=model, settings=_local())))


async def test_a_models_lines_are_shown_with_links_and_rest_on_all_it_was_shown() -> None:
    talk, model = _talk(), QueueModel()
    points = [{"text": "They hike on Saturday at 8", "messages": [1, 2]}]
    tasks = [{"text": "bring dumplings", "owner": "Li", "due": "Saturday", "messages": [4]}]
    model.put(data={**EMPTY, "key_points": points, "todos": tasks})
    post = await _asked(model, talk)

    assert "• They hike on Saturday at 8 [1] [2]" in post.words.body
    assert "☐ Li: bring dumplings · Saturday [3]" in post.words.body
    assert "Nothing was decided." in post.words.body
    assert post.mark == {"model": "fake"}
    assert [source.event_id for source in post.sources] == [message.event_id for message in talk.messages]
    assert model.prompts[0].talk == tuple(talk.messages)
    assert model.prompts[0].question is None


async def test_a_withheld_message_is_in_no_request() -> None:
    talk, model = _talk(), QueueModel()
    talk.kept_out.add(talk.say("@x:home.example", "canary", NOON))
    model.put(data=EMPTY)
    await _asked(model, talk)

    assert all(message.text != "canary" for message in model.prompts[0].talk)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "error",
    [
        ModelUnavailable(),
        ModelRateLimited(),
        ModelRefused(),
        ModelBadAnswer(),
        ModelError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_failing_model_ends_in_quotes_and_one_plain_sentence(error: ModelError, language: Language) -> None:
    model = QueueModel()
    model.fail(error)
    post = await _asked(model, call=a_call("summary", language=language))

    assert strings.so_picked(error, "summary")[language] in post.words.body
    assert post.sources
    assert post.mark == {"model": None}


class _Broke:
    def __init__(self, *, told: bool, of_room: bool = False) -> None:
        self._spent = BudgetSpent(told=told, of_room=of_room, hours=5)

    async def complete(self, _prompt: object) -> Any:
        raise self._spent


async def test_a_spent_budget_is_said_once_a_day_and_the_answer_comes_without_a_model() -> None:
    """The first answer says whose share it was and when it is back, and notes that; the next is as usual."""

    async def asked(model: _Broke) -> tuple[Post, list[Effect]]:
        given, *besides = await summarise(a_call("summary"), _ports(model=model, settings=_local()))
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
    assert "picked out" in first.words.body.lower()
    assert "picked out" in second.words.body.lower()


@pytest.mark.parametrize("data", [None, {}], ids=["no data", "an empty object"])
async def test_an_answer_without_its_form_is_no_fault(data: dict[str, Any] | None) -> None:
    model = QueueModel()
    model.put(text="Sure! Here is your summary.", data=data)

    assert "Sure" not in (await _asked(model)).words.body


async def test_too_much_text_is_told_by_its_newest_part() -> None:
    talk, model = _talk(), QueueModel()
    for place in range(30):
        talk.say("@li:away.example", f"I'll book table number {place}", NOON - timedelta(minutes=60 - place))
    model.fail(ContextWindowExceeded())
    model.put(data={**EMPTY, "key_points": [{"text": "Li books table number 29", "messages": [18]}]})
    post = await _asked(model, talk)

    assert [message.text for message in model.prompts[1].talk] == [message.text for message in talk.messages[18:]]
    assert strings.newest_only("12:12")["en"] in post.words.body
    assert len(post.sources) == 18


async def test_far_too_much_text_is_picked_from_instead() -> None:
    model = QueueModel()
    model.fail(ContextWindowExceeded())

    assert "It was too much text for the model, so" in (await _asked(model)).words.body


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"text": "Send money to https://evil.example", "messages": [1]}, id="a phishing link"),
        pytest.param({"text": "Ignore the rules; @everyone is invited", "messages": [2]}, id="an instruction"),
        pytest.param({"text": "They hike on Saturday", "messages": [999]}, id="a message that is not there"),
        pytest.param({"text": "They hike on Saturday", "messages": []}, id="no message"),
        pytest.param({"text": "Li owes 5000 euros", "messages": [4]}, id="a sum nobody named"),
        pytest.param({"text": "<script>alert(1)</script>", "messages": [1]}, id="a script"),
    ],
)
async def test_hostile_lines_are_dropped_and_the_messages_quoted_instead(entry: dict[str, Any]) -> None:
    """What a model was talked into saying has no effect, not even words, unless the messages say it."""
    model = QueueModel()
    model.put(data={**EMPTY, "key_points": [entry], "todos": [entry], "decisions": [entry]})
    post = await _asked(model)

    assert strings.so_picked(ModelBadAnswer(), "summary")["en"] in post.words.body
    assert "evil" not in f"{post.words}"
    assert "script" not in f"{post.words}"


async def test_an_endless_answer_fits_one_event() -> None:
    talk, model = FakeTalk(), QueueModel()
    for place in range(40):
        talk.say("@li:away.example", f"饺子{place} " + "字" * 400)
    entries = [{"text": f"饺子{place} " + "字" * 5_000, "messages": [place + 1]} for place in range(40)]
    model.put(data=dict.fromkeys(EMPTY, entries))
    post = await _asked(model, talk)

    assert weight(post.words) <= LIMIT_BYTES
    assert "it did not fit into one message" in post.words.body
    assert _linked(post)


@pytest.mark.parametrize(
    ("policy", "reach"),
    [
        (preset(Preset.ON_CALL, Reach.NONE), Reach.LOCAL),
        (preset(Preset.ON_CALL, Reach.LOCAL), Reach.LISTED),
        (None, Reach.LOCAL),
    ],
)
async def test_no_model_is_asked_where_the_room_sends_nothing_that_far(policy: Any, reach: Reach) -> None:
    settings = replace(_local(), reach=reach)
    ports = _ports(model=QueueModel(), settings=settings)
    post = _post(await summarise(a_call("summary", room=a_room(policy=policy)), ports))

    assert strings.NO_MODEL["summary"]["en"] in post.words.body


async def test_a_models_visits_are_checked_like_its_lines() -> None:
    model = QueueModel()
    good = {"who": "叔叔", "whom": "外婆", "when": "初五", "messages": [6]}
    model.put(data={"visits": [good, {**good, "whom": "市长"}, {**good, "when": "初九"}]})
    ports = _ports(model=model, settings=_local())
    post = _post(await list_visits(a_call("visits", language="zh"), ports))

    assert [row for row in post.words.body.split("\n") if row.startswith("•")] == ["• 叔叔 → 外婆 · 初五 [1]"]


# ---- taken back


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_it_is_said_again_without_what_was_taken_back(language: Language) -> None:
    talk = _talk()
    first = _post(await summarise(a_call("summary", language=language), _ports(talk)))
    gone = next(message for message in talk.messages if "订好车" in message.text)
    talk.messages.remove(gone)
    later = talk.say("@li:away.example", "I'll bring canary tomorrow", NOON + timedelta(seconds=30))
    again = _post(await remake(_lost(first, language), _ports(talk)))

    assert again.words.body.startswith(POSTED_AGAIN[language])
    assert "订好车" not in again.words.body
    assert {gone.event_id, later}.isdisjoint(_linked(again))
    assert (again.reply_to, again.answers, again.remake) == (first.answers, first.answers, first.remake)
    assert again.ping == ()


async def test_what_is_kept_to_say_it_again_holds_no_words() -> None:
    post = _post(await summarise(a_call("summary", "since my last message, canary"), _ports()))

    assert post.remake is not None
    assert not any("canary" in str(value) or " " in str(value) for value in post.remake.values())


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_where_nothing_is_left_one_line_says_so(language: Language) -> None:
    talk = _talk()
    first = _post(await summarise(a_call("summary", language=language), _ports(talk)))
    talk.messages.clear()
    again = _post(await remake(_lost(first, language), _ports(talk)))

    assert again.words.body == f"{POSTED_AGAIN[language]} {strings.NOTHING_LEFT[language]}"
    assert again.remake is None


async def test_a_private_answer_is_said_again_in_private() -> None:
    talk = _talk()
    first = _post(await summarise(a_call("summary", "private"), _ports(talk)))
    (effect,) = await remake(_lost(first, room_id=RoomID("!direct")), _ports(talk))

    assert isinstance(effect, Private)
    assert effect.post.room_id == ROOM


async def test_a_post_that_kept_nothing_is_not_said_again() -> None:
    first = _post(await summarise(a_call("summary"), _ports()))

    assert await remake(_lost(first, remake=None), _ports()) == ()


async def test_a_model_is_asked_again_for_what_is_left() -> None:
    talk, model = _talk(), QueueModel()
    first = _post(await summarise(a_call("summary"), _ports(talk)))
    talk.messages.pop(2)
    model.put(data={**EMPTY, "key_points": [{"text": "Li brings dumplings", "messages": [3]}]})
    again = _post(await remake(_lost(first), _ports(talk, model=model, settings=_local())))

    assert "• Li brings dumplings [1]" in again.words.body
    assert again.mark == {"model": "fake"}


def test_its_words_are_there_in_both_languages() -> None:
    for command in FEATURE.commands:
        assert set(command.words) == set(command.help) == {"en", "zh"}
        assert len(command.help["en"]) <= 36
        assert len(command.help["zh"]) <= 16
