"""The door: the last thing a request passes before it leaves, and the only way out.

It stands in the HTTP client, below the SDK, so that whatever the SDK or its environment variables decide,
nothing goes to another address, nothing goes without its committed row, and no header goes that was not meant.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from openai import DEFAULT_CONNECTION_LIMITS, DefaultAsyncHttpxClient, Timeout

from circles.adapters.ai.errors import EndpointNotAllowed

if TYPE_CHECKING:
    from httpx2 import AsyncClient, Request

PATH: Final = "/chat/completions"
CONNECT_SECONDS: Final = 5.0

_HEADERS: Final = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host"}
    | {"x-stainless-raw-response"}  # by it the SDK knows that we read the answer ourselves
)

Commit = Callable[[int], Awaitable[None]]
"""Commits the row of a request whose body has so many bytes. If it raises, nothing leaves."""

_commit: ContextVar[Commit | None] = ContextVar("commit", default=None)


class Door:
    """Lets requests out to one endpoint, each after its row is committed."""

    def __init__(self, base_url: str, api_key: str | None, timeout_seconds: float) -> None:
        base = urlsplit(base_url)
        self.host: Final = base.hostname or ""
        self._place: Final = (base.scheme, self.host, base.port or _port(base.scheme), base.path.rstrip("/") + PATH)
        self._authorization: Final = f"Bearer {api_key}" if api_key else None
        self._timeout: Final = Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))

    def client(self) -> AsyncClient:
        """Return the HTTP client whose every request passes this door. It follows no redirect and knows no proxy."""
        quieten()
        return DefaultAsyncHttpxClient(
            event_hooks={"request": [self._pass]},
            follow_redirects=False,
            limits=DEFAULT_CONNECTION_LIMITS,
            timeout=self._timeout,
            trust_env=False,
        )

    @contextmanager
    def opened(self, commit: Commit) -> Generator[None, None, None]:
        """Let one request of this task out, after `commit`."""
        token = _commit.set(commit)
        try:
            yield
        finally:
            _commit.reset(token)

    async def _pass(self, request: Request) -> None:
        url = request.url
        place = (url.scheme, url.host, url.port or _port(url.scheme), url.path)
        if request.method != "POST" or place != self._place or url.query:
            raise EndpointNotAllowed
        commit = _commit.get()
        if commit is None:
            raise EndpointNotAllowed
        _commit.set(None)
        for name in tuple(request.headers):
            if name.lower() not in _HEADERS:
                del request.headers[name]
        request.headers["user-agent"] = "circles"
        if self._authorization:
            request.headers["authorization"] = self._authorization
        else:
            request.headers.pop("authorization", None)
        await commit(len(request.content))


def quieten() -> None:
    """Keep the SDK's and the HTTP client's own loggers from telling what passes, at whatever level ours stand."""
    for name in ("openai", "httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
