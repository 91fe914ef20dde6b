"""Two processes of one AI on one PostgreSQL: one works, the other takes over; nothing is lost, said twice or moved."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from circles_harness import Event, Person, Service
from circles_harness.balancer import Balancer
from circles_harness.process import free_port
from walks import admitted, answer, ask, body, kind, messages, settled

QUESTIONS = 8
ANOTHER_LEADS = 75

pytestmark = pytest.mark.timeout(120, func_only=True)


async def until(service: Service, status: str) -> None:
    """Wait until a process says that it leads ("ok"), stands by, or nothing any more."""
    async with asyncio.timeout(60):
        while await service.health() != status:
            await asyncio.to_thread(lambda: None)


@pytest_asyncio.fixture(loop_scope="session")
async def replica(away: Service) -> AsyncIterator[Service]:
    """A process that stands by for the service whose rows are in PostgreSQL, which leads again in the end."""
    async with away.replica() as other:
        await until(other, "standby")
        yield other
        if not away.is_running:
            await away.start()
    await until(away, "ok")


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(away: Service) -> AsyncIterator[Service]:
    """The same as if each were on a host of its own: each listens on another port, and a balancer on the known one."""
    known = away.config["appservice"]["port"]
    await away.stop()
    away.configure({"appservice": {"port": free_port()}})
    other = away.replica()
    other.configure({"appservice": {"port": free_port()}})
    await away.start()
    async with Balancer(known, [away, other]):
        async with other:
            await until(other, "standby")
            yield other
        await away.stop()
    away.configure({"appservice": {"port": known}})
    await away.start()


def answers(person: Person, room: str, service: Service, questions: list[str]) -> list[str]:
    """Return which of the questions the AI answered, in the order of its answers."""

    def asked(event: Event) -> str:
        return str(event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id"))

    return [asked(event) for event in messages(person, room, service) if asked(event) in questions]


async def test_when_the_leader_is_killed_the_other_takes_over(away: Service, replica: Service, mei: Person) -> None:
    """Questions before, in and after that moment are answered once and in order; a reminder comes once."""
    rooms = [await admitted(mei, away), await admitted(mei, away)]
    await ask(mei, rooms[0], "!circle remind me in 5 seconds to water the plants", away)
    asked: dict[str, list[str]] = {room: [] for room in rooms}
    for number in range(QUESTIONS):
        for room in rooms:
            asked[room].append(await mei.say(room, f"!circle keep note {number}"))
        if number == QUESTIONS // 2:
            await away.kill()

    for room in rooms:
        await answer(mei, room, asked[room][-1], away)
    assert await replica.health() == "ok"
    await mei.wait_for(
        rooms[0], lambda event: kind(event) == "reminder" and "water" in body(event), what="the reminder", timeout=30
    )
    await away.start()
    await until(away, "standby")
    question = await mei.say(rooms[0], "!circle notes")
    await replica.stop()  # gently: the other goes on where this one ends
    assert f"note {QUESTIONS - 1}" in body(await answer(mei, rooms[0], question, away))
    await until(away, "ok")

    for room in rooms:
        await settled(mei, room, away)
        assert answers(mei, room, away, asked[room]) == asked[room]
    told = [event for event in messages(mei, rooms[0], away) if kind(event) == "reminder" and "water" in body(event)]
    assert len(told) == 1


async def test_a_leader_that_stands_still_is_replaced_and_ends_when_it_wakes(
    away: Service, elsewhere: Service, mei: Person
) -> None:
    """It finds that another led meanwhile, writes nothing, and ends with the code that says so."""
    room = await admitted(mei, away)
    await ask(mei, room, "!circle keep before", away)
    assert away.pid is not None
    os.kill(away.pid, signal.SIGSTOP)
    question = await mei.say(room, "!circle notes")
    await until(elsewhere, "ok")
    assert "before" in body(await answer(mei, room, question, away))

    os.kill(away.pid, signal.SIGCONT)
    assert await away.wait(within=60) == ANOTHER_LEADS
    await ask(mei, room, "!circle keep after", away)
    assert answers(mei, room, away, [question]) == [question]
