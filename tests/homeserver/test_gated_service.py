"""The AI member behind the homeserver's gate: everything of the main job, with what is forbidden out of its reach."""

import asyncio
import math
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp
import pytest_asyncio

from circles_bench.leaks.run import play
from circles_bench.leaks.stage import Stage, tapped
from circles_bench.leaks.table import Kind, Moment, Place, Rules, Selection, Standing
from circles_harness import Event, Homeserver, ModelServer, Person, Service
from circles_harness.client import WAIT_SECONDS
from circles_harness.wire import Answer, Wire
from circles_policies import POLICY_TYPE
from codes import scanned
from walks import (
    NOTEBOOK,
    ON_CALL,
    admission,
    admitted,
    answer,
    ask,
    banner,
    body,
    chat,
    circle,
    kind,
    on_disk,
    private_room,
    spoken,
)

from .conftest import NewElement, NewHomeserver

CONFIG = {
    "invites": {"allow": ["*"]},
    "timing": {"checkpoint_seconds": 1, "newcomers_seconds": 1},
    "log": {"level": "DEBUG"},
}


@dataclass(frozen=True)
class Gated:
    """A homeserver with the gate, the service behind it, two people, and what passes the gate in both ways.

    `other` is a model that a circle may choose; without that none is asked.
    """

    homeserver: Homeserver
    service: Service
    mei: Person
    li: Person
    wires: Sequence[Wire]
    other: ModelServer

    def arrived(self) -> bytes:
        """Return every byte that the gate let through."""
        to_service, to_gate = self.wires
        return b"\n".join([*(each.body for each in to_service.requests), *to_gate.answers])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gated(new_homeserver: NewHomeserver) -> AsyncIterator[Gated]:
    """Boot them, once for these tests."""
    homeserver, other = new_homeserver(gate_listener=True), ModelServer()
    choice = {"models": {"other": {"base_url": other.base_url, "model": other.model}}}
    service = Service(homeserver, gated=True, config=CONFIG | choice)
    try:
        async with tapped(service) as wires:
            other.start()
            async with asyncio.timeout(90):
                await homeserver.start()
                await service.start()
            mei, li = [await homeserver.person(name) for name in ("mei", "li")]
            yield Gated(homeserver, service, mei, li, wires, other)
            await service.close()
    finally:
        await service.close()
        await homeserver.close()
        other.stop()
        shutil.rmtree(service.directory, ignore_errors=True)


TALK = (
    "dumplings on Sunday",
    "the music is ready",
    "We decided: nine o'clock",
    "the train takes long",
    "who has keys?",
)


async def test_consent_and_summary_work_with_taps_alone(gated: Gated) -> None:
    """Admission, one tap, a banner that names the server, and a summary of what was said since, linked."""
    mei, li, service = gated.mei, gated.li, gated.service
    room = await circle(mei, service, li)
    question = await admission(mei, room, service)
    await li.say(room, "BEFORETHETAP is nobody's business")
    await mei.react(room, question["event_id"], ON_CALL)
    shown = await banner(mei, room, service)
    await chat(room, [(li, text) for text in TALK])
    said = await ask(mei, room, "!circle summary", service)

    assert "Enforced by: server." in body(shown)
    assert "We decided: nine o'clock" in said
    assert "matrix.to/#/" in said
    assert b"BEFORETHETAP" not in on_disk(service)


async def test_no_forbidden_word_passes_the_gate(gated: Gated, model: ModelServer) -> None:
    """Not delivered, not fetched, also while somebody calls the AI to look back; what is allowed passes both ways."""
    who = {each: await gated.homeserver.person(each.value) for each in (Standing.CONSENTING, Standing.OUT)}
    kinds = (Kind.TEXT, Kind.EDIT, Kind.TOPIC)
    selection = Selection({Rules.ON_CALL: tuple((each, kind) for each in who for kind in kinds)}, gated=True)
    host = await gated.homeserver.person("host")

    outcome = await play(Stage(gated.service, model, host, who, gated.wires), selection, moments=(Moment.IN_FORCE,))

    assert [str(leak) for leak in outcome.leaks] == []
    assert outcome.seen[Place.SOCKET]
    assert outcome.seen[Place.ROOM]


