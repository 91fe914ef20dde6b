"""Real Synapses for the tests of this folder: booted once a session, with fresh people for each test.

All tests and fixtures here share one event loop, for the people's connections live as long as their homeserver.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from circles_bench.leaks.stage import CONFIG as WATCHED_CONFIG
from circles_harness import ElementClients, ElementPerson, Homeserver, ModelServer, Person, Service
from circles_harness.postgresql import PostgreSQL
from circles_harness.process import ServerProcess
from circles_harness.service import merged
from circles_harness.workers import Workers, redis

# Fixtures are outside pytest's own time limit (timeout_func_only); two boots take some seconds.
BOOT_DEADLINE_SECONDS = 90
TEST_DEADLINE_SECONDS = 180

SERVICE_CONFIG = {
    "invites": {"allow": ["*"]},
    "member": {"operator_name": "Anna"},
    "timing": {"checkpoint_seconds": 1, "newcomers_seconds": 1, "unreadable_seconds": 8},
    "log": {"level": "DEBUG"},
}
HASTY_TIMING = {"timing": {"loosening_hours": 3 / 3_600, "unreadable_seconds": 1}}
THRIFTY_LIMITS = {"limits": {"turns_in_a_row": 5, "answers_per_person_per_day": 12}}

NewPerson = Callable[..., Awaitable[Person]]
NewHomeserver = Callable[..., Homeserver]
NewElement = Callable[..., Awaitable[ElementPerson]]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what can only be asked of several processes, unless they are asked for."""
    if collection_path.name == "test_workers.py" and not config.getoption("workers", default=False):
        return True
    return None


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


_written_before = pytest.StashKey[dict[ServerProcess, int]]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember how long each server's log is, so that a failure shows what came in the test."""
    item.stash[_written_before] = {each: len(each.log()) for each in ServerProcess.known}


WAITED = "/_matrix/client/v3/sync?"
"""Half of what a homeserver says, and nothing in it tells why a test failed."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the last lines of each server that wrote something during a test that failed."""
    report = yield
    if report.failed:
        before = item.stash.get(_written_before, dict[ServerProcess, int]())
        for each in sorted(ServerProcess.known, key=lambda each: each.name):
            if told := each.tail(after=before.get(each, 0), without=WAITED):
                report.sections.append((f"the last lines of {each.name}", told))
    return report


@pytest.fixture(scope="session")
def new_homeserver(request: pytest.FixtureRequest) -> NewHomeserver:
    """Make a homeserver that is not started yet; with `--workers` one of several processes."""
    if not request.config.getoption("workers", default=False):
        return Homeserver
    postgresql: PostgreSQL = request.getfixturevalue("postgresql_server")
    port: int = request.getfixturevalue("redis_port")
    return partial(Workers, postgresql, port)


@pytest.fixture(scope="session")
def redis_port() -> Iterator[int]:
    """One Redis for the whole session."""
    with redis() as port:
        yield port


# A service is registered before its homeserver boots, which costs no second boot, and started by the first test that
# asks for it. None of them is ever restarted: a test that restarts has its own.


@dataclass(frozen=True)
class Unborn:
    """The plain homeserver and its services before any of them is started."""

    homeserver: Homeserver
    service: Service
    hasty: Service
    picky: Service
    away: Service
    thrifty: Service
    packed: Service
    watched: Service
    watched_model: ModelServer


@pytest.fixture(scope="session")
def unborn() -> Iterator[Unborn]:
    """Make the plain homeserver and its services; nothing runs yet."""
    homeserver, model = Homeserver(), ModelServer()
    made = Unborn(
        homeserver,
        service=Service(homeserver, config=SERVICE_CONFIG),
        hasty=Service(homeserver, localpart="hasty", config=merged(SERVICE_CONFIG, HASTY_TIMING)),
        picky=Service(homeserver, localpart="picky", config={"invites": {"allow": ["@friend-*"]}}),
        away=Service(homeserver, localpart="away", config=SERVICE_CONFIG),
        thrifty=Service(homeserver, localpart="thrifty", config=merged(SERVICE_CONFIG, THRIFTY_LIMITS)),
        packed=Service(homeserver, localpart="packed", config=SERVICE_CONFIG),
        watched=Service(homeserver, localpart="watched", model=model, config=WATCHED_CONFIG),
        watched_model=model,
    )
    yield made
    for each in (made.service, made.hasty, made.picky, made.away, made.thrifty, made.packed, made.watched):
        shutil.rmtree(each.directory, ignore_errors=True)


