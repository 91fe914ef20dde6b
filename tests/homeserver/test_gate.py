"""The gate on a real Synapse: which bytes reach the service, and what it can fetch back.

The service is a recorder here, so that what is judged is the homeserver alone:
a service that errs, or lies, gets no more.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import quote

import pytest
import pytest_asyncio

from circles_harness import Event, Homeserver, NotSeen, Person
from circles_harness.client import WAIT_SECONDS
from circles_harness.line import Line
from circles_harness.process import free_port
from circles_policies.events import mapping
from gates import GATE, NOTEBOOK, ON_CALL, POLICY, Ai, behind_the_gate, opened

from .conftest import BOOT_DEADLINE_SECONDS, NewHomeserver

# Homeservers that try again at once what could not be sent.
IMPATIENT = {
    "federation": {
        "destination_min_retry_interval": 1,
        "destination_max_retry_interval": 1,
        "max_short_retries": 0,
        "max_long_retries": 0,
    }
}
CONSENTING = {key: value for key, value in NOTEBOOK.items() if key != "preset"} | {
    "read": {**mapping(NOTEBOOK["read"]), "who": "consenting"}
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ai(new_homeserver: NewHomeserver) -> AsyncIterator[Ai]:
    """A homeserver whose gate forwards to a recorder."""
    homeserver = new_homeserver(gate_listener=True, federation=True, reached_at=free_port(), config=IMPATIENT)
    async with behind_the_gate(homeserver) as made:
        yield made


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


# Another homeserver --------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lines(ai: Ai) -> AsyncIterator[tuple[Homeserver, Line, Line]]:
    """Another homeserver, which knows nothing of Circles, and the lines to it and from it."""
    elsewhere = Homeserver(federation=True, reached_at=free_port(), config=IMPATIENT)
    async with AsyncExitStack() as stack:
        both: list[Line] = []
        for each in (ai.homeserver, elsewhere):
            assert each.federation_port is not None
            line = Line(int(each.server_name.rpartition(":")[2]), each.federation_port)
            both.append(await stack.enter_async_context(line))
        async with asyncio.timeout(BOOT_DEADLINE_SECONDS):
            await stack.enter_async_context(elsewhere)
        yield elsewhere, both[0], both[1]


@pytest_asyncio.fixture(loop_scope="session")
async def anna(lines: tuple[Homeserver, Line, Line]) -> AsyncIterator[Person]:
    """Anna, of the other homeserver."""
    anna = await lines[0].person("anna", unique=True)
    yield anna
    await anna.close()


@pytest_asyncio.fixture(loop_scope="session")
async def wide(ai: Ai, people: tuple[Person, Person], anna: Person) -> str:
    """A room of Mei and Li with the AI, and with Anna from elsewhere as a second admin."""
    mei, li = people
    levels = {"users": {anna.user_id: 100}}
    invited = [li.user_id, anna.user_id, ai.user_id]
    room = await mei.create_room("Wide", invite=invited, power_level_content_override=levels)
    await li.join(room)
    assert (await ai.request("POST", f"/_matrix/client/v3/rooms/{quote(room, safe='')}/join", {}))[0] == 200
    await anna.wait_for_invite(sender=mei.user_id)
    await anna.join(room, via=[ai.homeserver.server_name])
    await mei.wait_for_member(room, anna.user_id, "join")
    return room


async def here(person: Person, room: str, event_id: str) -> None:
    """Wait until an event is on this person's homeserver."""
    await person.wait_for(room, lambda event: event["event_id"] == event_id, what=event_id)


