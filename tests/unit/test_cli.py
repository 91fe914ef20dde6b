from __future__ import annotations

import asyncio
import re
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import unused_port
from sqlalchemy import Connection
from synapse.config.appservice import load_appservices

from circles.adapters.store import quarantine
from circles.config import Config
from circles.entrypoints import backups, checks, cli
from circles.entrypoints.checks import Finding
from circles.entrypoints.health import Health, serve_health
from circles.entrypoints.registration import new_token, registration, tokens_of, write_private
from circles.metrics import Metrics
from circles.testing import MemoryDatabase
from circles.troubles import Trouble
from circles_plugin.config import read_config

ROOT = Path(__file__).parents[2]


class Started:
    """What `run` was called with."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.config: Config | None = None
        self.error = error

    async def run(self, config: Config) -> None:
        self.config = config
        if self.error is not None:
            raise self.error


async def database_is_fine(_config: Config) -> Finding:
    return Finding(ok=True, text="database: fine")


@asynccontextmanager
async def opened(_config: Config) -> AsyncGenerator[MemoryDatabase]:
    yield MEMORY


MEMORY = MemoryDatabase()
REFERENCE = "0a1b2c3d"


def parts(started: Started | None = None) -> cli.Parts:
    run = (started or Started()).run
    return cli.Parts(run=run, opened=opened, backup=backups.make, restore=backups.restore, probes=(database_is_fine,))


def circles(*arguments: str, started: Started | None = None) -> int:
    return cli.main(arguments, parts(started))


@pytest.fixture(autouse=True)
def _logging_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` sets up the log of the whole process, which here is the tests'."""

    def untouched(level: str, style: str) -> None:
        assert (level, style) == ("INFO", "text")

    monkeypatch.setattr("circles.logs.configure", untouched)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CIRCLES_CONFIG", raising=False)
    path = tmp_path / "circles.yaml"
    path.write_text("homeserver: {url: 'http://127.0.0.1:8008', server_name: example.org}", encoding="utf-8")
    return path


def test_config_prints_the_sample_and_never_replaces_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "circles.yaml"

    assert circles("config") == 0
    sample = capsys.readouterr().out
    assert circles("config", "--output", str(target)) == 0
    assert target.read_text(encoding="utf-8") == sample
    assert stat.S_IMODE(target.stat().st_mode) == 0o600

    target.write_text("mine", encoding="utf-8")
    assert circles("config", "--output", str(target)) == 1
    assert target.read_text(encoding="utf-8") == "mine"
    assert circles("config", "--output", str(target), "--force") == 0
    assert target.read_text(encoding="utf-8") == sample