async def test_a_circle_chooses_its_model(gated: Gated) -> None:
    """It sends more, so others agree; published in the name of who asked, and no other circle's text goes there."""
    mei, li, service = gated.mei, gated.li, gated.service
    usual, own = await admitted(mei, service, li), await admitted(mei, service, li, name="Harbour")
    await mei.say(own, "!circle policy with other")
    asked = await li.wait_for(own, lambda event: kind(event) == "loosening", what="the announcement")
    await li.react(own, asked["event_id"], "👍")
    published = await mei.wait_for(
        own,
        lambda event: event["type"] == POLICY_TYPE and event["content"].get("model") == "other",
        what="the policy",
    )
    assert published["sender"] == mei.user_id
    assert 'Model: "other"' in body(await banner(mei, own, service, after=asked["event_id"]))

    model = gated.other
    await chat(usual, [(li, "The raft is with Agnes")])
    await chat(own, [(li, "The zebraumbrella is with Otto")])
    model.always({"found": True, "answer": "The zebraumbrella is with Otto.", "messages": [1]})
    theirs = await answer(mei, own, await mei.say(own, "!circle ask where is the zebraumbrella?"), service)
    assert "Agnes" in await ask(mei, usual, "!circle ask where is the raft?", service)

    assert theirs["content"]["io.github.matrix_circles.ai"]["model"] == model.model
    assert ("zebraumbrella" in model.sent_text(), "Agnes" in model.sent_text()) == (True, False)

    await mei.say(own, "!circle policy addressed")
    tighter = await mei.wait_for(own, lambda event: _names_preset(event, "addressed"), what="the tighter policy")
    assert (tighter["sender"], tighter["content"]["model"]) == (mei.user_id, "other")


def _names_preset(event: Event, name: str) -> bool:
    return bool(event["type"] == POLICY_TYPE and event["content"].get("preset") == name)


async def test_an_edit_takes_an_answer_back(gated: Gated) -> None:
    """Also on call, where talk does not arrive: what is quoted is redacted, and said again as it reads now."""
    mei, li, service = gated.mei, gated.li, gated.service
    room = await admitted(mei, service, li)
    message, *_ = await chat(room, [(li, "The raft is with OLDNAME"), *((mei, text) for text in TALK)])
    question = await mei.say(room, "!circle ask where is the raft?")
    first = await answer(mei, room, question, service)
    assert "OLDNAME" in body(first)

    await li.edit(room, message, "The raft is with NEWNAME")

    await mei.wait_for_redaction(room, first["event_id"])
    again = await mei.wait_for_text(room, "Posted again: ", sender=service.user_id)
    assert "NEWNAME" in body(again)
    assert "OLDNAME" not in body(again)


async def test_done_is_said_when_both_sides_have_stored_it(gated: Gated) -> None:
    """After the answer to "out" in private, the homeserver itself withholds that person; after "in" it does not."""
    mei, li, service = gated.mei, gated.li, gated.service
    room = await admitted(mei, service, li, option=NOTEBOOK)
    private = await private_room(li, service)
    await ask(li, private, "out", service)
    await li.say(room, "the OUTWORDS are not for it")
    await chat(room, [(mei, text) for text in TALK])
    found = await ask(mei, room, "!circle ask OUTWORDS", service)
    assert "the OUTWORDS are not for it" not in found
    assert b"OUTWORDS are not" not in on_disk(service)

    await ask(li, private, "in", service)
    await li.say(room, "the INWORDS are for it")
    found = await ask(mei, room, "!circle ask INWORDS", service)

    assert "the INWORDS are for it" in found
    assert "OUTWORDS are not for it" not in found