Boot = Callable[[], Awaitable[Homeserver]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def boot(unborn: Unborn) -> AsyncIterator[Boot]:
    """Boot the plain homeserver at the first call: a test whose people live elsewhere needs none."""
    homeserver, booting = unborn.homeserver, asyncio.Lock()

    async def booted() -> Homeserver:
        async with booting, asyncio.timeout(BOOT_DEADLINE_SECONDS):
            if not homeserver.is_running:
                await homeserver.start()
        return homeserver

    yield booted
    await homeserver.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def homeserver(boot: Boot) -> Homeserver:
    """One plain homeserver for all tests that ask for no other."""
    return await boot()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(unborn: Unborn, homeserver: Homeserver) -> AsyncIterator[Service]:
    """The running AI member on the plain homeserver, without a model."""
    async with unborn.service as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hasty(unborn: Unborn, homeserver: Homeserver) -> AsyncIterator[Service]:
    """A second AI member there, for which the day before a looser policy is a moment, as is the wait for a key."""
    async with unborn.hasty as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def picky(unborn: Unborn, homeserver: Homeserver) -> AsyncIterator[Service]:
    """A third, whose operator lets only people called friend-… invite it."""
    async with unborn.picky as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def away(unborn: Unborn, homeserver: Homeserver, postgresql_server: PostgreSQL) -> AsyncIterator[Service]:
    """A fourth, whose rows are in PostgreSQL."""
    unborn.away.configure({"storage": {"url": postgresql_server.create()}})
    async with unborn.away as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def thrifty(unborn: Unborn, homeserver: Homeserver) -> AsyncIterator[Service]:
    """A fifth, which answers nobody for long."""
    async with unborn.thrifty as running:
        yield running


@pytest.fixture(scope="session")
def unborn_pair() -> Iterator[tuple[Homeserver, Homeserver, Service]]:
    """Two homeservers that federate and a service on the first, none of them started."""
    here = Homeserver(federation=True)
    service = Service(here, config=SERVICE_CONFIG)
    # A room's list of servers knows no ports.
    yield here, Homeserver(federation=True, host="127.0.0.1"), service
    shutil.rmtree(service.directory, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def federation(
    unborn_pair: tuple[Homeserver, Homeserver, Service],
) -> AsyncIterator[tuple[Homeserver, Homeserver]]:
    """Two homeservers that federate, booted when the first test asks for them."""
    pair = unborn_pair[:2]
    try:
        async with asyncio.timeout(BOOT_DEADLINE_SECONDS), asyncio.TaskGroup() as boots:
            for each in pair:
                boots.create_task(each.start())
        yield pair
    finally:
        for each in pair:
            await each.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def federated_service(
    unborn_pair: tuple[Homeserver, Homeserver, Service], federation: tuple[Homeserver, Homeserver]
) -> AsyncIterator[Service]:
    """The running AI member on the first of the two homeservers."""
    async with unborn_pair[2] as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def person(boot: Boot) -> AsyncIterator[NewPerson]:
    """Make people for one test: `mei = await person("mei")`; on another homeserver with `at=`."""
    people: list[Person] = []

    async def new(
        localpart: str, *, display_name: str | None = None, at: Homeserver | None = None, admin: bool = False
    ) -> Person:
        where = at or await boot()
        people.append(await where.person(localpart, display_name=display_name, admin=admin, unique=True))
        return people[-1]

    yield new
    for someone in people:
        await someone.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clients() -> AsyncIterator[ElementClients]:
    """The process in which the clients that encrypt as Element does run."""
    async with ElementClients() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def element(boot: Boot, clients: ElementClients) -> AsyncIterator[NewElement]:
    """Make people whose clients encrypt as Element does: `mei = await element("mei")`."""
    people: list[ElementPerson] = []

    async def new(
        localpart: str,
        *,
        at: Homeserver | None = None,
        strict: bool = False,
        as_well: Person | None = None,
        reset: bool = False,
    ) -> ElementPerson:
        where = at or await boot()
        account = await where.person(localpart, unique=True) if as_well is None else await where.sign_in(as_well)
        people.append(await clients.start(account, strict=strict, reset=reset))
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


@dataclass(frozen=True)
class Breakable:
    """A homeserver of its own whose parts a test may stop, kill and start; it leaves all of them running.

    Attributes:
        homeserver: the Synapse.
        service: an AI member without a model.
        thinker: one with a model, impatient with it, from which names and secrets are hidden.
        trapped: one like that which can be killed at a named point; a test starts and kills it.
        model: that model's endpoint; a test scripts it and resets it.
        other: the endpoint of the model that circles choose by the name "other"; the same.
    """

    homeserver: Homeserver
    service: Service
    thinker: Service
    trapped: Service
    model: ModelServer
    other: ModelServer


BREAKABLE_CONFIG = merged(SERVICE_CONFIG, {"limits": {"commands_per_person_per_minute": 1_000}})
THINKER_CONFIG = merged(
    BREAKABLE_CONFIG,
    {"timing": {"placeholder_after_seconds": 0.2}, "model": {"timeout_seconds": 3, "hide_names": True}},
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def breakable() -> AsyncIterator[Breakable]:
    """Boot what may be broken, when the first test asks for it; its people sign in with an auth service beside it."""
    homeserver, model, other = Homeserver(delegated=True), ModelServer(), ModelServer(model="scripted-too")
    service = Service(homeserver, config=BREAKABLE_CONFIG)
    choice = {"models": {"other": {"base_url": other.base_url, "model": other.model}}}
    thinker = Service(homeserver, localpart="thinker", model=model, config=merged(THINKER_CONFIG, choice))
    trapped = Service(homeserver, localpart="trapped", model=model, config=THINKER_CONFIG, trapped=True)
    async with AsyncExitStack() as stack:
        stack.enter_context(model)
        stack.enter_context(other)
        async with asyncio.timeout(BOOT_DEADLINE_SECONDS):
            await stack.enter_async_context(homeserver)
            await stack.enter_async_context(service)
            await stack.enter_async_context(thinker)
        stack.push_async_callback(trapped.close)
        yield Breakable(homeserver, service, thinker, trapped, model, other)