def test_registration_makes_tokens_that_run_then_finds(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = file.with_name("registration.yaml")

    assert circles("registration", "--config", str(file), "--output", str(target)) == 0

    written = yaml.safe_load(target.read_text(encoding="utf-8"))
    tokens = Config.load(file).tokens
    assert (written["as_token"], written["hs_token"]) == (tokens.as_token, tokens.hs_token)
    assert tokens.as_token != tokens.hs_token
    secrets = file.parent / "data" / "secrets"
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {
        "as_token": 0o600,
        "hs_token": 0o600,
    }
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    told = capsys.readouterr().err
    assert "app_service_config_files" in told
    assert str(target) in told
    assert tokens.as_token not in told

    started = Started()
    assert circles("run", "--config", str(file), started=started) == 0
    assert started.config is not None
    assert started.config.tokens == tokens


def test_registration_made_again_keeps_the_tokens(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = file.with_name("registration.yaml")
    circles("registration", "--config", str(file), "--output", str(target))
    first = target.read_text(encoding="utf-8")

    assert circles("registration", "--config", str(file), "--output", str(target)) == 1
    assert "--force" in capsys.readouterr().err
    assert circles("registration", "--config", str(file), "--output", str(target), "--force") == 0
    assert target.read_text(encoding="utf-8") == first
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


def test_rotating_makes_both_tokens_new_on_both_sides(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The registration and the secrets have the same ones; the old ones are nowhere; what to do next is said."""
    target = file.with_name("registration.yaml")
    arguments = ("registration", "--config", str(file), "--output", str(target))
    assert circles(*arguments) == 0
    old = Config.load(file).tokens
    assert circles(*arguments, "--rotate") == 1, "no file is replaced unasked, and then no token either"
    assert Config.load(file).tokens == old
    capsys.readouterr()

    assert circles(*arguments, "--rotate", "--force") == 0

    new = Config.load(file).tokens
    written = yaml.safe_load(target.read_text(encoding="utf-8"))
    assert (written["as_token"], written["hs_token"]) == (new.as_token, new.hs_token)
    assert not {new.as_token, new.hs_token} & {old.as_token, old.hs_token}
    everything = "".join(path.read_text(encoding="utf-8") for path in file.parent.rglob("*") if path.is_file())
    assert old.as_token not in everything
    assert old.hs_token not in everything
    told = capsys.readouterr().err
    assert "Restart Synapse and Circles" in told
    assert new.as_token not in told
    assert {stat.S_IMODE(path.stat().st_mode) for path in (file.parent / "data/secrets").iterdir()} == {0o600}


def test_tokens_of_the_configuration_are_not_ours_to_rotate(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would win over the new ones: nothing is written, and it is said where they stand."""
    monkeypatch.setenv("CIRCLES_APPSERVICE__AS_TOKEN", "a" * 40)
    target = file.with_name("registration.yaml")

    assert circles("registration", "--config", str(file), "--output", str(target), "--rotate") == 78

    told = capsys.readouterr().err
    assert "appservice.as_token" in told
    assert "a" * 40 not in told
    assert not target.exists()
    assert not (file.parent / "data").exists()


def test_quarantine_lists_shows_retries_and_drops(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the event's id or by its reference; an unknown one is said to be unknown."""
    given = {"event_id": "$e", "room_id": "!r", "stage": "handling", "error": "KeyError", "reference": REFERENCE}
    event = {"sender": "@mei:x", "type": "m.room.message", "content": {"body": "secret words"}}

    def note(connection: Connection) -> None:
        quarantine.note(connection, **given, now=0, passed=event)

    asyncio.run(MEMORY.write(note))
    told: dict[str, str] = {}
    for verb in ("list", f"show {REFERENCE}", "show $e", "retry $e", "drop all", "list"):
        assert circles("quarantine", *verb.split(), "--config", str(file)) == 0
        told[verb] = capsys.readouterr().out

    assert told[f"show {REFERENCE}"] == told["show $e"]
    assert "body" in told["show $e"]
    assert "secret" not in "".join(told.values())
    assert told["retry $e"] == "asked for again: $e\n"
    assert told["drop all"] == "dropped: $e\n"
    assert told["list"] == "Nothing is in quarantine.\n"
    assert circles("quarantine", "show", "$e", "--config", str(file)) == 1
    assert "circles quarantine list" in capsys.readouterr().err


def test_a_registration_in_the_way_makes_no_tokens(file: Path) -> None:
    target = file.with_name("registration.yaml")
    target.write_text("mine", encoding="utf-8")

    assert circles("registration", "--config", str(file), "--output", str(target)) == 1
    assert not (file.parent / "data").exists()


def test_in_gated_mode_the_registration_s_tokens_are_not_ours(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = "http://127.0.0.1:18010/_synapse/client/circles/gate"
    file.write_text(
        f"homeserver: {{url: '{gate}/hs', server_name: example.org, plugin: true, gated: true}}", encoding="utf-8"
    )

    assert circles("registration", "--config", str(file)) == 0

    shown = capsys.readouterr()
    written = yaml.safe_load(shown.out)
    ours = Config.load(file).tokens
    assert written["url"] == gate
    assert not {written["as_token"], written["hs_token"]} & {ours.as_token, ours.hs_token}
    assert "homeserver-snippet" in shown.err


def test_a_registration_for_the_gate_is_not_made_for_another_configuration(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert circles("registration", "--gated", "--config", str(file)) == 78
    assert "homeserver.gated: write true" in capsys.readouterr().err


def test_the_snippet_is_what_synapse_and_its_module_take(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(
        "homeserver: {url: 'http://127.0.0.1:8018/_synapse/client/circles/gate/hs', server_name: example.org, "
        "plugin: true, gated: true}",
        encoding="utf-8",
    )

    assert circles("homeserver-snippet", "--config", str(file), "--registration", "/etc/circles.yaml") == 0

    shown = yaml.safe_load(capsys.readouterr().out)
    module = read_config(shown["modules"][0]["config"])
    assert module.gate is not None
    assert module.gate.port == shown["listeners"][0]["port"] == 8018
    assert shown["listeners"][0]["resources"] == []
    assert shown["app_service_config_files"] == ["/etc/circles.yaml"]
    assert module.loosening_hours == Config.load(file).timing.loosening_hours


def test_synapse_loads_the_registration_and_its_namespaces_are_narrow_and_exclusive(file: Path) -> None:
    file.write_text(
        "homeserver: {url: 'http://h', server_name: a.example}\nappservice: {bot_localpart: c.ai, ghost_prefix: c.ai_}",
        encoding="utf-8",
    )
    target = file.with_name("registration.yaml")
    circles("registration", "--config", str(file), "--output", str(target))

    (service,) = load_appservices("a.example", [str(target)])

    for ours in ("@c.ai:a.example", "@c.ai_founder:a.example"):
        assert service.is_exclusive_user(ours)
    for other in ("@c.aix:a.example", "@cxai:a.example", "@c.ai:aXexample", "@c.ai:a.example.evil", "@anna:a.example"):
        assert not service.is_interested_in_user(other)
    assert service.is_exclusive_alias("#circle-7:a.example")
    assert not service.is_exclusive_alias("#circle-7:a.example.evil")
    assert not service.is_exclusive_alias("#circle:a.example")
    assert not service.supports_ephemeral
    assert not service.is_rate_limited()


def test_a_private_file_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    write_private(tmp_path / "token", "one")

    with pytest.raises(FileExistsError):
        write_private(tmp_path / "token", "two")
    write_private(tmp_path / "token", "three", replace=True)

    assert (tmp_path / "token").read_text(encoding="utf-8") == "three"


def test_a_wrong_configuration_exits_78_with_every_problem(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("homeserver: {url: nowhere-at-all}\nlog: {level: LOUD}", encoding="utf-8")

    for command in ("run", "check", "registration"):
        assert circles(command, "--config", str(file)) == 78
        told = capsys.readouterr().err
        assert [line.split(":")[0] for line in told.splitlines()] == [
            "FIX  homeserver.server_name",
            "FIX  homeserver.url",
            "FIX  log.level",
        ]
        assert "nowhere-at-all" not in told


def test_run_without_tokens_says_which_command_makes_them(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert circles("run", "--config", str(file)) == 78
    assert "circles registration" in capsys.readouterr().err


def test_interrupting_ends_without_a_traceback(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    circles("registration", "--config", str(file))
    capsys.readouterr()

    assert circles("run", "--config", str(file), started=Started(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


def test_the_environment_may_name_the_configuration(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCLES_CONFIG", str(file))

    assert circles("registration") == 0
    assert (file.parent / "data/secrets/as_token").exists()


@pytest.mark.parametrize("arguments", [[], ["dance"], ["run", "--colour"], ["config", "--output"]])
def test_a_wrong_command_line_exits_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        circles(*arguments)

    assert caught.value.code == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert circles("version") == 0
    assert re.fullmatch(r"circles .+ \(Python 3\.\d+\.\d+\)\n", capsys.readouterr().out)


def test_every_command_and_option_is_in_the_documents(capsys: pytest.CaptureFixture[str]) -> None:
    written = (ROOT / "docs/reference/commands-cli.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    (\S+)(?:  |$)", cli.parser().format_help(), re.MULTILINE)

    assert {"config", "audit", "homeserver-snippet"} <= set(commands)
    for name in commands:
        assert f"\n## circles {name}\n" in written
        with pytest.raises(SystemExit):
            circles(name, "--help")
        for option in set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}:
            assert f"`{option}" in written


# circles check, against a homeserver that is a stub: it answers as Synapse does, or as told.


class Stub:
    """A homeserver that knows one application service; it really calls the service's url for a ping."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = known
        self.hs_token_shown = known["hs_token"]
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.seen: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(f"{request.method} {request.path}")
        if request.path in self.answers:
            status, body = self.answers[request.path]
            return web.json_response(body, status=status)
        if request.path == "/_matrix/client/versions":
            return web.json_response({"versions": ["v1.1", "v1.7", "v1.11"]})
        if request.path == "/_synapse/admin/v1/server_version":
            return web.json_response({"server_version": "1.163.2 (b=main)"})
        if request.path.endswith("/auth_metadata"):
            return web.json_response({"errcode": "M_UNRECOGNIZED"}, status=404)
        if request.path == "/v1/chat/completions":
            return web.json_response({"choices": [{"message": {"content": "ready"}}]})
        if request.headers.get("Authorization") != f"Bearer {self.known['as_token']}":
            return web.json_response({"errcode": "M_UNKNOWN_TOKEN"}, status=401)
        if request.path.endswith("/account/whoami"):
            sender = f"@{self.known['sender_localpart']}:example.org"
            return web.json_response({"user_id": request.query.get("user_id", sender)})
        if request.path.endswith("/register"):
            return web.json_response({"errcode": "M_USER_IN_USE"}, status=400)
        if "/devices/" in request.path:
            return web.json_response({}, status=201 if request.method == "PUT" else 404)
        return await self.ping()

    async def ping(self) -> web.Response:
        headers = {"Authorization": f"Bearer {self.hs_token_shown}"}
        try:
            async with (
                aiohttp.ClientSession(headers=headers) as session,
                session.post(f"{self.known['url']}/_matrix/app/v1/ping", json={}) as reply,
            ):
                status = reply.status
            async with (
                aiohttp.ClientSession(headers=headers) as session,
                session.put(f"{self.known['url']}/_matrix/app/v1/transactions/1", json={"events": []}) as delivery,
            ):
                self.seen.append(f"delivery {delivery.status}")
        except aiohttp.ClientError:
            return web.json_response({"errcode": "M_CONNECTION_FAILED"}, status=502)
        if status != 200:
            return web.json_response({"errcode": "M_BAD_STATUS", "status": status}, status=502)
        return web.json_response({"duration_ms": 3})


@asynccontextmanager
async def stubbed(tmp_path: Path, **sections: dict[str, Any]) -> AsyncGenerator[tuple[Stub, Config]]:
    port, door = unused_port(), unused_port()
    content: dict[str, Any] = {
        "homeserver": {"url": f"http://127.0.0.1:{port}", "server_name": "example.org"},
        "appservice": {"port": door, "as_token": new_token(), "hs_token": new_token()},
        "storage": {"data_dir": str(tmp_path / "data")},
        "model": {"base_url": f"http://127.0.0.1:{port}/v1", "model": "small"},
    }
    for name, section in sections.items():
        content[name] = content.get(name, {}) | section
    config = Config.model_validate(content)
    stub = Stub(dict(registration(config, tokens_of(config))))
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", stub.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield stub, config
    finally:
        await runner.cleanup()


async def lines(config: Config) -> list[str]:
    return [finding.line() async for finding in checks.run_checks(config, (database_is_fine,))]


def fixes(found: list[str]) -> list[str]:
    return [line for line in found if line.startswith("FIX")]


async def test_check_says_ok_when_all_fits_together_and_takes_no_delivery(tmp_path: Path) -> None:
    async with stubbed(tmp_path) as (stub, config):
        found = await lines(config)

    assert fixes(found) == []
    assert len(found) == 11
    assert "ok   homeserver (homeserver.url): answers, Synapse 1.163.2" in found
    assert "ok   device CIRCLES: made without a login" in found
    assert "ok   deliveries (appservice.url): the homeserver reached a door opened for this check" in found
    assert "delivery 503" in stub.seen


@pytest.mark.parametrize("trouble", list(Trouble))
async def test_check_says_what_stands_wrong_at_the_running_service(tmp_path: Path, trouble: Trouble) -> None:
    """For each trouble there is advice."""
    port = unused_port()
    async with stubbed(tmp_path, health={"port": port}) as (_, config):
        metrics, troubles = Metrics(), [trouble.value]
        runner = await serve_health("127.0.0.1", port, lambda: Health(True, {"troubles": " ".join(troubles)}), metrics)
        try:
            (fix,) = fixes(await lines(config))
            troubles.clear()
            fine = await lines(config)
        finally:
            await runner.cleanup()

    assert fix.startswith("FIX  running service (health)")
    assert "its log says" not in fix
    assert "ok   running service (health): works" in fine


async def test_check_pings_the_running_service_where_there_is_one(tmp_path: Path) -> None:
    async with stubbed(tmp_path) as (_stub, config):

        async def fine(_request: web.Request) -> web.Response:
            return web.json_response({})

        service = web.Application()
        service.router.add_route("*", "/{rest:.*}", fine)
        runner = web.AppRunner(service)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", config.appservice.port).start()
        found = await lines(config)
        await runner.cleanup()

    assert "ok   deliveries (appservice.url): the homeserver reached the running service" in found


WHOAMI = "/_matrix/client/v3/account/whoami"
PING = "/_matrix/client/v1/appservice/circles/ping"


@pytest.mark.parametrize(
    ("path", "status", "body", "advice"),
    [
        ("/_matrix/client/versions", 404, {}, "client listener"),
        ("/_matrix/client/versions", 200, {"versions": ["r0.6.1", "v1.1"]}, "upgrade"),
        (WHOAMI, 401, {"errcode": "M_UNKNOWN_TOKEN"}, "app_service_config_files"),
        (WHOAMI, 200, {"user_id": "@circle_service:other.example"}, "name is other.example"),
        (WHOAMI, 200, {"user_id": "@else:example.org"}, "the registration says else"),
        (WHOAMI, 500, {}, "status 500"),
        ("/_matrix/client/v3/register", 400, {"errcode": "M_EXCLUSIVE"}, "make the registration anew"),
        ("/_matrix/client/v3/devices/CIRCLES", 404, {"errcode": "M_UNRECOGNIZED"}, "Synapse 1.121"),
        (PING, 502, {"errcode": "M_CONNECTION_FAILED"}, "cannot reach the url"),
        (PING, 502, {"errcode": "M_BAD_STATUS", "status": 404}, "something else than Circles"),
        (PING, 400, {"errcode": "M_URL_NOT_SET"}, "has no url"),
        (PING, 403, {"errcode": "M_FORBIDDEN"}, "another id than circles"),
        ("/v1/chat/completions", 401, {}, "model.api_key"),
        ("/v1/chat/completions", 404, {}, "ends in /v1"),
        ("/v1/chat/completions", 200, {}, "no OpenAI-compatible"),
        ("/v1/chat/completions", 500, {}, "its own log"),
    ],
)
async def test_check_says_what_to_do(tmp_path: Path, path: str, status: int, body: dict[str, Any], advice: str) -> None:
    async with stubbed(tmp_path) as (stub, config):
        stub.answers[path] = (status, body)
        (fix,) = fixes(await lines(config))

    assert advice in fix


async def test_check_tells_another_hs_token(tmp_path: Path) -> None:
    async with stubbed(tmp_path) as (stub, config):
        stub.hs_token_shown = "another"
        (fix,) = fixes(await lines(config))

    assert "another hs_token" in fix


async def test_check_tells_that_nothing_answers(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{unused_port()}"
    async with stubbed(tmp_path, homeserver={"url": nowhere}, model={"base_url": nowhere}) as (_stub, config):
        found = fixes(await lines(config))

    assert len(found) == 2
    assert "is Synapse running" in found[0]
    assert "is it running" in found[1]


async def test_check_tells_secrets_that_others_can_read(tmp_path: Path) -> None:
    async with stubbed(tmp_path) as (_stub, config):
        config.storage.prepare()
        key = config.storage.secrets_dir / "api_key"
        key.write_text("k", encoding="utf-8")
        key.chmod(0o644)
        (fix,) = fixes(await lines(config))

    assert "chmod 600" in fix


async def test_check_asks_no_model_where_none_is_set_and_none_that_no_room_may_use(tmp_path: Path) -> None:
    async with stubbed(tmp_path, ceiling={"send": "none"}) as (stub, config):
        (fix,) = fixes(await lines(config))
        found = await lines(config.model_copy(update={"model": None}))

    assert "ceiling.send" in fix
    assert found[-1] == "ok   no model is set: summaries and search work by extraction alone"
    assert not any("chat" in seen for seen in stub.seen)


async def test_check_tries_each_model_that_circles_can_choose(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{unused_port()}"
    async with stubbed(tmp_path) as (_stub, config):
        assert config.model is not None
        named = {"far": config.model.model_copy(update={"base_url": nowhere}), "near": config.model}
        found = await lines(config.model_copy(update={"models": named}))
        alone = await lines(config.model_copy(update={"model": None, "models": {"near": config.model}}))

    (fix,) = fixes(found)
    assert fix.startswith("FIX  models.far: model")
    assert "models.far.base_url" in fix
    assert found[-1].startswith("ok   models.near: model")
    assert alone[-2].startswith("ok   model is not set")
    assert alone[-1].startswith("ok   models.near: model")


@pytest.mark.parametrize(("status", "is_fine"), [(404, True), (200, False), (401, False)])
async def test_check_proves_that_the_gate_is_hidden(tmp_path: Path, status: int, *, is_fine: bool) -> None:
    public = f"http://127.0.0.1:{unused_port()}"
    gated = {"plugin": True, "gated": True}
    async with stubbed(tmp_path, homeserver=gated) as (stub, config):
        stub.known["url"] = config.appservice.url  # where the gate would forward to
        stub.answers["/_synapse/client/circles/gate/_matrix/app/v1/ping"] = (status, {})
        here = config.homeserver.model_copy(update={"public_url": config.homeserver.url})
        nowhere = config.homeserver.model_copy(update={"public_url": public})
        found = fixes(await lines(config.model_copy(update={"homeserver": here})))
        unset = fixes(await lines(config))
        silent = fixes(await lines(config.model_copy(update={"homeserver": nowhere})))

    assert (not [line for line in found if "is hidden" in line]) is is_fine
    assert "homeserver.public_url" in unset[0]
    assert "nothing answers" in silent[0]


async def test_check_fails_as_a_command_where_one_thing_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stubbed(tmp_path) as (stub, config):
        assert await cli._check_all(config, parts()) == 0  # pyright: ignore[reportPrivateUsage] - the loop is running already
        stub.answers[WHOAMI] = (401, {})
        assert await cli._check_all(config, parts()) == 1  # pyright: ignore[reportPrivateUsage] - as above

    told = capsys.readouterr().out
    assert "FIX  token (appservice.as_token)" in told
    assert config.tokens.as_token not in told
