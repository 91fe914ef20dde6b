"""Real Synapses for the tests of this folder: booted once a session, with fresh people for each test.

All tests and fixtures here share one event loop, for the people's connections live as long as their homeserver.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from circles_harness import Homeserver, ModelServer, Person, federated_pair

# Fixtures are outside pytest's own time limit (timeout_func_only); two boots take some seconds.
BOOT_DEADLINE_SECONDS = 90
TEST_DEADLINE_SECONDS = 60

NewPerson = Callable[..., Awaitable[Person]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder: needs a homeserver, runs in the session's loop, may take a restart's time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.homeserver)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TEST_DEADLINE_SECONDS, func_only=True))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def homeserver() -> AsyncIterator[Homeserver]:
    """One plain homeserver for all tests that ask for no other."""
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(BOOT_DEADLINE_SECONDS):
            booted = await stack.enter_async_context(Homeserver())
        yield booted


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def federation() -> AsyncIterator[tuple[Homeserver, Homeserver]]:
    """Two homeservers that federate, booted when the first test asks for them."""
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(BOOT_DEADLINE_SECONDS):
            booted = await stack.enter_async_context(federated_pair())
        yield booted


@pytest_asyncio.fixture(loop_scope="session")
async def person(homeserver: Homeserver) -> AsyncIterator[NewPerson]:
    """Make people for one test: `mei = await person("mei")`; on another homeserver with `at=`."""
    people: list[Person] = []

    async def new(localpart: str, *, display_name: str | None = None, at: Homeserver | None = None) -> Person:
        people.append(await (at or homeserver).person(localpart, display_name=display_name, unique=True))
        return people[-1]

    yield new
    for someone in people:
        await someone.close()


@pytest_asyncio.fixture(loop_scope="session")
async def mei(person: NewPerson) -> Person:
    """Mei, fresh for this test."""
    return await person("mei")


@pytest_asyncio.fixture(loop_scope="session")
async def li(person: NewPerson) -> Person:
    """Li, fresh for this test."""
    return await person("li")


@pytest_asyncio.fixture(loop_scope="session")
async def room(mei: Person, li: Person) -> str:
    """A fresh private room that Mei made, with Li in it."""
    room_id = await mei.create_room("Garden", invite=[li.user_id])
    await li.join(room_id)
    return room_id


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A scripted model endpoint for one test."""
    with ModelServer() as server:
        yield server
