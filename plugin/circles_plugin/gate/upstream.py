"""The gate's own requests: to Synapse's client listener as the AI, and to the service. Twisted's coroutines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlencode

from synapse.module_api import SimpleHttpClient, make_deferred_yieldable
from twisted.web.client import readBody
from twisted.web.http_headers import Headers

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the body as bytes, its type, and how long to wait where a limit was hit."""

    status: int
    body: bytes
    content_type: str = _JSON
    retry_after: str | None = None

    def json(self) -> Mapping[str, object]:
        """Return the body as a JSON object; an empty one where it is none."""
        try:
            found: object = json.loads(self.body) if self.body else {}
        except ValueError:
            return {}
        return cast("Mapping[str, object]", found) if isinstance(found, Mapping) else {}

    def json_list(self) -> list[object]:
        """Return the body as a JSON array; an empty one where it is none."""
        try:
            found: object = json.loads(self.body) if self.body else []
        except ValueError:
            return []
        return cast("list[object]", found) if isinstance(found, list) else []


class Upstream:
    """One address with one token."""

    def __init__(self, http: SimpleHttpClient, base_url: str, token: str) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._token = token

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = _JSON,
    ) -> Answer:
        """Make one request. Raises whatever Twisted raises where nobody answers in time."""
        uri = f"{self._base_url}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = Headers({b"Authorization": [f"Bearer {self._token}".encode()]})
        if body is not None:
            headers.addRawHeader(b"Content-Type", content_type.encode())
        # Twisted's response is an interface of attributes, which strict checking cannot read.
        response = cast("Any", await self._http.request(method, uri, data=body, headers=headers))
        read = await make_deferred_yieldable(readBody(response))
        return Answer(
            status=int(response.code),
            body=read,
            content_type=_first(response.headers, b"Content-Type") or _JSON,
            retry_after=_first(response.headers, b"Retry-After"),
        )


def _first(headers: Headers, name: bytes) -> str | None:
    found = headers.getRawHeaders(name)
    return found[0].decode("latin-1") if found else None
