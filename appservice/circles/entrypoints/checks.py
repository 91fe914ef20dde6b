"""`circles check`: look at everything that has to fit together, one line each, and say what to do where it does not.

Each check is a function that returns a `Finding`.  No message text is involved: the model is asked one fixed sentence.
A check that cannot say anything because an earlier one failed is left out.
"""

from __future__ import annotations

import asyncio
import hmac
import platform
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, cast
from urllib.parse import quote

import aiohttp
from aiohttp import web

from circles.config import Config, Model, Tokens
from circles.entrypoints.gate_checks import holds_back, is_the_only_way
from circles.entrypoints.registration import GATE
from circles.errors import ConfigurationError
from circles.troubles import advice_on

TIMEOUT_SECONDS: Final = 10
QUESTION: Final = "Answer with the one word: ready"
PINGS: Final = 3
"""Synapse answers 502 although we were reached while a delivery is being tried again; asking again settles it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `advice` says what to do where it is not ok."""

    ok: bool
    text: str
    advice: str = ""

    def line(self) -> str:
        """Return the line an operator reads."""
        return f"ok   {self.text}" if self.ok else f"FIX  {self.text}: {self.advice}"


Probe = Callable[[Config], Awaitable[Finding]]
"""A check of a part that this layer does not know, such as the database."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the homeserver answered. Status 0: it did not."""

    status: int
    body: dict[str, Any]

    @property
    def errcode(self) -> str:
        """The specification's error code, or ''."""
        return str(self.body.get("errcode", ""))

    @property
    def fine(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Asks:
    """The homeserver, asked as the application service."""

    session: aiohttp.ClientSession
    url: str
    token: str = ""

    async def __call__(self, method: str, path: str, json: object = None, **params: str) -> Answer:
        """Return the answer, whatever goes wrong."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with self.session.request(
                method, self.url + path, params=params, headers=headers, json=json, allow_redirects=False
            ) as response:
                return Answer(response.status, _object(await _json(response)))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Answer(0, {})


async def run_checks(config: Config, probes: tuple[Probe, ...] = ()) -> AsyncIterator[Finding]:
    """Check everything, in the order in which things depend on each other."""
    yield versions()
    yield folders(config)
    for probe in probes:
        yield await probe(config)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        reachable = await homeserver(config, Asks(session, config.homeserver.url))
        yield reachable
        secrets = tokens(config)
        yield secrets
        if reachable.ok and secrets.ok:
            async for finding in _as_the_service(config, session, config.tokens):
                yield finding
        yield await running(config, session)
        if config.homeserver.gated:
            yield await gate_is_hidden(config, session)
            if secrets.ok:
                yield await gate_holds_back(config, session)
        yield await model(config, session)
        for name, each in config.models.items():
            yield await named_model(config, session, name, each)


async def _as_the_service(config: Config, session: aiohttp.ClientSession, secret: Tokens) -> AsyncIterator[Finding]:
    ask = Asks(session, config.homeserver.url, secret.as_token)
    elsewhere = await signing_in(ask)
    if elsewhere is not None:
        yield elsewhere
    found = await token(config, ask)
    yield found
    if not found.ok:
        return
    found = await member(config, ask)
    yield found
    if found.ok:
        # What reads the keys is slow to import, and no other command but `run` needs it.
        from circles.entrypoints.key_checks import device_in_use, keys_fit

        yield await device(config, ask, device_in_use(config))
        for name, fine, advice in await keys_fit(config, ask):
            yield Finding(ok=not advice, text=name if advice else f"{name}: {fine}", advice=advice)
    yield await ping(config, ask, secret.hs_token)


def versions() -> Finding:
    """Tell which versions run here, for reports of problems."""
    return Finding(ok=True, text=f"circles {our_version()} on Python {platform.python_version()}")


def our_version() -> str:
    """Return the installed version."""
    try:
        return version("matrix-circles")
    except PackageNotFoundError:
        return "(not installed, run from its source)"


def folders(config: Config) -> Finding:
    """Check that the data folder can be made and written and that nobody else reads the secrets."""
    data = config.storage.data_dir
    name = "data folder (storage.data_dir)"
    try:
        config.storage.prepare()
        probe = data / ".check"
        probe.write_bytes(b"")
        probe.unlink()
        open_to_others = [
            file.name
            for file in sorted(config.storage.secrets_dir.iterdir())
            if file.is_file() and file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        ]
    except OSError:
        return Finding(ok=False, text=name, advice=f"Circles' user must be able to make and write {data}")
    if open_to_others:
        files = " ".join(open_to_others)
        return Finding(ok=False, text=name, advice=f"others can read {files}: chmod 600 them in its secrets folder")
    return Finding(ok=True, text=f"{name}: private and writable")


async def homeserver(config: Config, ask: Asks) -> Finding:
    """Check that the homeserver answers and speaks a version of the specification that we use."""
    name = "homeserver (homeserver.url)"
    if config.homeserver.gated:
        return Finding(ok=True, text=f"{name}: the gate, which is asked below")
    answer = await ask("GET", "/_matrix/client/versions")
    if answer.status == 0:
        return Finding(ok=False, text=name, advice="nothing answers there: is Synapse running, is the port right?")
    spoken = answer.body.get("versions")
    if not answer.fine or not isinstance(spoken, list):
        advice = f"status {answer.status} from /_matrix/client/versions: name the address of Synapse's client listener"
        return Finding(ok=False, text=name, advice=advice)
    if "v1.7" not in spoken:
        return Finding(ok=False, text=name, advice="it does not speak Matrix 1.7 (pings): upgrade the homeserver")
    # Synapse tells its version to everyone who reaches its admin API; others do not have it.
    told = (await ask("GET", "/_synapse/admin/v1/server_version")).body.get("server_version")
    return Finding(
        ok=True, text=f"{name}: answers" + (f", Synapse {told.split()[0]}" if isinstance(told, str) and told else "")
    )


def tokens(config: Config) -> Finding:
    """Check that there are tokens."""
    try:
        _ = config.tokens
    except ConfigurationError as error:
        missing = " ".join(key for key, _ in error.problems)
        return Finding(ok=False, text=missing, advice="run `circles registration`, which makes and stores it")
    return Finding(ok=True, text="tokens (appservice.as_token, appservice.hs_token): set")


async def signing_in(ask: Asks) -> Finding | None:
    """Say where people sign in, if the homeserver leaves that to another service; None where it does it itself."""
    name = "signing in"
    answer = await ask("GET", "/_matrix/client/v1/auth_metadata")
    if answer.status >= 500:
        advice = "Synapse does not reach the service of matrix_authentication_service: without it people's apps fail"
        return Finding(ok=False, text=name, advice=advice)
    issuer = answer.body.get("issuer")
    if not answer.fine or not isinstance(issuer, str):
        return None
    return Finding(ok=True, text=f"{name}: left to {issuer}, where the AI needs nothing")


async def token(config: Config, ask: Asks) -> Finding:
    """Check that the homeserver knows our token and is the one we take it for."""
    name = "token (appservice.as_token)"
    if config.homeserver.gated:
        return Finding(ok=True, text=f"{name}: shown to the gate below")
    answer = await ask("GET", "/_matrix/client/v3/account/whoami")
    if answer.status == 401:
        advice = (
            "the homeserver does not know it: name the registration file in app_service_config_files of "
            "homeserver.yaml, check that it holds this token, and restart Synapse"
        )
        return Finding(ok=False, text=name, advice=advice)
    user_id = str(answer.body.get("user_id", ""))
    localpart, _, server = user_id.removeprefix("@").partition(":")
    if not answer.fine or not user_id:
        return Finding(ok=False, text=name, advice=_unexpected(answer))
    if server != config.homeserver.server_name:
        return Finding(ok=False, text="homeserver.server_name", advice=f"this homeserver's name is {server}")
    if localpart != config.appservice.sender_localpart:
        advice = f"the registration says {localpart}: write that, or make the registration anew and restart Synapse"
        return Finding(ok=False, text="appservice.sender_localpart", advice=advice)
    return Finding(ok=True, text=f"{name}: accepted")


async def member(config: Config, ask: Asks) -> Finding:
    """Check that the AI's user is ours to speak as; it is made if it is not there yet."""
    name = f"the AI's user {config.bot_user_id}"
    localpart = config.appservice.bot_localpart
    content = {"type": "m.login.application_service", "username": localpart, "inhibit_login": True}
    made = await ask("POST", "/_matrix/client/v3/register", content)
    if not made.fine and made.errcode != "M_USER_IN_USE":
        if made.status == 401:
            return Finding(
                ok=False, text="token (appservice.as_token)", advice="it is not accepted: see the registration"
            )
        if made.errcode == "M_EXCLUSIVE":
            return Finding(ok=False, text=name, advice=_OUT_OF_DATE)
        return Finding(ok=False, text=name, advice=_unexpected(made))
    answer = await ask("GET", "/_matrix/client/v3/account/whoami", user_id=config.bot_user_id)
    if answer.status == 403:
        return Finding(ok=False, text=name, advice=_OUT_OF_DATE)
    if answer.body.get("user_id") != config.bot_user_id:
        return Finding(ok=False, text=name, advice=_unexpected(answer))
    return Finding(ok=True, text=f"{name}: is in the registration's namespace")


_OUT_OF_DATE: Final = (
    "it is not in the registration's namespace, or someone else has the name: "
    "make the registration anew (circles registration --force) and restart Synapse, "
    "or write another appservice.bot_localpart"
)


async def device(config: Config, ask: Asks, in_use: str | None) -> Finding:
    """Check that the AI has its device; before its first start, that it can make one without a login."""
    name = f"device {in_use or config.appservice.device_id}"
    path = f"/_matrix/client/v3/devices/{quote(in_use or config.appservice.device_id, safe='')}"
    user = config.bot_user_id
    if (await ask("GET", path, user_id=user)).fine:
        return Finding(ok=True, text=f"{name}: there")
    if in_use is not None:
        advice = "the homeserver no longer has it: start the service, or start it again, and it takes a new one"
        return Finding(ok=False, text=name, advice=advice)
    answer = await ask("PUT", path, {}, user_id=user)
    if answer.fine:
        return Finding(ok=True, text=f"{name}: made without a login")
    advice = "the homeserver makes no devices for application services: it needs Synapse 1.121 or newer"
    return Finding(ok=False, text=name, advice=advice if answer.status == 404 else _unexpected(answer))


async def ping(config: Config, ask: Asks, hs_token: str) -> Finding:
    """Check the whole way: we ask the homeserver to reach us.

    If the service does not run, a door is opened on its port meanwhile that answers the ping and puts all else off.
    """
    name = "deliveries (appservice.url)"
    service = config.appservice
    reached: list[bool] = []
    async with _door(service.host, service.port, hs_token, reached) as is_open:
        if is_open is None:
            advice = f"cannot listen on {service.host}: write an address of this machine"
            return Finding(ok=False, text="appservice.host", advice=advice)
        path = f"/_matrix/client/v1/appservice/{quote(service.id, safe='')}/ping"
        answer = await ask("POST", path, {"transaction_id": "circles-check"})
        for _ in range(PINGS - 1):
            if answer.errcode != "M_CONNECTION_FAILED":
                break
            await asyncio.sleep(0.5)
            answer = await ask("POST", path, {"transaction_id": "circles-check"})
    if answer.fine:
        at = "a door opened for this check" if is_open else "the running service"
        return Finding(ok=True, text=f"{name}: the homeserver reached {at}")
    if False in reached:
        return Finding(ok=False, text=name, advice=_NOT_OURS)
    return Finding(ok=False, text=name, advice=_why_no_ping(config, answer))


_NOT_OURS: Final = (
    "the homeserver shows another hs_token than ours: make the registration anew (circles registration --force) "
    "and restart Synapse"
)


def _why_no_ping(config: Config, answer: Answer) -> str:
    if config.homeserver.gated and answer.status:
        return (
            f"the gate did not reach Circles at {config.appservice.url} ({answer.status} {answer.errcode}): "
            "the module's configuration must name that address and the two tokens of Circles, "
            "and the registration the gate's url"
        )
    match answer.errcode, answer.status:
        case (("M_CONNECTION_FAILED" | "M_CONNECTION_TIMEOUT"), _):
            return (
                "the homeserver cannot reach the url in the registration; "
                f"this configuration says {config.appservice.url}: make both the same, "
                "and let the homeserver's machine reach that port"
            )
        case "M_BAD_STATUS", _ if answer.body.get("status") in (401, 403):
            return _NOT_OURS
        case "M_BAD_STATUS", _:
            return f"something else than Circles answers at the registration's url (status {answer.body.get('status')})"
        case "M_URL_NOT_SET", _:
            return "the registration has no url: make it anew (circles registration --force) and restart Synapse"
        case "M_FORBIDDEN", _:
            return f"the registration has another id than {config.appservice.id}: write its id in appservice.id"
        case _:
            return _unexpected(answer)


@asynccontextmanager
async def _door(host: str, port: int, hs_token: str, reached: list[bool]) -> AsyncGenerator[bool | None]:
    """Open a door for pings. Gives False where the port is taken (by our service, we suppose), None: no such host."""

    async def answer_ping(request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        reached.append(hmac.compare_digest(shown.encode(), hs_token.encode()))
        if reached[-1]:
            return web.json_response({})
        return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)

    async def put_off(_request: web.Request) -> web.Response:
        # A ping makes the homeserver deliver what waits; nothing may be taken from it here, so it tries again later.
        return web.json_response({"errcode": "M_UNKNOWN"}, status=503)

    app = web.Application()
    app.router.add_post("/_matrix/app/v1/ping", answer_ping)
    app.router.add_route("*", "/{rest:.*}", put_off)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        is_open: bool | None = True
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            is_open = False if await someone_listens(host, port) else None
        yield is_open
    finally:
        await runner.cleanup()


async def someone_listens(host: str, port: int) -> bool:
    """Return whether something takes connections there."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def running(config: Config, session: aiohttp.ClientSession) -> Finding:
    """Ask the running service what stands wrong; one that does not run has nothing to say."""
    name = "running service (health)"
    host = f"[{config.health.host}]" if ":" in config.health.host else config.health.host
    answer = await Asks(session, f"http://{host}:{config.health.port}")("GET", "/health")
    if answer.status == 0:
        return Finding(ok=True, text=f"{name}: not running")
    standing = str(answer.body.get("troubles", "")).split()
    if standing:
        advice = "; ".join(advice_on(code) for code in standing)
        return Finding(ok=False, text=name, advice=advice)
    if not answer.fine:
        return Finding(ok=False, text=name, advice="it has not begun yet: its log says what it waits for")
    return Finding(ok=True, text=f"{name}: works")


async def gate_is_hidden(config: Config, session: aiohttp.ClientSession) -> Finding:
    """Check that the gate does not answer at the address that everyone reaches: Synapse offers it on every listener."""
    name = "the gate is hidden (homeserver.public_url)"
    public = config.homeserver.public_url
    if public is None:
        return Finding(
            ok=False, text=name, advice="write the address that people's clients use, so that it can be tried"
        )
    answer = await Asks(session, public)("POST", f"{GATE}/_matrix/app/v1/ping", {})
    if answer.status == 0:
        return Finding(ok=False, text=name, advice="nothing answers there: write the address that people's clients use")
    if answer.status == 404:
        return Finding(ok=True, text=f"{name}: it does not answer there")
    advice = "it answers there: set the gate's port in the module's configuration, and restart Synapse"
    return Finding(ok=False, text=name, advice=advice)


async def gate_holds_back(config: Config, session: aiohttp.ClientSession) -> Finding:
    """Check that the gate withholds a planted message, and that our token is worth nothing beside it."""
    name = "the gate withholds what is forbidden (homeserver.url)"
    token = config.tokens.as_token
    advice = await holds_back(config, Asks(session, config.homeserver.url, token))
    if not advice and config.homeserver.public_url is not None:
        advice = await is_the_only_way(Asks(session, config.homeserver.public_url, token))
    return Finding(ok=not advice, text=name, advice=advice)


async def model(config: Config, session: aiohttp.ClientSession) -> Finding:
    """Check that the model answers, with one fixed sentence."""
    chosen = config.model
    if chosen is None and config.models:
        return Finding(ok=True, text="model is not set: circles that choose none of models work by extraction alone")
    if chosen is None:
        return Finding(ok=True, text="no model is set: summaries and search work by extraction alone")
    return await _answers(config, session, chosen, "model")


async def named_model(config: Config, session: aiohttp.ClientSession, name: str, chosen: Model) -> Finding:
    """Check the same of a model that circles choose by name."""
    return await _answers(config, session, chosen, f"models.{name}")


async def _answers(config: Config, session: aiohttp.ClientSession, chosen: Model, key: str) -> Finding:
    name = f"{key}: " if key != "model" else ""
    name += f"model {chosen.model} at {chosen.host} ({chosen.location})"
    if chosen.reach > config.ceiling.ceiling().send:
        advice = f"ceiling.send: {config.ceiling.send} forbids it in every room: raise it, or set no model"
        return Finding(ok=False, text=name, advice=advice)
    status, answered = await _complete(chosen, session)
    if answered:
        return Finding(ok=True, text=f"{name}: answers")
    return Finding(ok=False, text=name, advice=_why_no_answer(status, key))


async def _complete(chosen: Model, session: aiohttp.ClientSession) -> tuple[int, bool]:
    key = chosen.api_key.get_secret_value() if chosen.api_key else ""
    try:
        async with session.post(
            chosen.base_url + "/chat/completions",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            json={"model": chosen.model, "messages": [{"role": "user", "content": QUESTION}]},
            timeout=aiohttp.ClientTimeout(total=min(chosen.timeout_seconds, 60)),
            allow_redirects=False,
        ) as response:
            body = _object(await _json(response))
            return response.status, response.status == 200 and bool(body.get("choices"))
    except (aiohttp.ClientError, OSError, TimeoutError):
        return 0, False


def _why_no_answer(status: int, key: str) -> str:
    match status:
        case 0:
            return f"no answer in time at {key}.base_url: is it running, is the address right?"
        case 401 | 403:
            return f"it refuses our key: write the right one in {key}.api_key, or in the file of {key}.api_key_file"
        case 404:
            return f"it knows no such address or model: {key}.base_url usually ends in /v1; is {key}.model on its list?"
        case 429:
            return "it says we ask too much: check the account's limits or credit"
        case 200:
            return f"what answers is no OpenAI-compatible chat endpoint: check {key}.base_url"
        case _:
            return f"it answers with status {status}: see its own log"


def _unexpected(answer: Answer) -> str:
    if answer.status == 0:
        return "no answer: is the homeserver running?"
    return f"unexpected answer, status {answer.status} {answer.errcode}".rstrip() + ": see the homeserver's log"


async def _json(response: aiohttp.ClientResponse) -> object:
    try:
        return await response.json(content_type=None)
    except ValueError:
        return {}


def _object(body: object) -> dict[str, Any]:
    return cast(dict[str, Any], body) if isinstance(body, dict) else {}
