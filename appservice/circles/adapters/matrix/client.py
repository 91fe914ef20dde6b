"""One user's requests to the homeserver, through matrix-nio's transport, as an application service makes them.

Every request carries `user_id` and `device_id` beside the `as_token` (spec "Identity assertion"; MSC4190, MSC4326):
without the device a repeated send after a restart of Synapse is a second event (measured).
nio builds the paths and holds the connection; its answers are read here as plain JSON, and its silent retries are off,
because the outbox decides when to try again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, cast
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from nio import Api, AsyncClient, AsyncClientConfig

from circles.adapters.matrix.errors import raise_for
from circles.core.ids import EventID, RoomID, UserID
from circles.errors import MatrixUnavailable, MatrixUnknownToken
from circles.troubles import Trouble, Troubles

log = logging.getLogger(__name__)

Json = dict[str, Any]
CALLED_BY: Final[ContextVar[tuple[RoomID, EventID] | None]] = ContextVar("called_by", default=None)
"""Which event is being answered: in gated mode the homeserver shows what may be looked at "when called" only for it."""
CALL_HEADER: Final = "Circles-Call"
TIMEOUT_SECONDS: Final = 60
"""An answer that is not here by then is taken for none: a homeserver may accept a connection and never say a word."""


class MatrixClient:
    """Requests as one namespaced user of the application service."""

    def __init__(
        self,
        homeserver: str,
        user_id: UserID,
        as_token: str,
        device_id: str | None,
        *,
        troubles: Troubles | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        reached: Callable[[bool], None] = lambda _up: None,
    ) -> None:
        """Prepare; `device_id` None makes requests without a device (before it exists).

        `reached` hears of each request whether the homeserver answered it at all.
        """
        self._reached = reached
        self.user_id = user_id
        self.device_id = device_id
        self._troubles = troubles
        self._timeout = timeout_seconds
        self._nio = AsyncClient(homeserver, user_id, config=AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0))
        self._nio.access_token = as_token

    async def open(self) -> None:
        """Open the connection pool. nio makes it on first use otherwise, but only inside its own methods."""
        self._nio.client_session = ClientSession(
            connector=TCPConnector(limit=32), timeout=ClientTimeout(total=self._timeout), trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._nio.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        content_type: str = "application/json",
        user_id: UserID | None = None,
    ) -> Json:
        """Make one request and return its JSON.

        Args:
            path: from `/_matrix` on, query included; an `access_token` in it (nio's builders put one) is taken out.
            user_id: act as another user of our namespace, without a device.

        Raises:
            MatrixError: it was refused, or the homeserver could not be reached.
        """
        answer = await self._exchange(method, path, body, content_type, user_id)
        return cast("Json", answer) if isinstance(answer, dict) else {}

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        content_type: str = "application/json",
        user_id: UserID | None = None,
    ) -> object:
        data = json.dumps(body).encode() if isinstance(body, Mapping) else body
        headers = {"Authorization": f"Bearer {self._nio.access_token}", "Content-Type": content_type}
        if method == "GET" and (call := CALLED_BY.get()) is not None:
            headers[CALL_HEADER] = " ".join(call)
        try:
            response = await self._nio.send(
                method, self._as_user(path, user_id), cast("Any", data), headers, timeout=self._timeout
            )
            async with response:
                raw = await response.read()
        except (ClientError, TimeoutError) as error:
            self._reached(False)
            raise MatrixUnavailable from error
        self._reached(response.status < 500)
        try:
            answer: object = json.loads(raw) if raw else {}
        except (ValueError, RecursionError) as error:
            raise_for(response.status, {}, response.headers.get("Retry-After"))
            raise MatrixUnavailable("The homeserver answered something that is not JSON.") from error
        try:
            raise_for(response.status, answer, response.headers.get("Retry-After"))
        except MatrixUnknownToken:
            self._refused()
            raise
        taken = not path.endswith("/versions")  # which is for everybody, whatever the token
        if taken and self._troubles is not None and self._troubles.end(Trouble.AS_TOKEN):
            log.info("The homeserver takes our as_token again.", extra={"action": "as_token_accepted"})
        return answer

    def _refused(self) -> None:
        if self._troubles is not None and self._troubles.begin(Trouble.AS_TOKEN):
            log.error(
                "The homeserver does not know our as_token. Nothing is lost, and nothing can be said until both have "
                "the same: see `circles check`.",
                extra={"action": "as_token_refused"},
            )

    def _as_user(self, path: str, user_id: UserID | None) -> str:
        parts = urlsplit(path)
        query = [pair for pair in parts.query.split("&") if pair and not pair.startswith("access_token=")]
        identity: dict[str, str] = {"user_id": user_id or self.user_id}
        if self.device_id and user_id is None:
            identity["device_id"] = self.device_id
        return parts.path + "?" + "&".join([*query, urlencode(identity)])

    # --- sending ---------------------------------------------------------------------------------------------------

    async def send(self, room_id: RoomID, type_: str, content: Mapping[str, Any], txn_id: str) -> EventID:
        """Send a message-like event; the same `txn_id` again returns the same event."""
        method, path, data = Api.room_send("", room_id, type_, dict(content), txn_id)
        return _event_id(await self.request(method, path, data.encode()))

    async def redact(self, room_id: RoomID, event_id: EventID, txn_id: str) -> EventID:
        """Redact an event; the same `txn_id` again returns the same redaction."""
        method, path, data = Api.room_redact("", room_id, event_id, txn_id)
        return _event_id(await self.request(method, path, data.encode()))

    async def put_state(self, room_id: RoomID, type_: str, state_key: str, content: Mapping[str, Any]) -> EventID:
        """Write room state."""
        method, path, data = Api.room_put_state("", room_id, type_, dict(content), state_key)
        return _event_id(await self.request(method, path, data.encode()))

    # --- reading ---------------------------------------------------------------------------------------------------

    async def state(self, room_id: RoomID) -> list[Json]:
        """Return the current state events of a room."""
        method, path = Api.room_get_state("", room_id)
        answer = await self._exchange(method, path)
        events = cast("list[object]", answer) if isinstance(answer, list) else []
        return [cast("Json", event) for event in events if isinstance(event, dict)]

    async def state_event(self, room_id: RoomID, type_: str, state_key: str = "") -> Json:
        """Return the content of one state event."""
        parts = "/".join(quote(part, safe="") for part in (room_id, "state", type_, state_key))
        return await self.request("GET", f"/_matrix/client/v3/rooms/{parts}")

    async def own_membership(self, room_id: RoomID) -> Json:
        """Return our own member event in a room, whole; whoever left may still read theirs."""
        path = "/".join(quote(part, safe="") for part in (room_id, "state", "m.room.member", self.user_id))
        return await self.request("GET", f"/_matrix/client/v3/rooms/{path}?format=event")

    async def joined_rooms(self) -> frozenset[RoomID]:
        """Return the rooms we are in."""
        found = (await self.request("GET", "/_matrix/client/v3/joined_rooms")).get("joined_rooms")
        listed = cast("list[object]", found) if isinstance(found, list) else []
        return frozenset(RoomID(room_id) for room_id in listed if isinstance(room_id, str))

    async def joined_members(self, room_id: RoomID) -> Json:
        """Return the joined members with their display names."""
        method, path = Api.joined_members("", room_id)
        return cast("Json", (await self.request(method, path)).get("joined", {}))

    async def event(self, room_id: RoomID, event_id: EventID) -> Json:
        """Return one event."""
        method, path = Api.room_get_event("", room_id, event_id)
        return await self.request(method, path)

    async def messages(
        self, room_id: RoomID, start: str | None, limit: int, direction: str = "b", to: str | None = None
    ) -> Json:
        """Return a page of the timeline (spec `/messages`); `start` None begins at the newest event, `to` ends it."""
        query: dict[str, str] = {"dir": direction, "limit": str(limit)}
        query |= {key: value for key, value in (("from", start), ("to", to)) if value is not None}
        return await self.request(
            "GET", f"/_matrix/client/v3/rooms/{quote(room_id, safe='')}/messages?{urlencode(query)}"
        )

    async def sync(self, since: str | None, filter_: Mapping[str, Any], timeout_ms: int) -> Json:
        """Return what is new since a token (spec `/sync`), or wait so long for something to be.

        As no device: a request as one tells the homeserver that the device has got its keys, which it then deletes.
        """
        query = {"timeout": str(timeout_ms), "filter": json.dumps(filter_), "set_presence": "offline"}
        if since is not None:
            query["since"] = since
        return await self.request("GET", f"/_matrix/client/v3/sync?{urlencode(query)}", user_id=self.user_id)

    # --- rooms, media, account -------------------------------------------------------------------------------------

    async def upload(self, data: bytes, name: str, media_type: str) -> str:
        """Upload media and return its `mxc:` URI."""
        path = f"/_matrix/media/v3/upload?{urlencode({'filename': name})}"
        return str((await self.request("POST", path, data, content_type=media_type)).get("content_uri", ""))

    async def alias_room(self, alias: str) -> RoomID:
        """Return the room an alias points to."""
        return RoomID(
            str((await self.request("GET", f"/_matrix/client/v3/directory/room/{quote(alias, safe='')}"))["room_id"])
        )


def _event_id(answer: Json) -> EventID:
    event_id = answer.get("event_id")
    if not isinstance(event_id, str) or not event_id:
        # Something between us and the homeserver said 200: whether it was sent is not known.
        raise MatrixUnavailable("The homeserver named no event.")
    return EventID(event_id)
