"""Contact: an absence of the homeserver shows, however short it was and whatever this process did meanwhile."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiohttp import web

from circles.adapters.matrix.contact import Contact
from circles.core.ids import UserID
from circles.errors import MatrixUnavailable

PATH = "/_matrix/client/versions"


@dataclass
class Server:
    """A server that can be made anew at its address.

    `closes`: it ends the connection after each answer, and says so. `breaks`: it ends it instead of an answer.
    """

    closes: bool = False
    breaks: bool = False
    port: int = 0
    asked: int = 0
    runners: list[web.AppRunner] = field(default_factory=list[web.AppRunner])

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get(PATH, self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = runner.addresses[0][1]
        self.runners.append(runner)

    async def stop(self) -> None:
        await self.runners.pop().cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.breaks:
            assert request.transport is not None
            request.transport.abort()
        response = web.json_response({})
        if self.closes:
            response.force_close()
        return response


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.start()
    yield made
    for runner in made.runners:
        await runner.cleanup()


@pytest_asyncio.fixture
async def contact(server: Server) -> AsyncIterator[Contact]:
    made = Contact(f"http://127.0.0.1:{server.port}", UserID("@circle:home.example"), "token", None)
    await made.open()
    yield made
    await made.close()


async def test_a_homeserver_that_stays_keeps_the_connection(contact: Contact) -> None:
    """The first request opens it, and that is all."""
    await contact.request("GET", PATH)
    assert contact.anew.is_set()
    contact.anew.clear()
    for _ in range(5):
        await contact.request("GET", PATH)
    assert not contact.anew.is_set()


async def test_a_homeserver_made_anew_between_two_requests_shows(server: Server, contact: Contact) -> None:
    """No request fails, and yet it was away."""
    await contact.request("GET", PATH)
    contact.anew.clear()
    await server.stop()
    await server.start()
    await contact.request("GET", PATH)
    assert contact.anew.is_set()


async def test_a_proxy_that_closes_after_each_answer_is_no_absence(server: Server, contact: Contact) -> None:
    """It says so in the answer."""
    server.closes = True
    await contact.request("GET", PATH)
    contact.anew.clear()
    for _ in range(3):
        await contact.request("GET", PATH)
    assert not contact.anew.is_set()


async def test_a_connection_that_breaks_under_a_request_is_told_at_once(server: Server, contact: Contact) -> None:
    """It is not asked again in silence, which would wait for the next news as if nothing had been."""
    await contact.request("GET", PATH)
    server.breaks = True
    with pytest.raises(MatrixUnavailable):
        await contact.request("GET", PATH)
    assert server.asked == 2
