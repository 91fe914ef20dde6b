"""The wires between Synapse and the service break, stall and refuse; tokens are rotated, the database is made anew."""

import asyncio
import contextlib
import math
import re
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from circles_harness import Homeserver, Person, Service
from circles_harness.service import merged
from circles_harness.wire import Answer, Cut, Wire
from walks import admitted, answer, ask, body, private_room, settled

from .conftest import BOOT_DEADLINE_SECONDS, BREAKABLE_CONFIG, Breakable, NewPerson
from .test_crash import QUEUED, until_there_is

LIMITED = Answer(429, b'{"errcode": "M_LIMIT_EXCEEDED", "error": "No."}', {"Retry-After": "1"})
SENDS, READS, DELIVERIES = "/send/m.room.message", "/(messages|joined_members|state)", "/transactions/"
KICK = "io.github.matrix_circles.kick"
PASSED = """
    SELECT 1 FROM appservice_stream_position AS at JOIN events ON at.stream_ordering >= events.stream_ordering
    WHERE events.event_id = ?
"""
"""Synapse goes through again, after a restart, what came behind this position."""


@dataclass(frozen=True)
class Wired:
    """One homeserver and one AI member, with a wire in each direction, which a test may break.

    Attributes:
        out: between the AI member and the homeserver's client API.
        back: between the homeserver and the AI member's door.
    """

    homeserver: Homeserver
    service: Service
    out: Wire
    back: Wire


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wired() -> AsyncIterator[Wired]:
    """Boot the two. They are alone: another service's kick would start the deliveries to this one too."""
    homeserver = Homeserver()
    out = Wire(homeserver.base_url)
    service = Service(homeserver, config=merged(BREAKABLE_CONFIG, {"homeserver": {"url": out.url}}))
    back = Wire(service.url)
    service.registration["url"] = back.url
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(BOOT_DEADLINE_SECONDS):
            for each in (homeserver, out, back, service):
                await stack.enter_async_context(each)
        yield Wired(homeserver, service, out, back)


@pytest_asyncio.fixture(loop_scope="session")
async def mended(wired: Wired) -> AsyncIterator[Wired]:
    """Return the wires as they should be, and leave them so."""
    for wire in (wired.out, wired.back):
        wire.requests.clear()
    yield wired
    for wire in (wired.out, wired.back):
        wire.mend()


async def health(service: Service) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{service.health_url}/health") as answered:
        return dict(await answered.json())


async def until_logged(service: Service, words: str, *, after: int = 0) -> None:
    async with asyncio.timeout(60):
        while words not in service.log()[after:]:
            await asyncio.to_thread(lambda: None)


def answers(person: Person, room: str, service: Service) -> dict[str, int]:
    """Return how often each event was answered."""
    found: dict[str, int] = {}
    for event in person.timeline(room):
        asked = event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
        if event["sender"] == service.user_id and event["type"] == "m.room.message" and asked:
            found[asked] = found.get(asked, 0) + 1
    return found


# --- from us to Synapse -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Cut(handled=True), LIMITED], ids=["answer lost", "429"])
async def test_whatever_happens_to_a_send_it_is_one_event(mended: Wired, person: NewPerson, fault: Any) -> None:
    """Synapse did it and its answer was lost, or it is asked again later: the same transaction id; the order stays.

    Other ways to break it are in tests/unit/spine/test_sending.py.
    """
    service = mended.service
    mei = await person("mei", at=mended.homeserver)
    room = await private_room(mei, service)
    mended.out.fail(fault, times=2, path=SENDS)
    asked = [await mei.say(room, word) for word in ("help", "zone Berlin", "zone Paris")]
    for question in asked:
        await answer(mei, room, question, service)
    await settled(mei, room, service)

    found = answers(mei, room, service)
    assert [found[question] for question in asked] == [1, 1, 1]
    replies = [body(event) for event in mei.timeline(room) if event["sender"] == service.user_id]
    assert ["Berlin" in text for text in replies].index(True) < ["Paris" in text for text in replies].index(True)


async def test_reads_that_fail_put_an_answer_off_and_lose_nothing(mended: Wired, person: NewPerson) -> None:
    """Entering a room, looking back, names: each is tried again after the pause that was asked for."""
    service = mended.service
    mei = await person("mei", at=mended.homeserver)
    mended.out.fail(LIMITED, times=2, method="GET", path=READS)
    room = await admitted(mei, service)
    for line in ("The boat is with Agnes", "One", "Two", "Three"):
        await mei.say(room, line)
    mended.out.fail(LIMITED, times=2, method="GET", path="/messages")

    assert "Agnes" in await ask(mei, room, "!circle ask where is the boat?", service)
    assert mended.service.log().count("Traceback") == 0


