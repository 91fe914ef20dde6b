"""A wire that a test can break: an HTTP port in front of another one, which hands requests on until it is told not to.

Put between the service and its homeserver, in either direction.  It knows requests and answers, and nothing of Matrix.
"""

import asyncio
import contextlib
import io
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from circles_harness.process import free_port

WAIT_SECONDS = 60.0
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"})
"""RFC 9110, 7.6.1; each side has its own connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answered in the target's place; the target hears nothing of it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks. `handled`: only after the target did what was asked, so nobody here knows the outcome."""

    handled: bool = False


@dataclass(frozen=True, slots=True)
class Stall:
    """Taken and never answered, until `Wire.release` or until whoever asked goes. `handled`: the target did it."""

    handled: bool = False


@dataclass(frozen=True, slots=True)
class Half:
    """The target's answer breaks off in its middle; the connection breaks with it."""


Fault = Answer | Cut | Stall | Half


@dataclass(frozen=True, slots=True)
class Request:
    """One request that came: what was asked, and when (the event loop's seconds)."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    at: float


@dataclass
class _Rule:
    fault: Fault
    times: float
    method: str | None
    path: re.Pattern[str]


class Wire:
    """Listens on a loopback port while it is entered; `down` and `up` close and open the port.

    Attributes:
        requests: What came.
        answers: What the target answered, whether or not it was handed on.
    """

    def __init__(self, target: str) -> None:
        """Take the base URL behind it, `http://127.0.0.1:1` for nobody."""
        self.target = target
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[Request] = []
        self.answers: list[bytes] = []
        self._rules: list[_Rule] = []
        self._released = asyncio.Event()
        self._came = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=120))
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()
        if self._session is not None:
            await self._session.close()

    # What goes wrong --------------------------------------------------------------------------------------------

    def fail(self, fault: Fault, *, times: float = 1, method: str | None = None, path: str = "") -> None:
        """Let the next `times` requests that match fail so; the rule that was made first counts first.

        Args:
            fault: how.
            times: how often; `math.inf` until `mend`.
            method: of this method only.
            path: a regular expression that is found in the path.
        """
        self._rules.append(_Rule(fault, times, method, re.compile(path)))

    def mend(self) -> None:
        """Forget all that was to go wrong, and let go what is stalled: it is handed on."""
        self._rules.clear()
        self.release()

    def release(self) -> None:
        """Answer what is stalled, as the target does."""
        self._released.set()
        self._released = asyncio.Event()

    async def down(self) -> None:
        """Close the port and every connection: nobody listens here."""
        self.release()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def up(self) -> None:
        """Open the port again."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    # What came --------------------------------------------------------------------------------------------------

    def asked(self, method: str, path: str = "") -> list[Request]:
        """Return the requests that came so far."""
        return [request for request in self.requests if request.method == method and re.search(path, request.path)]

    async def wait_asked(self, method: str, path: str = "", *, times: int = 1) -> list[Request]:
        """Wait until so many requests came, and return them."""
        await self.wait_for(lambda: len(self.asked(method, path)) >= times)
        return self.asked(method, path)

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds after a request.

        Raises:
            TimeoutError: with what came instead.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._came:
                await self._came.wait_for(holds)
        except TimeoutError:
            came = "\n".join(f"  {request.method} {request.path}" for request in self.requests[-30:])
            raise TimeoutError(f"what was waited for did not come; the last requests:\n{came}") from None

    # Handing on -------------------------------------------------------------------------------------------------

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        rule = self._rule_for(request)
        async with self._came:
            self.requests.append(Request(request.method, request.path, dict(request.query), body, time.monotonic()))
            self._came.notify_all()
        match rule:
            case None:
                pass
            case Answer(status, text, headers):
                return web.Response(status=status, body=text, headers={"Content-Type": "application/json", **headers})
            case Cut(handled):
                if handled:
                    await self._read(request, body)
                return _broken(request)
            case Stall(handled):
                if handled:
                    await self._read(request, body)
                await self._released.wait()
            case Half():
                return await self._half(request, body)
        try:
            status, headers_, text = await self._read(request, body)
        except (aiohttp.ClientError, TimeoutError):
            return _broken(request)
        return web.Response(status=status, body=text, headers=headers_)

    def _rule_for(self, request: web.Request) -> Fault | None:
        for rule in self._rules:
            if rule.times > 0 and rule.method in (None, request.method) and rule.path.search(request.path):
                rule.times -= 1
                return rule.fault
        return None

    async def _half(self, request: web.Request, body: bytes) -> web.StreamResponse:
        status, headers, text = await self._read(request, body)
        response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(text))})
        await response.prepare(request)
        await response.write(text[: len(text) // 2])
        _cut(request)
        return response

    async def _read(self, request: web.Request, body: bytes) -> tuple[int, CIMultiDict[str], bytes]:
        async with self._asking(request, body) as response:
            headers = CIMultiDict(
                (key, value) for key, value in response.headers.items() if key.lower() not in _HOP_BY_HOP
            )
            text = await response.read()
            self.answers.append(text)
            return response.status, headers, text

    @contextlib.asynccontextmanager
    async def _asking(self, request: web.Request, body: bytes) -> AsyncGenerator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the wire is not entered")
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP_BY_HOP}
        url = self.target + request.raw_path
        async with self._session.request(
            request.method, URL(url, encoded=True), headers=headers, data=io.BytesIO(body), allow_redirects=False
        ) as response:
            yield response


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _broken(request: web.Request) -> web.StreamResponse:
    _cut(request)
    return web.Response(status=502)  # Nobody reads it: the connection is gone.
