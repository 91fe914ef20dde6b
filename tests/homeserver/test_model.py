"""With a model: answers with links, plain words, and each way a model can fail; what left is what the ledger says."""

import contextlib
import re
import sqlite3

import aiohttp

from circles_harness import Person, Service
from circles_harness.model import Delay, Fail, Reply, Step
from circles_policies.content import POLICY_TYPE, to_content
from circles_policies.model import Preset, preset
from walks import (
    admitted,
    answer,
    ask,
    banner,
    body,
    chat,
    let_in,
    messages,
    on_disk,
    placeholder,
    private_room,
    settled,
)

from .conftest import Breakable, NewPerson

FOUND = {"found": True, "answer": "The boat is with Agnes.", "messages": [1]}
LINES = ("The boat is with Agnes", "We meet on Sunday at ten", "I bring the cake", "And I bring the plates")


def ledger(service: Service) -> list[tuple[str, str, int]]:
    """Return purpose, outcome and number of messages of every request that left."""
    query = """
        SELECT purpose, outcome, (SELECT count(*) FROM egress_events WHERE egress_id = egress.id)
        FROM egress ORDER BY id
    """
    with contextlib.closing(sqlite3.connect(f"file:{service.database_path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


async def silent(service: Service, *words: str) -> None:
    """Assert that no word stands in the log, which is at DEBUG, or among the metrics."""
    async with aiohttp.ClientSession() as session, session.get(f"{service.health_url}/metrics") as answered:
        told = service.log() + await answered.text()
    assert [word for word in words if word.casefold() in told.casefold()] == []


async def test_a_summary_and_an_answer_link_to_what_they_rest_on(breakable: Breakable, person: NewPerson) -> None:
    """Every request has its row, and nothing of who is out is in any; the mark says which model and which messages."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei, li = await person("mei", at=breakable.homeserver), await person("li", at=breakable.homeserver)
    rosa = await person("rosa", at=breakable.homeserver)
    room = await admitted(mei, thinker, li, rosa)
    await li.say(room, "!circle out")
    await let_in(li, thinker)
    said = await chat(room, [*((rosa, line) for line in LINES), (li, "My secret is zebraumbrella")])
    before = len(ledger(thinker))
    empty: dict[str, list[object]] = {"decisions": [], "todos": [], "open_questions": [], "disagreements": []}
    model.script({"key_points": [{"text": "The boat is with Agnes", "messages": [1]}], **empty}, FOUND)

    summary = await answer(mei, room, await mei.say(room, "!circle summary"), thinker)
    found = await answer(mei, room, await mei.say(room, "!circle ask where is the boat?"), thinker)

    for event in (summary, found):
        assert "The boat is with Agnes" in body(event)
        assert said[0] in body(event)
        content = event["content"].get("m.new_content", event["content"])
        mark = content["io.github.matrix_circles.ai"]
        assert (mark["model"], mark["sources"]) == (model.model, [said[0]])
    assert [row[:2] for row in ledger(thinker)[before:]] == [("summary", "answered"), ("ask", "answered")]
    requests = model.requests()
    assert len(requests) == 2
    assert "The boat is with Agnes" in model.sent_text()
    assert "zebraumbrella" not in model.sent_text()
    assert li.user_id not in model.sent_text()
    await silent(thinker, "zebraumbrella", "Agnes", "boat")


NOT_FOUND: dict[str, object] = {"found": False, "answer": "", "messages": []}


async def test_names_and_secrets_leave_as_codes_and_stand_in_the_answer(
    breakable: Breakable, person: NewPerson
) -> None:
    """In English and Chinese: not a byte of them reaches the model, and which code stands for what is never written."""
    thinker, model = breakable.thinker, breakable.model.reset()
    rosa = await person("rosa", display_name="Rosalind Okafor", at=breakable.homeserver)
    ming = await person("ming", display_name="王小明", at=breakable.homeserver)
    room = await admitted(rosa, thinker, ming)
    hers = ("rosa.okafor@post.example", "+44 7700 900123", "X1234567", "ghp_A1b2C3d4E5f6G7h8")
    his = ("ming@yuan.example", "13912345678", "11010519491231002X", "Kuai7le9")
    about_her = "Rosalind and 小明 pay: {}, phone {}, passport {}, token {}".format(*hers)
    about_him = "王小明的邮箱是{}，手机{}，身份证{}，密码是{}".format(*his)
    said = await chat(room, [(rosa, about_her), (ming, about_him)])
    words = "!circle ask how do we reach Rosalind Okafor and 王小明?"

    model.script(NOT_FOUND)
    await ask(rosa, room, words, thinker)
    lines = re.findall(r"\[(\d+)\] (P\w+) \([^)]*\): (.*)", model.requests()[0]["messages"][-1]["content"])
    assert [number for number, _, _ in lines] == ["1", "2"]
    who = [code for _, code, _ in lines]
    codes = [re.findall(r"(?:MAIL|NUMBER|KEY)\d+", text) for _, _, text in lines]
    assert [len(each) for each in codes] == [4, 4]
    model.script(*({"found": True, "answer": f"{who[n]}: {', '.join(codes[n])}.", "messages": [n + 1]} for n in (0, 1)))
    told = await ask(rosa, room, words, thinker)
    told_zh = await ask(ming, room, "!小圈 问 王小明和Rosalind怎么联系", thinker)

    assert f"Rosalind Okafor: {', '.join(hers)}." in told
    assert said[0] in told
    assert f"王小明: {', '.join(his)}." in told_zh
    assert said[1] in told_zh
    hidden = [*hers, *his, "Rosalind", "Okafor", "小明"]
    assert [each for each in (*hidden, rosa.user_id, ming.user_id) if each in model.sent_text()] == []
    assert len(model.requests()) == 3
    # Of its own, not within an id: those are made of the same letters.
    any_code = rb"(?<![\w+/-])(?:" + "|".join((*who, *codes[0], *codes[1])).encode() + rb")(?![\w+/=-])"
    assert re.findall(any_code, on_disk(thinker)) == []
    await silent(thinker, *hidden)


def models_asked(service: Service, since: int) -> list[tuple[str, str]]:
    """Return the room and the model of every request after the first so many."""
    with contextlib.closing(sqlite3.connect(f"file:{service.database_path}?mode=ro", uri=True)) as database:
        return database.execute("SELECT room_id, model FROM egress ORDER BY id LIMIT -1 OFFSET ?", (since,)).fetchall()


async def test_each_circle_reaches_the_model_it_chose_and_no_other(breakable: Breakable, person: NewPerson) -> None:
    """By words, in both languages; a name that the operator does not have reaches none, and one sentence says so."""
    thinker, model, other = breakable.thinker, breakable.model.reset(), breakable.other.reset()
    mei, rosa = await person("mei", at=breakable.homeserver), await person("rosa", at=breakable.homeserver)
    usual, own = await admitted(mei, thinker, rosa), await admitted(mei, thinker, rosa, name="Harbour")
    menu = await answer(mei, own, await mei.say(own, "!circle policy"), thinker)
    assert 'Model: say "policy with other"; you can choose other, default.' in body(menu)
    assert "You can choose: other, default." in await ask(mei, own, "!circle policy with cloud", thinker)

    chosen = await ask(mei, own, "!circle policy with other", thinker)
    assert "“Looks back when called · other”" in chosen
    assert 'Model: "other", this circle\'s choice.' in await ask(mei, own, "!circle policy", thinker)
    await chat(usual, [(rosa, "The boat is with Agnes")])
    await chat(own, [(rosa, "The zebraumbrella is with Otto")])
    before = len(ledger(thinker))
    model.script(FOUND)
    other.script({"found": True, "answer": "The zebraumbrella is with Otto.", "messages": [1]})
    assert "with Agnes" in await ask(mei, usual, "!circle ask where is the boat?", thinker)
    theirs = await answer(mei, own, await mei.say(own, "!circle ask where is the zebraumbrella?"), thinker)
    assert "with Otto" in body(theirs)
    assert theirs["content"]["io.github.matrix_circles.ai"]["model"] == other.model
    assert ("Agnes" in model.sent_text(), "zebraumbrella" in model.sent_text()) == (True, False)
    assert ("Agnes" in other.sent_text(), "zebraumbrella" in other.sent_text()) == (False, True)
    assert models_asked(thinker, before) == [(usual, model.model), (own, other.model)]

    stated = await mei.set_state(own, POLICY_TYPE, to_content(preset(Preset.ON_CALL, model="gone")))
    assert 'Model: "gone" is not set up here.' in body(await banner(mei, own, thinker, after=stated))
    told = await ask(mei, own, "!circle ask where is the zebraumbrella?", thinker)
    assert "The model this circle chose is not set up here" in told
    assert "with Otto" in told
    assert "“叫它才翻看”" in await ask(mei, own, "!小圈 规则 用默认", thinker)
    assert len(ledger(thinker)) == before + 2
    assert (len(model.requests()), len(other.requests())) == (1, 1)


FAILURES: list[tuple[tuple[Step | tuple[Step, ...], ...], str]] = [
    ((Fail(429, retry_after=0.1), Fail(429, retry_after=0.1)), "The model is busy just now"),
    ((Fail(401, message="the key of Agnes"),), "The model did not answer"),
    ((Reply(text="No.", finish_reason="content_filter"),), "The model did not want to answer"),
    ((Reply(text=" "),), "The model's answer was of no use"),
    ((Reply(text='{"found": tr', finish_reason="length"),), "The model's answer was of no use"),
    (("The boat? With Agnes!", "As I said: with Agnes."), "The model's answer was of no use"),
    (
        tuple(Fail(400, code="context_length_exceeded", message="maximum context length: Agnes") for _ in range(2)),
        "It was too much text for the model",
    ),
    (((Delay(20), "too late"),), "The model did not answer"),
]


async def test_each_failure_of_the_model_ends_in_one_plain_sentence(breakable: Breakable, person: NewPerson) -> None:
    """Busy, closed, refusing, empty, cut off, without form, overfull, hanging, gone: quotes instead, and said why."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei, rosa = await person("mei", at=breakable.homeserver), await person("rosa", at=breakable.homeserver)
    room = await admitted(mei, thinker, rosa)
    await chat(room, [(rosa, line) for line in LINES])
    before = len(ledger(thinker))  # An earlier test killed the service amid a request, whose fate nobody knows.

    for steps, sentence in FAILURES:
        model.reset().script(*steps)
        told = body(await answer(mei, room, await mei.say(room, "!circle ask where is the boat?"), thinker))
        assert sentence in told
        assert "The boat is with Agnes" in told
        assert not re.search(r"(?i)traceback|exception|error|\b(400|401|429)\b", told)
    model.stop()
    told = body(await answer(mei, room, await mei.say(room, "!circle summary"), thinker))
    model.start().reset()

    assert "The model did not answer" in told
    assert "The boat is with Agnes" in told
    await settled(mei, room, thinker)
    assert not any("One moment" in text for text in standing(mei, room, thinker))
    assert not any(outcome == "leaving" for _, outcome, _ in ledger(thinker)[before:])
    await silent(thinker, "Agnes", "boat")


def standing(person: Person, room: str, service: Service) -> list[str]:
    """Return the AI's posts as a client shows them: edits in place."""
    shown: dict[str, str] = {}
    for event in messages(person, room, service):
        relation = event["content"].get("m.relates_to", {})
        edited = relation.get("rel_type") == "m.replace"
        shown[relation["event_id"] if edited else event["event_id"]] = body(event)
    return list(shown.values())


async def test_plain_words_become_the_command_they_mean(breakable: Breakable, person: NewPerson) -> None:
    """In the circle by a mention and in private; the model sees the words and no conversation."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, thinker)
    await mei.say(room, "My secret is zebraumbrella")
    await ask(mei, room, "!circle zone Berlin", thinker)
    model.script({"command": "remind", "argument": "us tomorrow at nine to bring plates"})
    words = "could you see to it that we think of the plates tomorrow at nine"
    question = await mei.mention(room, thinker.user_id, "Circle", words)
    told = body(await answer(mei, room, question, thinker))

    assert "bring plates" in told
    assert "09:00" in told
    assert "zebraumbrella" not in model.sent_text()
    assert "bring plates" in await ask(mei, room, "!circle reminders", thinker)

    private = await private_room(mei, thinker)
    model.script({"command": "help", "argument": ""}, {"found": False, "answer": "", "messages": []})
    question = await mei.say(private, "I wonder what all of this is good for")
    assert body(await answer(mei, private, question, thinker))
    model.reset()


async def test_stop_ends_an_answer_in_the_making(breakable: Breakable, person: NewPerson) -> None:
    """The placeholder goes, and nothing comes after it."""
    thinker, model = breakable.thinker, breakable.model.reset()
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, thinker)
    await chat(room, [(mei, line) for line in LINES])
    model.always(Delay(20))
    question = await mei.say(room, "!circle ask where is the boat?")
    sign = await placeholder(mei, room, question, thinker)
    await mei.say(room, "!circle stop")

    await mei.wait_for_redaction(room, sign["event_id"])
    model.reset()
    said = await settled(mei, room, thinker)
    assert not any("Agnes" in text for text in said)