# --- from Synapse to us -------------------------------------------------------------------------------------------


async def test_a_delivery_whose_answer_is_lost_is_repeated_and_has_one_effect(mended: Wired, person: NewPerson) -> None:
    """Synapse marks us as down and sends it again, with what came meanwhile behind it."""
    service = mended.service
    mei = await person("mei", at=mended.homeserver)
    room = await private_room(mei, service)
    mended.back.fail(Cut(handled=True), times=2, path=DELIVERIES)
    asked = [await mei.say(room, "help") for _ in range(3)]
    for question in asked:
        await answer(mei, room, question, service)
    await settled(mei, room, service)

    assert [answers(mei, room, service)[question] for question in asked] == [1, 1, 1]
    tried = [request.path for request in mended.back.asked("PUT", DELIVERIES)]
    assert len(tried) > len(set(tried)), "at least one came twice"


async def test_after_its_restart_synapse_delivers_only_when_it_is_kicked(mended: Wired, person: NewPerson) -> None:
    """Said while we are down, and Synapse restarts before we come back: a ping alone delivers nothing, an own event in
    the control room does; all is answered once.
    """
    homeserver, service = mended.homeserver, mended.service
    mei = await person("mei", at=homeserver)
    room = await private_room(mei, service)
    await settled(mei, room, service)
    await service.stop()
    asked = [await mei.say(room, "help") for _ in range(3)]
    await mended.back.wait_asked("PUT", DELIVERIES)
    for query in (QUEUED, PASSED):
        await until_there_is(homeserver.database_path, query, asked[-1])
    await homeserver.restart()
    mended.back.requests.clear()
    mended.out.fail(Answer(403, b'{"errcode": "M_FORBIDDEN"}'), times=math.inf, path=KICK)
    # What it reads from the room and answers would be such an event too.
    mended.out.fail(Answer(503, b"{}"), times=math.inf, path="/send/m.room.message")
    await service.start(unheard=True)
    await mended.out.wait_asked("PUT", KICK)
    elsewhere = await mei.create_room("Elsewhere")
    await mei.say(elsewhere, "an unrelated word")
    await mei.wait_for_text(elsewhere, "unrelated")
    assert mended.out.asked("POST", "/ping")
    assert mended.back.asked("PUT", DELIVERIES) == []

    mended.out.mend()
    written = len(service.log())
    await mended.out.down()
    await until_logged(service, "homeserver_lost", after=written)
    await mended.out.up()
    for question in asked:
        await answer(mei, room, question, service)
    await settled(mei, room, service)
    assert [answers(mei, room, service)[question] for question in asked] == [1, 1, 1]


# --- tokens -------------------------------------------------------------------------------------------------------


async def test_rotated_tokens_are_told_and_lose_nothing(mended: Wired, person: NewPerson) -> None:
    """`circles registration --rotate`, Synapse restarted with it, the service not yet: it says so in its log, at
    /health and in `circles check`, and keeps trying; restarted too, it answers everything once.
    """
    homeserver, service = mended.homeserver, mended.service
    mei = await person("mei", at=homeserver)
    room = await private_room(mei, service)
    await settled(mei, room, service)
    _tokens_into_files(service)
    await service.restart()
    file = service.directory / "rotated.yaml"
    code, told = await service.command("registration", "--rotate", "--output", str(file))
    assert (code, "Restart Synapse and Circles" in told) == (0, True), told
    homeserver.add_appservice(yaml.safe_load(file.read_text(encoding="utf-8")) | {"url": mended.back.url})
    written = len(service.log())
    mei_asks = asyncio.create_task(_ask_when_up(homeserver, mei, room))
    await homeserver.restart()
    asked = await mei_asks
    await until_logged(service, "as_token_refused", after=written)
    await until_logged(service, "hs_token_refused", after=written)

    assert (await health(service))["troubles"] == "as_token_refused hs_token_refused"
    _, told = await service.command("check")
    assert "FIX  running service (health)" in told
    await service.restart()
    for question in asked:
        await answer(mei, room, question, service)
    await settled(mei, room, service)
    assert [answers(mei, room, service)[question] for question in asked] == [1, 1, 1]
    assert (await health(service))["troubles"] == ""
    token = re.compile("[0-9a-f]{64}")
    assert not token.search(service.log()), "no token is in the log"


