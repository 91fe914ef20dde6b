"""The gate: the one door between Synapse and the AI service, both ways, on one port of its own.

Out: Synapse sends its transactions here, and what the policies allow is forwarded to the service.  Back: the service
asks here, with a token that is worth nothing anywhere else, for the few things in `routes`.  The homeserver's own
`as_token`, which could read everything, never leaves this process.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qsl, quote

from synapse.module_api import DirectServeJsonResource, LoggingTransaction, ModuleApi, SynapseRequest
from synapse.module_api.errors import Codes, SynapseError
from twisted.internet.defer import CancelledError

from circles_plugin.config import GateConfig, GateTokens
from circles_plugin.gate import history, reading, standings, stretches
from circles_plugin.gate.judge import Judge
from circles_plugin.gate.routes import Match, Treatment, find
from circles_plugin.gate.upstream import Answer, Upstream
from circles_plugin.gate.vouching import Vouching
from circles_plugin.identity import Identity
from circles_plugin.room_facts import LOOK_AGAIN_MS
from circles_policies.events import mapping

logger = logging.getLogger(__name__)

PATH: Final = "/_synapse/client/circles/gate"
CALL_HEADER: Final = b"Circles-Call"
"""Names the event by which somebody called the AI to look back."""

_TRANSACTIONS: Final = "/_matrix/app/v1/transactions/"
_PING: Final = "/_matrix/app/v1/ping"
_NOT_FOUND: Final = {"errcode": "M_NOT_FOUND", "error": "Event not found."}
_FILTER: Final = json.dumps(
    {"room": {"rooms": []}, "presence": {"types": []}, "account_data": {"types": []}}, separators=(",", ":")
)
_CRYPTO_KEYS: Final = (
    "next_batch",
    "to_device",
    "device_lists",
    "device_one_time_keys_count",
    "device_unused_fallback_key_types",
)

Response = tuple[int, Any]


class Gate(DirectServeJsonResource):
    """What Synapse serves at `PATH`; see the module's docstring. Without state, so any worker may host it."""

    isLeaf = True

    def __init__(
        self,
        api: ModuleApi,
        config: GateConfig,
        tokens: GateTokens,
        identity: Identity,
        judge: Judge,
        vouching: Vouching,
    ) -> None:
        super().__init__()
        self._api = api
        self._port = config.port
        self._tokens = tokens
        self._identity = identity
        self._judge = judge
        self._vouching = vouching
        self._homeserver = Upstream(api.http_client, config.homeserver_url, tokens.as_token)
        self._service = Upstream(api.http_client, config.service_url, tokens.service_hs_token)
        self._ready = False
        self._look_at = 0
        """When (ms) to look next, while what the gate needs is not there."""

    async def self_check(self) -> bool:
        """Make our table and try every statement; while that does not work every request is answered 503.

        It is tried again after a while: a database that was away for a moment does not shut the gate for good.
        """
        now = self._api.get_current_time_msec()
        if not self._ready and now >= self._look_at:
            try:
                await self._make_tables()
                await self._api.run_db_interaction("circles_gate_check", history.try_statements)
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - any database driver's error means the same: another shape
                if not self._look_at:
                    logger.error("The gate is shut: cannot read Synapse's tables (%s)", type(error).__name__)  # noqa: TRY400 - the text quotes the statement
                self._look_at = now + LOOK_AGAIN_MS
            else:
                self._ready = True
                if self._look_at:
                    logger.warning("The gate is open again")
        return self._ready

    async def _make_tables(self) -> None:
        try:
            await self._api.run_db_interaction("circles_gate_table", _create_tables)
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001 - on PostgreSQL it fails where another process makes them at the same moment
            await self._api.run_db_interaction("circles_gate_table", _create_tables)

    async def _async_render(self, request: SynapseRequest) -> Response | None:
        if _port(request) != self._port:
            # Synapse offers a module's resource on every listener, also to the world.
            return 404, {"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"}
        try:
            return await self._answer(request)
        except (SynapseError, CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - the one place: fails closed, and its text may quote an event
            _log(error)
            return 502, {"errcode": "M_UNKNOWN", "error": "The gate could not answer: see the homeserver's log."}

    async def _answer(self, request: SynapseRequest) -> Response | None:
        uri = request.uri.decode("ascii", "replace")
        path, _, query = uri.removeprefix(PATH).partition("?")
        shown = (request.getHeader(b"Authorization") or b"").decode("latin-1").removeprefix("Bearer ")
        if path.startswith("/hs/"):
            if not hmac.compare_digest(shown.encode(), self._tokens.service_as_token.encode()):
                return 401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Unknown token: this is no token of the gate."}
            return await self._back(request, path.removeprefix("/hs"), dict(parse_qsl(query, keep_blank_values=True)))
        if not hmac.compare_digest(shown.encode(), self._tokens.hs_token.encode()):
            return 403, {"errcode": "M_FORBIDDEN", "error": "Unknown token: this is not the homeserver."}
        if not await self.self_check():
            return 503, {"errcode": "M_UNKNOWN", "error": "The gate is shut: see the homeserver's log."}
        return await self._out(request, path)

    # --- out -------------------------------------------------------------------------------------------------------

    async def _out(self, request: SynapseRequest, path: str) -> Response:
        method = request.method.decode("ascii")
        if method == "POST" and path == _PING:
            return _as_it_is(await self._service.request("POST", _PING, body=_content(request)))
        if method != "PUT" or not path.startswith(_TRANSACTIONS):
            # Who asks whether one of our users or aliases exists is told that it does not: all of them are made ahead.
            return 404, {"errcode": "M_NOT_FOUND", "error": "Not found."}
        events = _json(request).get("events")
        passed = await self._judge.arriving(cast("list[object]", events) if isinstance(events, list) else [])
        if not passed:
            return 200, {}
        # Synapse's own number would tell how many transactions were withheld; a repeat has to keep its own.
        name = hashlib.sha256(" ".join(str(event["event_id"]) for event in passed).encode()).hexdigest()[:32]
        body = json.dumps({"events": passed}).encode()
        answer = await self._service.request("PUT", _TRANSACTIONS + name, body=body)
        return (200, {}) if answer.status == 200 else (502, {"errcode": "M_UNKNOWN", "error": "Not taken."})

    # --- back ------------------------------------------------------------------------------------------------------

    async def _back(self, request: SynapseRequest, path: str, query: dict[str, str]) -> Response | None:
        match = find(request.method.decode("ascii"), path)
        if match is None:
            return 404, {"errcode": "M_UNRECOGNIZED", "error": "The gate has no such request."}
        user_id = query.pop("user_id", self._identity.ai)
        query.pop("access_token", None)
        if not self._identity.is_ours(user_id):
            return 403, {"errcode": "M_FORBIDDEN", "error": "user_id: not a user of this service."}
        sends = match.route.treatment is Treatment.SEND
        if sends and user_id == self._identity.ai and "device_id" not in query:
            return 400, {"errcode": "M_MISSING_PARAM", "error": "device_id: a repeat without it would be doubled."}
        query["user_id"] = user_id
        if not await self.self_check():
            return 503, {"errcode": "M_UNKNOWN", "error": "The gate is shut: see the homeserver's log."}
        return await self._treat(request, match, path, query)

    async def _treat(self, request: SynapseRequest, match: Match, path: str, query: dict[str, str]) -> Response | None:
        parts = match.parts
        match match.route.treatment:
            case Treatment.STANDING:
                return await self._vouching.take(parts["room_id"], parts["user_id"], _json(request))
            case Treatment.SOME_STANDINGS:
                return await self._vouching.take_some(parts["room_id"], _json(request))
            case Treatment.STANDINGS:
                return await self._vouching.show(parts["room_id"])
            case Treatment.REGISTER:
                body = json.dumps({**_json(request), "inhibit_login": True}).encode()
                return _as_it_is(await self._homeserver.request("POST", path, query, body))
            case Treatment.SYNC:
                return await self._sync(path, query)
            case Treatment.MEDIA:
                return await self._media(request, path, query, parts)
            case Treatment.AS_IT_IS | Treatment.SEND:
                content_type = (request.getHeader(b"Content-Type") or b"application/json").decode("latin-1")
                method = request.method.decode("ascii")
                sent = None if method == "GET" else _content(request)
                return _as_it_is(await self._homeserver.request(method, path, query, sent, content_type))
            case _:
                return await self._read(request, match, path, query)

    async def _read(self, request: SynapseRequest, match: Match, path: str, query: dict[str, str]) -> Response:
        answer = await self._homeserver.request("GET", path, query)
        treatment, room_id = match.route.treatment, match.parts["room_id"]
        if answer.status != 200:
            if treatment is Treatment.EVENT and answer.status in (403, 404):
                return 404, _NOT_FOUND
            return _as_it_is(answer)
        match treatment:
            case Treatment.MESSAGES:
                found = answer.json()
                chunk = found.get("chunk")
                events = cast("list[object]", chunk) if isinstance(chunk, list) else []
                passed = await self._judge.looked_at(events, called=await self._is_called(request, room_id, query))
                return 200, {key: found[key] for key in ("start", "end") if key in found} | {"chunk": passed}
            case Treatment.EVENT:
                called = await self._is_called(request, room_id, query)
                passed = await self._judge.looked_at([answer.json()], called=called)
                return (200, passed[0]) if passed else (404, _NOT_FOUND)
            case Treatment.MEMBERS:
                return 200, reading.members(answer.json())
            case Treatment.STATE:
                return 200, reading.state(answer.json_list())
            case _:
                content = reading.state_content(match.parts["type"], answer.json())
                return (404, _NOT_FOUND) if content is None else (200, content)

    async def _is_called(self, request: SynapseRequest, room_id: str, query: Mapping[str, str]) -> bool:
        named = (request.getHeader(CALL_HEADER) or b"").decode("latin-1").split(" ")
        if len(named) != 2:
            return False
        call_room, event_id = named
        path = f"/_matrix/client/v3/rooms/{_quoted(call_room)}/event/{_quoted(event_id)}"
        answer = await self._homeserver.request("GET", path, {"user_id": query["user_id"]})
        return answer.status == 200 and await self._judge.is_call(room_id, answer.json())

    async def _sync(self, path: str, query: dict[str, str]) -> Response:
        kept = {key: query[key] for key in ("since", "timeout", "user_id", "device_id") if key in query}
        forced = {"filter": _FILTER, "full_state": "false", "set_presence": "offline"}
        answer = await self._homeserver.request("GET", path, kept | forced)
        if answer.status != 200:
            return _as_it_is(answer)
        found = answer.json()
        return 200, {key: found[key] for key in _CRYPTO_KEYS if key in found}

    async def _media(
        self, request: SynapseRequest, path: str, query: dict[str, str], parts: Mapping[str, str]
    ) -> Response | None:
        room_id, event_id = query.pop("room_id", ""), query.pop("event_id", "")
        called = await self._is_called(request, room_id, query)
        asked = f"/_matrix/client/v3/rooms/{_quoted(room_id)}/event/{_quoted(event_id)}"
        answer = await self._homeserver.request("GET", asked, {"user_id": query["user_id"]})
        passed = await self._judge.looked_at([answer.json()], called=called) if answer.status == 200 else []
        if not passed or reading.media_of(passed[0]) != f"mxc://{parts['server_name']}/{parts['media_id']}":
            return 404, {"errcode": "M_NOT_FOUND", "error": "Not found."}
        media = await self._homeserver.request("GET", path, query)
        raw = cast("Any", request)  # Twisted's request has no annotations that strict checking could read.
        raw.setResponseCode(media.status)
        raw.setHeader(b"Content-Type", media.content_type.encode("latin-1"))
        raw.write(media.body)
        raw.finish()
        return None


def _create_tables(txn: LoggingTransaction) -> None:
    standings.create_table(txn)
    stretches.create_table(txn)


def _port(request: SynapseRequest) -> int:
    return int(cast("Any", request).getHost().port)


def _content(request: SynapseRequest) -> bytes:
    body = cast("Any", request).content
    return b"" if body is None else bytes(body.read())


def _json(request: SynapseRequest) -> Mapping[str, object]:
    try:
        return mapping(json.loads(_content(request) or b"{}"))
    except ValueError:
        raise SynapseError(400, "Content not JSON.", Codes.NOT_JSON) from None


def _as_it_is(answer: Answer) -> Response:
    found: Any = answer.json() or answer.json_list() or {}
    if answer.retry_after is not None and "retry_after_ms" not in found and answer.retry_after.isdigit():
        found = {**found, "retry_after_ms": int(answer.retry_after) * 1000}
    return answer.status, found


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _log(error: Exception) -> None:
    """Log the error's name and our own lines on its way; its text may quote an event."""
    here = str(Path(__file__).parent)
    places = [
        f"{Path(f.filename).name}:{f.lineno}"
        for f in traceback.extract_tb(error.__traceback__)
        if f.filename.startswith(here)
    ]
    where = " < ".join(reversed(places)) or "unknown"
    logger.error("The gate could not answer: %s at %s", type(error).__name__, where)