async def test_a_newcomer_is_heard_once_a_notice_named_them(gated: Gated) -> None:
    """What somebody writes between their joining and the notice that names them never reaches the service."""
    mei, service = gated.mei, gated.service
    room = await admitted(mei, service, option=NOTEBOOK)
    uncle = await gated.homeserver.person("uncle", unique=True)
    await mei.invite(room, uncle.user_id)
    await uncle.join(room)
    await uncle.say(room, "the FIRSTWORDS of a newcomer")
    await mei.wait_for_text(room, "Welcome, Uncle", sender=service.user_id)
    found = ""
    for number in range(20):
        await uncle.say(room, f"the NEXTWORDS {number}")
        found = await ask(mei, room, "!circle ask NEXTWORDS", service)
        if "the NEXTWORDS" in found:
            break

    assert "the NEXTWORDS" in found
    assert b"FIRSTWORDS of" not in on_disk(service)
    await uncle.close()


async def ciphertext(person: Person, room: str, event_id: str) -> bytes:
    """Return what stands encrypted in an event."""
    return str((await person.event(room, event_id))["content"]["ciphertext"]).encode()


async def through_the_gate(gated: Gated, what: str, **query: str) -> int:
    """Ask for something as the service would; return the status."""
    token = (gated.service.directory / "gate_as_token").read_text(encoding="utf-8")
    url = f"{gated.homeserver.gate_url}/_synapse/client/circles/gate/hs/_matrix/client/v1/{what}"
    ask_as = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(url, params=query, headers=ask_as) as answered:
        return answered.status


async def test_an_encrypted_room_works_by_taps_and_replies(gated: Gated, element: NewElement) -> None:
    """Every word is encrypted and stamped; and of what the policy keeps from the AI no ciphertext arrives."""
    service = gated.service
    mei, li = [await element(name, at=gated.homeserver) for name in ("mei", "li")]
    room = await circle(mei, service, li, encrypted=True)
    question = await admission(mei, room, service)
    before = await li.say(room, "the ladder is in the shed")
    await mei.react(room, question["event_id"], ON_CALL)
    shown = await banner(mei, room, service)
    assert "reply to me to be heard" in body(question)
    assert "reply to it to be heard" in body(shown)

    async def said_to_it(person: Person, words: str) -> Event:
        asked = await person.reply(room, shown["event_id"], words, author=service.user_id)
        return await answer(person, room, asked, service)

    said = await chat(room, [(li, text) for text in TALK])
    called = await mei.say(room, "!circle summary")
    assert not any([await ciphertext(mei, room, each) in gated.arrived() for each in (before, *said, called)])
    told = await said_to_it(mei, "summary")
    assert "We decided: nine o'clock" in body(told)
    assert "ladder" not in body(told)

    private = await li.start_dm(service.user_id, encrypted=True)
    assert "Nobody is told." in await ask(li, private, "out", service)
    closed = await li.say(room, "the saw is in the cellar")
    pdf = {"filename": "ferry tickets.pdf", "content_type": "application/pdf"}
    hidden = await li.send_file(room, b"%PDF of li", **pdf, caption="the ferry leaves from pier four")
    assert "cellar" not in body(await said_to_it(mei, "ask where is the saw?"))
    await li.reply(room, shown["event_id"], "in", author=service.user_id)
    await li.wait_for_text(private, "I may look at", sender=service.user_id)
    await li.say(room, "the rake is in the garage")
    found = await said_to_it(mei, "ask where is the rake?")
    assert "garage" in body(found)

    sent = await mei.send_file(room, b"%PDF of mei", **pdf, caption="the ferry leaves at noon")
    ferry = await said_to_it(mei, "ask when does the ferry leave?")
    assert ("at noon" in body(ferry), "pier four" in body(ferry)) == (True, False)
    code = await said_to_it(mei, "invite")
    assert scanned(await mei.open_file(code)).startswith("https://matrix.to/#/")
    # What is in a file nobody asks for, and the gate hands none out: whose it is stands in the ciphertext.
    posted = await mei.wait_for(room, lambda event: event["event_id"] == sent)
    place = posted["content"]["file"]["url"].removeprefix("mxc://")
    assert await through_the_gate(gated, f"media/download/{place}", room_id=room, event_id=sent) == 404

    assert not any([await ciphertext(mei, room, each) in gated.arrived() for each in (before, closed, hidden)])
    for event in (question, shown, told, found, ferry, code):
        assert event["encrypted"]
        assert event["shield"] == 0
        assert event["wire"]["content"]["io.github.matrix_circles.ai"]["stamped"]


