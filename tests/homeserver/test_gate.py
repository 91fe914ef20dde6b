"""The gate on a real Synapse: which bytes reach the service, and what it can fetch back.

The service is a recorder here, so that what is judged is the homeserver alone:
a service that errs, or lies, gets no more.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from circles_harness import Event, Homeserver, Person
from circles_harness.service import registration
from circles_policies import Preset, preset, to_content

POLICY = "io.github.matrix_circles.policy"
GATE = "/_synapse/client/circles/gate"
NOTEBOOK, ON_CALL = (to_content(preset(key)) for key in (Preset.NOTEBOOK, Preset.ON_CALL))
TOLD = {"level": "none", "kept_out": False, "since": 0, "consented_since": None, "addressed_since": 0}
"""Somebody who was told, and has chosen nothing."""


@dataclass
class Recorder:
    """A service that takes every transaction and keeps its bytes. `broken`: answers 500 instead."""

    bodies: list[str] = field(default_factory=list[str])
    names: list[str] = field(default_factory=list[str])
    broken: bool = False
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Take a transaction."""
        if self.broken:
            return web.json_response({}, status=500)
        assert request.headers["Authorization"] == f"Bearer {'service-hs-' * 4}"
        self.bodies.append(await request.text())
        self.names.append(request.match_info["txn"])
        self.came.set()
        return web.json_response({})

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that came, in order."""
        return [event for body in self.bodies for event in json.loads(body)["events"]]

    async def until(self, text: str) -> None:
        """Wait until some bytes hold a text."""
        async with asyncio.timeout(60):
            while text not in json.dumps(self.events, ensure_ascii=False):
                self.came.clear()
                await self.came.wait()


@dataclass
class Ai:
    """The AI's hands: requests through the gate, as a service makes them."""

    homeserver: Homeserver
    recorder: Recorder
    session: aiohttp.ClientSession
    user_id: str
    token: str = "service-as-" * 4

    async def request(
        self, method: str, path: str, body: object = None, *, user_id: str | None = None, **options: Any
    ) -> tuple[int, dict[str, Any]]:
        """Ask the gate; returns status and JSON."""
        query = {"user_id": user_id or self.user_id, "device_id": "CIRCLES"} | options.pop("query", {})
        if not options.pop("device", True):
            del query["device_id"]
        headers = {"Authorization": f"Bearer {options.pop('token', self.token)}"} | options.pop("headers", {})
        base = options.pop("base", self.homeserver.gate_url)
        url = f"{base}{GATE}/hs{path}"
        async with self.session.request(method, url, json=body, params=query, headers=headers) as answer:
            found = await answer.json(content_type=None)
            return answer.status, cast("dict[str, Any]", found) if isinstance(found, dict) else {"list": found}

    async def say(self, room: str, text: str) -> str:
        """Say something as the AI."""
        path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/send/m.room.message/{secrets.token_hex(8)}"
        status, found = await self.request("PUT", path, {"msgtype": "m.notice", "body": text})
        assert status == 200, found
        return str(found["event_id"])

    async def bodies(self, room: str, call: str | None = None) -> list[str]:
        """Return what the gate shows of a room's timeline, the newest first."""
        headers = {"Circles-Call": f"{room} {call}"} if call is not None else {}
        path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/messages"
        status, found = await self.request("GET", path, query={"dir": "b", "limit": "100"}, headers=headers)
        assert status == 200, found
        assert all(set(event.get("unsigned", {})) <= {"invite_room_state"} for event in found["chunk"])
        return [event["content"]["body"] for event in found["chunk"] if "body" in event["content"]]

    async def stand(self, room: str, person: Person, because: str | None = None, **member: Any) -> int:
        """Tell the gate a standing; returns the status."""
        path = f"/_circles/v1/rooms/{quote(room, safe='')}/standings/{quote(person.user_id, safe='')}"
        return (await self.request("PUT", path, {"member": TOLD | member, "because": because}))[0]

    async def refused(self, room: str, *people: Person) -> list[str]:
        """Tell the gate that people were told; returns of whom it does not believe that."""
        path = f"/_circles/v1/rooms/{quote(room, safe='')}/standings"
        claims = [{"user_id": person.user_id, "member": TOLD, "because": None} for person in people]
        status, answer = await self.request("POST", path, {"standings": claims})
        assert status == 200
        junk = {"user_id": "@li", "member": {"level": "loud"}}
        assert (await self.request("POST", path, {"standings": [junk]}))[0] == 400
        return list(answer["refused"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ai() -> AsyncIterator[Ai]:
    """A homeserver whose gate forwards to a recorder."""
    recorder = Recorder()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_put("/_matrix/app/v1/transactions/{txn}", recorder.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    homeserver = Homeserver(gate_listener=True)
    registered = registration(server_name=homeserver.server_name, url=f"{homeserver.gate_url}{GATE}")
    homeserver.add_appservice(registered)
    for name, token in (("as", "service-as-" * 4), ("hs", "service-hs-" * 4)):
        (homeserver.directory / name).write_text(token)
    gate = {
        "port": homeserver.gate_port,
        "registration": str(homeserver.registration_path("circle")),
        "service_url": f"http://127.0.0.1:{port}",
        "as_token_file": str(homeserver.directory / "as"),
        "hs_token_file": str(homeserver.directory / "hs"),
        "homeserver_url": homeserver.base_url,
    }
    homeserver.modules.append({"module": "circles_plugin.CirclesModule", "config": {"ai_user": "circle", "gate": gate}})
    user_id = f"@circle:{homeserver.server_name}"
    try:
        async with asyncio.timeout(90):
            await homeserver.start()
        async with aiohttp.ClientSession() as session:
            made = Ai(homeserver, recorder, session, user_id)
            register = {"type": "m.login.application_service", "username": "circle"}
            status, answer = await made.request("POST", "/_matrix/client/v3/register", register, device=False)
            assert status == 200, answer
            assert "access_token" not in answer, "registering gave the real homeserver's token away"
            status, answer = await made.request("PUT", "/_matrix/client/v3/devices/CIRCLES", {}, device=False)
            assert status in (200, 201), answer
            yield made
    finally:
        await homeserver.close()
        await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def people(ai: Ai) -> AsyncIterator[tuple[Person, Person]]:
    """An admin and a member, fresh for a test."""
    both = [await ai.homeserver.person(name, unique=True) for name in ("mei", "li")]
    yield both[0], both[1]
    for person in both:
        await person.close()


@pytest_asyncio.fixture(loop_scope="session")
async def room(ai: Ai, people: tuple[Person, Person]) -> str:
    """Their room, with the AI in it and nothing decided."""
    mei, li = people
    room_id = await mei.create_room("Garden", topic="TOPICCANARY", invite=[li.user_id, ai.user_id])
    await li.join(room_id)
    assert (await ai.request("POST", f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/join", {}))[0] == 200
    return room_id


async def opened(ai: Ai, people: tuple[Person, Person], room: str, policy: dict[str, object] = NOTEBOOK) -> None:
    """Put a policy in force and let the AI say so to both."""
    await people[0].set_state(room, POLICY, policy)
    await ai.say(room, "banner")
    for person in people:
        assert await ai.stand(room, person) == 200


async def test_only_the_gates_port_and_tokens_open_it(ai: Ai) -> None:
    """The gate is nowhere but on its own port, and no other token, user or request gets through."""
    versions = "/_matrix/client/versions"
    here = ai.homeserver
    assert (await ai.request("GET", versions))[0] == 200
    assert (await ai.request("GET", versions, base=here.base_url))[0] == 404
    assert (await ai.request("GET", versions, token="x" * 32))[0] == 401
    assert (await ai.request("GET", "/_matrix/client/v3/rooms/!a/context/$b"))[0] == 404
    assert (await ai.request("GET", "/_matrix/client/v3/account/whoami", user_id="@mei:" + here.server_name))[0] == 403
    async with ai.session.put(f"{here.gate_url}{GATE}/_matrix/app/v1/transactions/1", json={"events": []}) as answer:
        assert answer.status == 403
    headers = {"Authorization": f"Bearer {ai.token}"}
    async with ai.session.get(f"{here.base_url}/_matrix/client/v3/account/whoami", headers=headers) as answer:
        assert answer.status == 401, "the service's token is good for the gate alone"


async def test_a_waiting_room_lets_only_control_through(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """Before anybody decided, taps and words of control pass, and of all else no byte, not even in how rooms look."""
    mei, li = people
    notice = await ai.say(room, "Hello")
    await li.say(room, "WAITINGCANARY is what we said before")
    await li.set_display_name("NAMECANARY")
    await mei.react(room, notice, "2️⃣")
    await ai.recorder.until("2️⃣")
    await mei.say(room, "!circle help")
    await ai.recorder.until("!circle help")

    forwarded = "".join(ai.recorder.bodies)

    assert "WAITINGCANARY" not in forwarded
    assert "NAMECANARY" not in forwarded
    assert "TOPICCANARY" not in forwarded
    assert "prev_content" not in forwarded
    assert not [body for body in await ai.bodies(room) if "CANARY" in body]
    path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}"
    status, state = await ai.request("GET", f"{path}/state")
    assert status == 200
    assert "TOPICCANARY" not in json.dumps(state)
    assert (await ai.request("GET", f"{path}/state/m.room.topic"))[0] == 404


async def test_a_message_passes_once_its_writer_was_told(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """Under a notebook nothing of a person passes until something was said that could tell them; then it does."""
    mei, li = people
    await mei.set_state(room, POLICY, NOTEBOOK)
    assert await ai.refused(room, mei, li) == sorted([mei.user_id, li.user_id]), "nobody was told of anything yet"
    await li.say(room, "EARLYCANARY")
    await ai.say(room, "banner")
    assert await ai.refused(room, mei, li) == []
    await li.say(room, "LATERWORDS")
    await ai.recorder.until("LATERWORDS")

    assert "EARLYCANARY" not in "".join(ai.recorder.bodies)
    assert await ai.bodies(room) == ["LATERWORDS", "banner"]


async def test_looking_back_needs_a_call(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """Under "when called" the timeline shows talk only for a fresh event that speaks to the AI, by somebody there."""
    mei, li = people
    await opened(ai, people, room, ON_CALL)
    talk = await li.say(room, "TALKCANARY")
    call = await mei.say(room, "!circle summary")
    other = await mei.create_room("Elsewhere")
    elsewhere = await mei.say(other, "!circle summary")

    assert "TALKCANARY" not in await ai.bodies(room)
    assert "TALKCANARY" not in await ai.bodies(room, talk)
    assert "TALKCANARY" not in await ai.bodies(room, elsewhere)
    assert "TALKCANARY" in await ai.bodies(room, call)
    event = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/event/{quote(talk, safe='')}"
    assert (await ai.request("GET", event))[0] == 404
    assert (await ai.request("GET", event, headers={"Circles-Call": f"{room} {call}"}))[0] == 200
    assert "TALKCANARY" not in "".join(ai.recorder.bodies)


async def test_what_a_tighter_policy_shut_stays_shut(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """A message from before a tighter time is not shown when it is over, and a looser one by hand waits its day."""
    mei, li = people
    await opened(ai, people, room)
    await li.say(room, "OPENWORDS")
    assert "OPENWORDS" in await ai.bodies(room)
    await mei.set_state(room, POLICY, ON_CALL)
    assert "OPENWORDS" not in await ai.bodies(room)
    await mei.set_state(room, POLICY, NOTEBOOK)
    await li.say(room, "HASTYCANARY")
    call = await mei.say(room, "!circle summary")

    shown = await ai.bodies(room)

    assert "OPENWORDS" not in shown
    assert "HASTYCANARY" not in shown
    assert "HASTYCANARY" in await ai.bodies(room, call), "what both policies allow is allowed"


async def test_the_gate_hears_out_by_itself_and_in_only_from_the_person(
    ai: Ai, people: tuple[Person, Person], room: str
) -> None:
    """ "out" said in the room holds without the service; to undo it takes the person's own "in", and opens no past."""
    mei, li = people
    await opened(ai, people, room)
    await li.say(room, "BEFOREWORDS")
    await li.say(room, "!circle out")
    await ai.recorder.until("!circle out")
    assert "BEFOREWORDS" not in await ai.bodies(room)
    await li.say(room, "OUTCANARY")
    lie = await mei.say(room, "!circle in")

    assert await ai.stand(room, li) == 403
    assert await ai.stand(room, li, lie) == 403
    yes = await li.say(room, "!circle in")
    assert await ai.stand(room, li, yes, level="in", consented_since=0) == 200
    await li.say(room, "LATERTALK")

    shown = await ai.bodies(room)
    assert "LATERTALK" in shown
    assert not {"BEFOREWORDS", "OUTCANARY"} & set(shown)


async def test_nobody_but_a_decider_lets_back_in(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """A person whom an admin keeps out stays out for everybody else's words, also their own."""
    mei, li = people
    await opened(ai, people, room)
    assert await ai.stand(room, li, kept_out=True) == 200
    await li.say(room, "KEPTCANARY")
    own = await li.say(room, "!circle let back Li")
    assert await ai.stand(room, li, own) == 403
    admins = await mei.say(room, "!circle let back Li")
    assert await ai.stand(room, li, admins) == 200
    await li.say(room, "AGAINTALK")

    shown = await ai.bodies(room)

    assert "AGAINTALK" in shown
    assert "KEPTCANARY" not in shown
    assert await ai.stand(room, li, kept_out=True) == 200
    assert await ai.stand(room, li, admins) == 403, "an old word opens nothing again"


async def test_a_hidden_message_is_gone_with_its_edits(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """🙈 by anyone takes a message and every edit of it out of what the AI can see."""
    mei, li = people
    await opened(ai, people, room)
    said = await li.say(room, "HIDDENCANARY")
    await li.edit(room, said, "EDITCANARY")
    assert "HIDDENCANARY" in await ai.bodies(room)
    await mei.react(room, said, "🙈")

    assert not [body for body in await ai.bodies(room) if "CANARY" in body]


async def test_the_gate_hears_off_the_record_by_itself(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """A thread or an hour off the record holds without the service; who asked ends it, and what was shut stays shut."""
    mei, li = people
    await opened(ai, people, room)
    root = await mei.say(room, "ROOTTALK")
    await li.in_thread(room, root, "THREADCANARY")
    assert {"ROOTTALK", "THREADCANARY"} <= set(await ai.bodies(room))
    await li.in_thread(room, root, "off record")
    await li.say(room, "!circle off record for 30 minutes")
    await ai.recorder.until("off record for 30 minutes")
    await mei.say(room, "HOURCANARY")
    assert not {"ROOTTALK", "THREADCANARY", "HOURCANARY"} & set(await ai.bodies(room))

    await li.say(room, "!circle on record")
    await ai.recorder.until("!circle on record")
    await mei.say(room, "OPENTALK")

    shown = set(await ai.bodies(room))
    assert "OPENTALK" in shown
    assert not {"ROOTTALK", "THREADCANARY", "HOURCANARY"} & shown


async def test_a_thread_root_brings_nobody_elses_words_along(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """What Synapse bundles with an event, such as an opted-out person's reply in a thread, does not pass."""
    mei, li = people
    await opened(ai, people, room)
    root = await mei.say(room, "ROOTWORDS")
    assert await ai.stand(room, li, level="out") == 200
    await li.in_thread(room, root, "BUNDLEDCANARY")
    event = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/event/{quote(root, safe='')}"

    status, shown = await ai.request("GET", event)

    assert status == 200
    assert "BUNDLEDCANARY" not in json.dumps(shown)
    assert "BUNDLEDCANARY" not in await ai.bodies(room)


async def test_what_waited_is_judged_when_it_is_delivered(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """While the service is away events queue; what was shut meanwhile is not delivered, the rest once and in order."""
    mei, li = people
    await opened(ai, people, room)
    ai.recorder.broken = True
    try:
        for text in ("FIRSTQUEUED", "SECONDQUEUED", "WITHDRAWNCANARY"):
            said = await li.say(room, text)
        await li.react(room, said, "🙈")
    finally:
        ai.recorder.broken = False
    ping = "/_matrix/client/v1/appservice/circle/ping"
    await ai.request("POST", ping, {})
    await mei.say(room, "LASTQUEUED")
    await ai.recorder.until("LASTQUEUED")

    texts = [event["content"].get("body") for event in ai.recorder.events if event["room_id"] == room]
    queued = [text for text in texts if text and "QUEUED" in text]

    assert queued == ["FIRSTQUEUED", "SECONDQUEUED", "LASTQUEUED"]
    assert "WITHDRAWNCANARY" not in texts


async def test_numbers_tell_nothing(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """A transaction of which nothing passes is not forwarded at all, and names of others do not count up."""
    mei, li = people
    before = len(ai.recorder.bodies)
    await li.say(room, "NOTHINGCANARY")
    await mei.say(room, "!circle help me with numbers")
    await mei.say(room, "!circle help")
    await ai.recorder.until("!circle help")

    assert all(json.loads(body)["events"] for body in ai.recorder.bodies[before:])
    assert not any(name.isdigit() for name in ai.recorder.names)


async def test_sync_is_for_keys_alone(ai: Ai, people: tuple[Person, Person], room: str) -> None:
    """Whatever is asked of /sync, the answer holds nothing but what encryption needs."""
    await people[0].say(room, "SYNCCANARY")
    query = {"filter": json.dumps({"room": {"timeline": {"limit": 50}}}), "full_state": "true", "timeout": "0"}

    status, found = await ai.request("GET", "/_matrix/client/v3/sync", query=query)

    assert status == 200
    assert "SYNCCANARY" not in json.dumps(found)
    assert set(found) <= {
        "next_batch",
        "to_device",
        "device_lists",
        "device_one_time_keys_count",
        "device_unused_fallback_key_types",
    }


async def test_media_opens_only_with_the_event_that_carries_it(
    ai: Ai, people: tuple[Person, Person], room: str
) -> None:
    """A file is fetched with a message the AI may see, never by its address alone or with another's event."""
    _, li = people
    await opened(ai, people, room)
    mxc = await li.upload(b"FILEWORDS", filename="notes.txt")
    carrier = await li.send(room, "m.room.message", {"msgtype": "m.file", "body": "notes.txt", "url": mxc})
    other = await li.say(room, "no file here")
    server, media = mxc.removeprefix("mxc://").split("/")
    path = f"{ai.homeserver.gate_url}{GATE}/hs/_matrix/client/v1/media/download/{server}/{media}"

    async def fetch(**query: str) -> tuple[int, bytes]:
        given = {"user_id": ai.user_id, "room_id": room} | query
        headers = {"Authorization": f"Bearer {ai.token}"}
        async with ai.session.get(path, params=given, headers=headers) as answer:
            return answer.status, await answer.read()

    assert await fetch(event_id=carrier) == (200, b"FILEWORDS")
    assert (await fetch())[0] == 404
    assert (await fetch(event_id=other))[0] == 404
    await li.react(room, carrier, "🙈")
    assert (await fetch(event_id=carrier))[0] == 404


async def test_a_repeated_send_is_one_event_and_needs_its_device(ai: Ai, room: str) -> None:
    """Transaction id and device reach Synapse, so that a repeat is the same event; without a device it is refused."""
    path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/send/m.room.message/once"
    body = {"msgtype": "m.notice", "body": "once"}

    first, second = await ai.request("PUT", path, body), await ai.request("PUT", path, body)

    assert first == second
    url = f"{ai.homeserver.gate_url}{GATE}/hs{path}"
    headers = {"Authorization": f"Bearer {ai.token}"}
    async with ai.session.put(url, json=body, params={"user_id": ai.user_id}, headers=headers) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("event", [{}, {"event_id": 1}, "text", None])
async def test_garbage_from_nowhere_is_dropped(ai: Ai, event: Event | str | None) -> None:
    """Only Synapse itself reaches the outward half; what it would never send passes nothing and breaks nothing."""
    registered = json.loads(ai.homeserver.registration_path("circle").read_text())
    name = secrets.token_hex(4)
    headers = {"Authorization": f"Bearer {registered['hs_token']}"}
    url = f"{ai.homeserver.gate_url}{GATE}/_matrix/app/v1/transactions/{name}"

    async with ai.session.put(url, json={"events": [event]}, headers=headers) as answer:
        assert answer.status == 200

    assert name not in ai.recorder.names