async def _ask_when_up(homeserver: Homeserver, mei: Person, room: str) -> list[str]:
    while homeserver.is_stale or not homeserver.is_running:
        await asyncio.to_thread(lambda: None)
    asked: list[str] = []
    while len(asked) < 3:
        with contextlib.suppress(aiohttp.ClientError):
            asked.append(await mei.say(room, "help"))
    return asked


def _tokens_into_files(service: Service) -> None:
    """Let the tokens stand where `circles registration` puts them, and not in the configuration."""
    folder = service.data_dir / "secrets"
    for key in ("as_token", "hs_token"):
        (folder / key).touch(mode=0o600)
        (folder / key).write_text(service.registration[key], encoding="utf-8")
    service.configure({"appservice": {"as_token": None, "hs_token": None}})


# --- poison -------------------------------------------------------------------------------------------------------


async def test_what_breaks_us_is_set_aside_and_can_be_tried_again(breakable: Breakable, person: NewPerson) -> None:
    """A damaged row: everything else goes on, the operator sees ids and no words; mended, it is answered once."""
    service = breakable.service
    mei = await person("mei", at=breakable.homeserver)
    room, other = await private_room(mei, service), await admitted(mei, service)
    await ask(mei, room, "zone Berlin", service)
    word = f"canary{secrets.token_hex(6)}"
    with contextlib.closing(sqlite3.connect(service.database_path, timeout=60, isolation_level=None)) as database:
        names = database.execute("SELECT names FROM rooms WHERE room_id = ?", (room,)).fetchone()
        database.execute("UPDATE rooms SET names = '{' WHERE room_id = ?", (room,))
        question = await mei.say(room, f"remind me tomorrow at nine to {word}")
        await until_logged(service, question)
        await ask(mei, other, "!circle help", service)
        database.execute("UPDATE rooms SET names = ? WHERE room_id = ?", (*names, room))
    code, listed = await service.command("quarantine", "list")
    shown = (await service.command("quarantine", "show", question))[1]
    checked = (await service.command("check"))[1]

    assert code == 0
    assert question in listed
    assert room in shown
    assert "FIX  quarantine: 1 events" in checked
    assert word not in listed + shown + checked + service.log()
    assert await service.command("quarantine", "retry", question) == (0, f"asked for again: {question}\n")
    assert word in body(await answer(mei, room, question, service))
    await settled(mei, room, service)
    assert answers(mei, room, service)[question] == 1
    assert (await service.command("quarantine", "list"))[1] == "Nothing is in quarantine.\n"


# --- a homeserver made anew ---------------------------------------------------------------------------------------


async def test_a_homeserver_whose_database_is_made_anew_is_served_from_the_start(mended: Wired) -> None:
    """Its transactions count from 1 again, our user is unknown, the rooms are gone: we notice, register again, hold
    what was for the lost rooms, and serve new ones; each word has one answer. Last here: nothing of before is left.
    """
    homeserver, service = mended.homeserver, mended.service
    mei = await homeserver.person("mei", unique=True)
    lost = await admitted(mei, service)
    await ask(mei, lost, "!circle zone Berlin", service)
    await ask(mei, lost, "!circle remind me in 3 hours to water the tomatoes", service)
    written = len(service.log())
    await homeserver.stop()
    for path in homeserver.directory.glob("homeserver.db*"):
        path.unlink()
    mended.back.requests.clear()
    await homeserver.start()
    await until_logged(service, "room_lost", after=written)
    li = await homeserver.person("li", unique=True)
    room = await admitted(li, service)
    asked = [await li.say(room, f"!circle {word}") for word in ("help", "policy", "reminders")]
    for question in asked:
        await answer(li, room, question, service)
    await settled(li, room, service)

    assert [answers(li, room, service)[question] for question in asked] == [1, 1, 1]
    assert mended.back.asked("PUT", DELIVERIES)[0].path.endswith("/transactions/1")
    assert "Traceback" not in service.log()
    with contextlib.closing(sqlite3.connect(service.database_path, timeout=60)) as database:
        query = "SELECT membership FROM rooms WHERE room_id = ?"
        assert database.execute(query, (lost,)).fetchone() == ("lost",)
        held = database.execute("SELECT count(*) FROM reminders WHERE room_id = ?", (lost,)).fetchone()
        assert held == (1,), "a backup that is put in after all brings the room back"
    assert (await health(service))["status"] == "ok"
    assert "FIX  rooms: in" in (await service.command("check"))[1]
    async with aiohttp.ClientSession() as session, session.get(f"{service.health_url}/metrics") as scraped:
        assert re.search(r"^circles_rooms_lost [1-9]", await scraped.text(), re.MULTILINE)