async def reached(sender: Person, reader: Person, room: str, event_id: str) -> None:
    """Wait until an event is on the reader's homeserver; what could not be sent goes along with what is said next."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            await sender.say(room, "can you hear me?")
            with contextlib.suppress(NotSeen):
                await reader.wait_for(room, lambda event: event["event_id"] == event_id, timeout=1)
                return


async def passed_by(ai: Ai, person: Person, room: str) -> str:
    """Return every byte that came to the service, when all that was said until now could have."""
    marker = await person.say(room, "!circle help")
    await ai.recorder.until(marker)
    return "".join(ai.recorder.bodies)


async def test_a_member_from_elsewhere_consents_and_withdraws(
    ai: Ai, people: tuple[Person, Person], anna: Person, wide: str
) -> None:
    """Nothing of them passes before their own "in", all of it then, and after "out" nothing, not even the past."""
    mei, _ = people
    await opened(ai, (mei, anna), wide, CONSENTING)
    await here(mei, wide, await anna.say(wide, "REMOTECANARY before"))
    assert await ai.stand(wide, anna, level="in", consented_since=0) == 403, "nobody consents for somebody else"
    assert "REMOTECANARY" not in await passed_by(ai, mei, wide)

    yes = await anna.say(wide, "!circle in")
    await ai.recorder.until(yes)
    assert await ai.stand(wide, anna, yes, level="in", consented_since=0) == 200
    await ai.recorder.until(await anna.say(wide, "REMOTEWORDS with"))
    assert "REMOTEWORDS with" in await ai.bodies(wide)

    await ai.recorder.until(await anna.say(wide, "!circle out"))
    await here(mei, wide, await anna.say(wide, "REMOTECANARY after"))

    assert "REMOTECANARY" not in await passed_by(ai, mei, wide)
    assert not [body for body in await ai.bodies(wide) if body.startswith("REMOTE")]


async def test_an_admin_from_elsewhere_tightens_and_never_loosens(
    ai: Ai, people: tuple[Person, Person], anna: Person, wide: str
) -> None:
    """A policy whose homeserver checks nothing tightens at once, looser waits its day whatever it claims, and one
    that reads as none lets nothing pass.
    """
    mei, li = people
    await opened(ai, people, wide)
    await ai.recorder.until(await li.say(wide, "OPENTALK for all"))
    await here(li, wide, await anna.set_state(wide, POLICY, ON_CALL))
    await li.say(wide, "ADMINCANARY under a tighter policy")
    claim = {"user_id": mei.user_id, "event_id": await mei.say(wide, "!circle policy notebook")}
    await here(li, wide, await anna.set_state(wide, POLICY, {**NOTEBOOK, "authorised_by": claim}))
    await li.say(wide, "ADMINCANARY under a looser one that claims an approval")
    assert "ADMINCANARY" not in await passed_by(ai, mei, wide)
    await here(li, wide, await anna.set_state(wide, POLICY, {**NOTEBOOK, "schema": "NONSENSE"}))
    await li.say(wide, "MALFORMEDCANARY")
    call = await mei.say(wide, "!circle summary")
    assert "MALFORMEDCANARY" not in await passed_by(ai, mei, wide)
    await mei.set_state(wide, POLICY, ON_CALL)

    shown = await ai.bodies(wide, call)

    assert "MALFORMEDCANARY" not in shown
    assert "OPENTALK for all" not in shown, "what was shut stays shut"


async def test_policies_that_cross_and_come_late_bind_both(
    ai: Ai, people: tuple[Person, Person], anna: Person, wide: str, lines: tuple[Homeserver, Line, Line]
) -> None:
    """Set on two homeservers that did not hear each other, both policies hold: also for what was said meanwhile."""
    mei, li = people
    _, *both = lines
    await opened(ai, people, wide)
    yes = await mei.say(wide, "!circle in")
    await ai.recorder.until(yes)
    assert await ai.stand(wide, mei, yes, level="in", consented_since=0) == 200
    for line in both:
        await line.cut()
    try:
        late = await anna.set_state(wide, POLICY, CONSENTING)
        await ai.recorder.until(await li.say(wide, "MEANWHILECANARY"))
        assert "MEANWHILECANARY" in await ai.bodies(wide)
        crossing = await mei.set_state(wide, POLICY, ON_CALL)
    finally:
        for line in both:
            await line.mend()
    await reached(anna, mei, wide, late)
    await reached(mei, anna, wide, crossing)
    await li.say(wide, "LATECANARY of one who did not consent")
    await mei.say(wide, "CALLEDTALK of one who did")
    call = await mei.say(wide, "!circle summary")

    seen, looked = await ai.bodies(wide), await ai.bodies(wide, call)

    assert not [body for body in (*seen, *looked) if "CANARY" in body], "the late policy asks for consent"
    assert "CALLEDTALK of one who did" not in seen, "the other one asks for a call"
    assert "CALLEDTALK of one who did" in looked, "what both allow is allowed"
    assert "LATECANARY" not in await passed_by(ai, mei, wide)
