"""The wire of the harness: what it hands on is what came, and each way to break it is that way and no other."""

import asyncio
import io
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from circles_harness.wire import Answer, Cut, Half, Stall, Wire


@dataclass
class Wired:
    """A wire, what stands behind it, and a client before it."""

    wire: Wire
    client: aiohttp.ClientSession
    reached: list[str] = field(default_factory=list[str])

    async def put(self, path: str = "/a", body: bytes = b"{}") -> tuple[int, bytes]:
        async with self.client.put(self.wire.url + path, data=body) as answer:
            return answer.status, await answer.read()


@pytest.fixture
async def wired() -> AsyncIterator[Wired]:
    reached: list[str] = []

    async def behind(request: web.Request) -> web.Response:
        reached.append(f"{request.method} {request.raw_path} {len(await request.read())}")
        return web.Response(status=201, body=b"x" * 1000, headers={"X-Told": request.headers.get("X-Tell", "")})

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", behind)
    async with TestServer(app) as server, Wire(str(server.make_url("")).rstrip("/")) as wire:
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as client:
            yield Wired(wire, client, reached)


async def test_what_comes_is_handed_on_as_it_is(wired: Wired) -> None:
    """Method, escaped path, query, headers and body one way; status, headers and body the other."""
    url = wired.wire.url + "/rooms/%21a%2Fb/send?user_id=%40x%3Ay"
    async with wired.client.post(url, data=io.BytesIO(b"z" * 3_000_000), headers={"X-Tell": "it"}) as answer:
        assert (answer.status, answer.headers["X-Told"]) == (201, "it")
        assert await answer.read() == b"x" * 1000
    assert wired.reached == [f"POST {URL(url).raw_path_qs} 3000000"]


async def test_an_answer_in_its_place_never_reaches_the_target(wired: Wired) -> None:
    """For as many requests as were asked for, and only those that match."""
    wired.wire.fail(Answer(429, b'{"errcode": "M_LIMIT_EXCEEDED"}', {"Retry-After": "7"}), times=2, path="^/limited")

    assert [(await wired.put(path))[0] for path in ("/limited", "/free", "/limited", "/limited")] == [
        429,
        201,
        429,
        201,
    ]
    assert len(wired.reached) == 2


@pytest.mark.parametrize("handled", [False, True])
async def test_a_cut_hides_whether_it_was_done(wired: Wired, handled: bool) -> None:
    """The one who asked sees the same; the target did it, or never heard of it."""
    wired.wire.fail(Cut(handled), times=math.inf)  # aiohttp's client itself asks a second time

    with pytest.raises(aiohttp.ClientError):
        await wired.put()
    assert len(wired.reached) == (2 if handled else 0)
    wired.wire.mend()
    assert (await wired.put())[0] == 201


@pytest.mark.parametrize("handled", [False, True])
async def test_a_stall_answers_when_it_is_released(wired: Wired, handled: bool) -> None:
    """Until then nothing comes."""
    wired.wire.fail(Stall(handled))
    asking = asyncio.create_task(wired.put())
    await wired.wire.wait_asked("PUT")
    assert not (await asyncio.wait({asking}, timeout=0.05))[0]
    wired.wire.release()

    assert (await asking)[0] == 201


async def test_half_an_answer_breaks_off(wired: Wired) -> None:
    """The status came, the body did not."""
    wired.wire.fail(Half())

    with pytest.raises(aiohttp.ClientError):
        await wired.put()
    assert len(wired.reached) == 1


async def test_down_is_nobody_there_and_up_is_as_before(wired: Wired) -> None:
    """On the same port."""
    await wired.wire.down()
    with pytest.raises(aiohttp.ClientConnectorError):
        await wired.put()
    await wired.wire.up()

    assert (await wired.put())[0] == 201


async def test_mending_forgets_every_fault(wired: Wired) -> None:
    """Also those that were to last."""
    wired.wire.fail(Answer(500), times=math.inf)
    assert (await wired.put())[0] == 500
    wired.wire.mend()

    assert (await wired.put())[0] == 201
