"""What a homeserver of several processes adds: one gate, asked in two of them. Only with `scripts/test workers`."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from circles_harness import Person, Refused
from circles_harness.workers import Workers
from circles_policies import MARK_KEY
from gates import NOTEBOOK, ON_CALL, POLICY, Ai, behind_the_gate, opened

from .conftest import NewHomeserver


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ai(new_homeserver: NewHomeserver) -> AsyncIterator[Ai]:
    """A homeserver of two processes, whose gate forwards to a recorder."""
    async with behind_the_gate(new_homeserver(gate_listener=True)) as made:
        yield made


@pytest.fixture
def homeserver(ai: Ai) -> Workers:
    """That homeserver."""
    assert isinstance(ai.homeserver, Workers)
    return ai.homeserver


@pytest.fixture
def main(ai: Ai, homeserver: Workers) -> Ai:
    """The same AI, which asks the gate in the main process."""
    return replace(ai, base=homeserver.main_gate_url)


@pytest_asyncio.fixture(loop_scope="session")
async def people(ai: Ai) -> AsyncIterator[tuple[Person, Person]]:
    """An admin and a member."""
    both = [await ai.homeserver.person(name, unique=True) for name in ("mei", "li")]
    yield both[0], both[1]
    for person in both:
        await person.close()


@pytest_asyncio.fixture(loop_scope="session")
async def room(ai: Ai, people: tuple[Person, Person]) -> str:
    """Their room, with the AI in it and a notebook in force."""
    mei, li = people
    room = await mei.create_room("Garden", invite=[li.user_id, ai.user_id])
    await li.join(room)
    assert (await ai.request("POST", f"/_matrix/client/v3/rooms/{quote(room, safe='')}/join", {}))[0] == 200
    await opened(ai, people, room)
    return room


@pytest_asyncio.fixture(loop_scope="session")
async def at_the_worker(homeserver: Workers, people: tuple[Person, Person]) -> AsyncIterator[Person]:
    """Mei, whose client talks to the worker."""
    mei, _ = people
    again = Person(
        base_url=homeserver.worker_url,
        user_id=mei.user_id,
        access_token=mei.access_token,
        device_id=mei.device_id,
    )
    yield again
    await again.close()


async def test_a_choice_that_one_process_took_holds_in_the_others(
    ai: Ai, main: Ai, people: tuple[Person, Person], room: str
) -> None:
    """Said in the room or told by the service, to whichever process: every process withholds from then on."""
    mei, li = people
    await ai.recorder.until(await li.say(room, "OPENTALK"))
    await ai.recorder.until(await mei.say(room, "OTHERTALK"))
    assert {"OPENTALK", "OTHERTALK"} <= set(await main.bodies(room))
    assert await main.stand(room, mei, level="out") == 200
    assert "OTHERTALK" not in await ai.bodies(room)
    await ai.recorder.until(await li.say(room, "!circle out"))
    assert "OPENTALK" not in await main.bodies(room)
    await li.say(room, "OUTCANARY")
    assert await main.stand(room, li) == 403
    yes = await li.say(room, "!circle in")
    assert await main.stand(room, li, yes, level="in", consented_since=0) == 200
    await ai.recorder.until(await li.say(room, "AGAINTALK"))

    assert "AGAINTALK" in await main.bodies(room)
    assert "OUTCANARY" not in "".join([*ai.recorder.bodies, *await ai.bodies(room), *await main.bodies(room)])


async def test_a_killed_worker_forgets_no_choice_and_loses_nothing(
    ai: Ai, homeserver: Workers, people: tuple[Person, Person], room: str
) -> None:
    """While it is away events queue; started again, it delivers what is allowed, once and in order, nothing else."""
    mei, li = people
    await ai.recorder.until(await li.say(room, "!circle out"))
    await homeserver.kill_worker(meanwhile=lambda: queue(room, mei, li))
    await ai.recorder.until(await mei.say(room, "KILLEDWORDS last"))

    came = [event["content"].get("body", "") for event in ai.recorder.events if event["room_id"] == room]

    assert [text for text in came if text.startswith("KILLED")] == [f"KILLEDWORDS {n}" for n in ("one", "two", "last")]
    assert not [body for body in await ai.bodies(room) if "CANARY" in body]


async def queue(room: str, mei: Person, li: Person) -> None:
    """Say what nobody can deliver now."""
    await mei.say(room, "KILLEDWORDS one")
    await li.say(room, "KILLEDCANARY")
    await mei.say(room, "KILLEDWORDS two")


async def test_the_worker_checks_and_stamps(ai: Ai, homeserver: Workers, at_the_worker: Person, room: str) -> None:
    """A malformed policy is refused, and what the AI writes is stamped, where a worker takes the request."""
    with pytest.raises(Refused) as refused:
        await at_the_worker.set_state(room, POLICY, {**NOTEBOOK, "trigger": "perhaps"})
    assert refused.value.status == 400

    path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/send/m.room.message/stamped"
    query = {"user_id": ai.user_id, "device_id": "CIRCLES"}
    headers = {"Authorization": f"Bearer {homeserver.as_token('circle')}"}
    body = {"msgtype": "m.notice", "body": "stamped"}
    async with ai.session.put(f"{homeserver.worker_url}{path}", json=body, params=query, headers=headers) as answer:
        assert answer.status == 200
        sent = str((await answer.json())["event_id"])

    assert (await at_the_worker.event(room, sent))["content"][MARK_KEY]["stamped"] is True


async def test_a_purge_loosens_nothing(ai: Ai, main: Ai, people: tuple[Person, Person], room: str) -> None:
    """What a tighter policy shut stays shut when the history with that policy is purged from PostgreSQL."""
    mei, li = people
    admin = await ai.homeserver.person("keeper", admin=True, unique=True)
    await ai.recorder.until(await li.say(room, "PURGEDTALK"))
    await mei.set_state(room, POLICY, ON_CALL)
    await li.say(room, "TIGHTCANARY")
    await mei.set_state(room, POLICY, NOTEBOOK)
    kept = await li.say(room, "HASTYCANARY")
    await mei.say(room, "the end")
    headers = {"Authorization": f"Bearer {admin.access_token}"}

    async def ask(method: str, path: str, body: object = None) -> dict[str, Any]:
        url = f"{ai.homeserver.base_url}/_synapse/admin/v1{path}"
        async with ai.session.request(method, url, json=body, headers=headers) as answer:
            assert answer.status == 200
            found: dict[str, Any] = await answer.json()
            return found

    body = {"delete_local_events": True, "purge_up_to_event_id": kept}
    purge = await ask("POST", f"/purge_history/{quote(room, safe='')}", body)
    status = "active"
    for _ in range(600):
        status = str((await ask("GET", f"/purge_history_status/{purge['purge_id']}"))["status"])
        if status != "active":
            break
        await asyncio.sleep(0.1)
    assert status == "complete"
    assert "PURGEDTALK" not in [event["content"].get("body") for event in await mei.all_messages(room)]
    call = await mei.say(room, "!circle summary")
    await admin.close()

    for gate in (ai, main):
        assert not [text for text in await gate.bodies(room) if "CANARY" in text]
        assert "HASTYCANARY" in await gate.bodies(room, call), "it is still there, and what both allow is allowed"
    assert "CANARY" not in "".join(body for body in ai.recorder.bodies if room in body)