async def test_an_encrypted_room_that_lets_nothing_stay_has_nothing_kept(gated: Gated, element: NewElement) -> None:
    """Its `m.room.retention` is read when the room is entered and passes the gate when it changes."""
    service = gated.service
    mei, li = [await element(name, at=gated.homeserver) for name in ("mei", "li")]
    state = [{"type": "m.room.retention", "state_key": "", "content": {"max_lifetime": 1}}]
    room = await admitted(mei, service, li, option=NOTEBOOK, encrypted=True, initial_state=state)
    await mei.wait_for_text(room, "Keeps: messages 1 minute.", sender=service.user_id)
    first, later = (f"canary{secrets.token_hex(6)}" for _ in range(2))
    await li.say(room, f"The lantern is with {first}")

    await mei.set_state(room, "m.room.retention", {"max_lifetime": 7 * 86_400_000})
    await mei.wait_for_text(room, "Keeps: messages 7 days.", sender=service.user_id)
    await li.say(room, f"The kettle is with {later}")
    await until_kept(service, later)
    assert first.encode() not in on_disk(service)

    await mei.set_state(room, "m.room.retention", {"max_lifetime": 1})
    await until_kept(service, later, is_kept=False)


async def until_kept(service: Service, word: str, *, is_kept: bool = True) -> None:
    """Wait until a word is on disk, or no byte of it is."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (word.encode() in on_disk(service)) is not is_kept:
        assert time.monotonic() < deadline, f"{word} is {'not' if is_kept else 'still'} on disk"
        await asyncio.sleep(0.1)


async def test_both_sides_may_die_and_the_choices_stand(gated: Gated, element: NewElement) -> None:
    """An "out" in an encrypted direct message is confirmed once the gate has it, and outlives both."""
    mei, service, homeserver = gated.mei, gated.service, gated.homeserver
    to_gate = gated.wires[1]
    li = await element("li", at=homeserver)
    room = await admitted(mei, service, li, option=NOTEBOOK)
    private = await li.start_dm(service.user_id, encrypted=True)
    await ask(li, private, "help", service)
    tried = len(to_gate.asked("POST", "standings"))
    to_gate.fail(Answer(500), times=math.inf, path="standings")
    out = await li.say(private, "out")
    await to_gate.wait_asked("POST", "standings", times=tried + 2)
    await li.sync()
    assert [said for said in spoken(li, private, service) if "Nobody is told." in said] == []
    to_gate.mend()
    assert "Nobody is told." in body(await answer(li, private, out, service))
    await service.kill()
    await homeserver.kill()
    await homeserver.start()
    await service.start()
    await li.say(room, "the LATERWORDS are not for it")
    await chat(room, [(mei, text) for text in TALK])
    found = await ask(mei, room, "!circle ask LATERWORDS", service)

    assert "the LATERWORDS are not" not in found
    assert b"LATERWORDS are not" not in on_disk(service)


async def test_check_proves_the_gate_and_finds_a_way_round_it(gated: Gated) -> None:
    """`circles check` plants a forbidden line and does not get it back; with Synapse's own token it says what to do."""
    service, homeserver = gated.service, gated.homeserver
    service.configure({"homeserver": {"public_url": homeserver.base_url}})
    code, printed = await service.command("check")
    assert "ok   the gate is hidden" in printed
    assert "ok   the gate withholds what is forbidden" in printed
    assert code == 0, printed

    real = service.registration["as_token"]
    service.configure({"homeserver": {"url": homeserver.base_url}, "appservice": {"as_token": real}})
    code, printed = await service.command("check")

    assert code == 1
    assert "FIX  the gate withholds what is forbidden" in printed
    assert "homeserver.url is not the gate" in printed
