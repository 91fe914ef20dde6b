"""A throwaway Synapse on loopback: SQLite in a temporary folder, free ports, no rate limits."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import hashlib
import hmac
import importlib.metadata
import json
import os
import secrets
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from circles_harness.auth_service import AuthService
from circles_harness.client import Person
from circles_harness.process import HEALTH_INTERVAL_SECONDS, DidNotStart, ServerProcess, free_port

BOOT_SECONDS = 80.0
RECOVERY_SECONDS = 5.0

# Synapse reads JSON as YAML, so every file it needs is written with the standard library.
_UNLIMITED: dict[str, Any] = {"per_second": 1000, "burst_count": 1000}
_NO_RATE_LIMITS: dict[str, Any] = {
    "rc_message": _UNLIMITED,
    "rc_registration": _UNLIMITED,
    "rc_registration_token_validity": _UNLIMITED,
    "rc_login": {"address": _UNLIMITED, "account": _UNLIMITED, "failed_attempts": _UNLIMITED},
    "rc_admin_redaction": _UNLIMITED,
    "rc_joins": {"local": _UNLIMITED, "remote": _UNLIMITED},
    "rc_joins_per_room": _UNLIMITED,
    "rc_invites": {"per_room": _UNLIMITED, "per_user": _UNLIMITED, "per_issuer": _UNLIMITED},
    "rc_third_party_invite": _UNLIMITED,
    "rc_3pid_validation": _UNLIMITED,
    "rc_media_create": _UNLIMITED,
    "rc_room_creation": _UNLIMITED,
    "rc_user_directory": _UNLIMITED,
    "rc_reports": _UNLIMITED,
    "rc_profile": _UNLIMITED,
    "rc_presence": {"per_user": _UNLIMITED},
    "rc_delayed_event_mgmt": _UNLIMITED,
    "rc_federation": {
        "window_size": 1000,
        "sleep_limit": 100_000,
        "sleep_delay": 0,
        "reject_limit": 100_000,
        "concurrent": 100,
    },
    "federation_rr_transactions_per_room_per_second": 1000,
    "remote_media_download_per_second": "1G",
    "remote_media_download_burst_count": "1G",
}


class Homeserver:
    """One Synapse, started and ended as an async context manager.

    Ports, folder and server name are fixed when it is made, so a registration or a module configuration can
    name them before the first start, and every later start finds the same data.

    Attributes:
        directory: Its folder: configuration, database, media, log.
        base_url: Where a client talks to it.
        server_name: `HOST:PORT`; with federation, PORT is the TLS listener that other servers ask.
        gate_port: The port of the listener without resources of its own, or None.
        database_path: The SQLite file.
    """

    def __init__(
        self,
        *,
        federation: bool = False,
        gate_listener: bool = False,
        host: str = "localhost",
        reached_at: int | None = None,
        modules: Sequence[Mapping[str, Any]] = (),
        config: Mapping[str, Any] | None = None,
        delegated: bool = False,
    ) -> None:
        """Reserve folder and ports.

        Args:
            federation: Add a TLS listener with a self-signed certificate; see `federated_pair`.
            host: What it is called without the port, such as `127.0.0.1` where two must differ in more than that.
            reached_at: The loopback port at which other servers look for it, where something stands in between.
            gate_listener: Add a second http listener with `resources: []`, where only modules answer.
            modules: Synapse's `modules` list: `{"module": "package.Class", "config": {...}}` each.
            config: Top-level keys of homeserver.yaml to set over the harness's own.
            delegated: Leave all that has to do with signing in to an `AuthService` beside it.
        """
        self.directory = Path(tempfile.mkdtemp(prefix="circles-homeserver-"))
        self.client_port = free_port()
        self.federation_port = free_port() if federation else None
        self.gate_port = free_port() if gate_listener else None
        self.server_name = f"{host}:{reached_at or self.federation_port or self.client_port}"
        self.base_url = f"http://127.0.0.1:{self.client_port}"
        self.database_path = self.directory / "homeserver.db"
        self.log_path = self.directory / "homeserver.log"
        self.modules: list[Mapping[str, Any]] = list(modules)
        self.overrides: dict[str, Any] = dict(config or {})
        self._auth = AuthService() if delegated else None
        self.boot_seconds = 0.0
        self._appservices: dict[str, Mapping[str, Any]] = {}
        self._registration_secret = secrets.token_hex(16)
        self._people: list[Person] = []
        self._written: str | None = None
        self._is_blank = False
        config_path = self.directory / "homeserver.yaml"
        self._process = ServerProcess(
            f"Synapse {self.server_name}",
            ["-m", "synapse.app.homeserver", "--config-path", str(config_path)],
            directory=self.directory,
            log_path=self.log_path,
        )
        self._write_secrets()

    @classmethod
    def blank(cls, *, config: Mapping[str, Any]) -> Homeserver:
        """Make one that begins without a database, as an operator's does."""
        made = cls(config=config)
        made._is_blank = True
        return made

    @classmethod
    def copy_of(cls, other: Homeserver) -> Homeserver:
        """Make another Synapse of the same name and ports, on a copy of another's data as they are now.

        A backup played back, or a machine moved: only one of the two can run at a time. The original may run while it
        is copied, and goes on having its own folder; people signed in there stay signed in with the copy.
        """
        copy = cls(modules=other.modules, config=other.overrides)
        for name in ("client_port", "federation_port", "gate_port", "server_name", "base_url", "_registration_secret"):
            setattr(copy, name, getattr(other, name))
        copy._appservices = dict(other._appservices)
        copy._process.name = other._process.name
        shutil.copytree(
            other.directory,
            copy.directory,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns(f"{other.database_path.name}*", "*.log", "*.pid"),
        )
        if other.database_path.exists():
            with (
                contextlib.closing(sqlite3.connect(other.database_path)) as source,
                contextlib.closing(sqlite3.connect(copy.database_path)) as target,
            ):
                source.backup(target)
        return copy

    @property
    def gate_url(self) -> str:
        """The base URL of the listener without resources of its own."""
        if self.gate_port is None:
            raise ValueError("this homeserver was made without gate_listener=True")
        return f"http://127.0.0.1:{self.gate_port}"

    @property
    def is_running(self) -> bool:
        """Whether the process is up."""
        return self._process.is_running

    @property
    def pid(self) -> int | None:
        """The id of the running process."""
        return self._process.pid

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the running process, 0 if it does not run."""
        return self._process.rss_bytes

    @property
    def is_stale(self) -> bool:
        """Whether modules, registrations or settings changed since the running process read them."""
        return self.is_running and self._written != self._fingerprint()

    def add_appservice(self, registration: Mapping[str, Any]) -> None:
        """Add or replace an application service's registration; Synapse reads it at its next start."""
        self._appservices[str(registration["id"])] = registration

    async def start(self) -> None:
        """Write the configuration and boot; returns when /health answers.

        Raises:
            DidNotStart: with the end of Synapse's log.
        """
        text = json.dumps(self._configuration(), indent=1)
        (self.directory / "homeserver.yaml").write_text(text, encoding="utf-8")
        for name, registration in self._appservices.items():
            self.registration_path(name).write_text(json.dumps(registration), encoding="utf-8")
        self._written = self._fingerprint()
        if not self.database_path.exists() and not self._is_blank:
            shutil.copyfile(await _blank_database(), self.database_path)
        begun = time.monotonic()
        self._process.spawn()
        try:
            await self._process.wait_healthy(f"{self.base_url}/health", within=BOOT_SECONDS)
        except BaseException:
            await self._process.kill()
            raise
        self.boot_seconds = time.monotonic() - begun

    async def stop(self) -> None:
        """End the process gently; data and people stay."""
        await self._process.stop()

    async def kill(self) -> None:
        """End the process at once (SIGKILL); data and people stay."""
        await self._process.kill()

    async def restart(self) -> None:
        """Stop, then start with the same data and the present settings."""
        await self.stop()
        await self.start()

    async def count_up(self, appservice_id: str) -> None:
        """Wait until Synapse counts an application service as up, a few seconds at most.

        What it makes a transaction of after its last retry and before that note it sends only when it next fails to
        reach the service (synapse.appservice.scheduler): a test that speaks in that moment is not heard.
        """
        query = "SELECT state FROM application_services_state WHERE as_id = ?"
        deadline = time.monotonic() + RECOVERY_SECONDS
        while self._process.is_running and self.database_path.exists() and time.monotonic() < deadline:
            with contextlib.closing(sqlite3.connect(f"file:{self.database_path}?mode=ro", uri=True)) as connection:
                found = connection.execute(query, (appservice_id,)).fetchone()
            if found is None or found[0] != "down":
                return
            await asyncio.sleep(HEALTH_INTERVAL_SECONDS)

    def log(self) -> str:
        """Synapse's log, all starts together."""
        return self._process.log()

    async def person(
        self, localpart: str, *, display_name: str | None = None, admin: bool = False, unique: bool = False
    ) -> Person:
        """Register someone and sign them in.

        Args:
            localpart: The name before the colon.
            display_name: The name others see; default: the localpart with a capital.
            admin: Make them a server administrator.
            unique: Append a random part to the localpart, for a homeserver that several tests share.
        """
        if unique:
            localpart = f"{localpart}-{secrets.token_hex(3)}"
        password = secrets.token_hex(8)
        if self._auth is not None:
            account = await self._auth.sign_in(self.base_url, localpart, admin=admin)
            account["user_id"] = f"@{localpart}:{self.server_name}"
        else:
            account = await self._register(localpart, password, admin=admin)
        person = Person(
            base_url=self.base_url,
            user_id=account["user_id"],
            access_token=account["access_token"],
            device_id=account["device_id"],
        )
        person.password = password
        self._people.append(person)
        await person.set_display_name(display_name or localpart.split("-")[0].capitalize())
        return person

    async def sign_in(self, person: Person) -> Person:
        """Sign the same person in on a second device."""
        if self._auth is not None:
            account = await self._auth.sign_in(self.base_url, person.user_id[1:].partition(":")[0])
        else:
            body = {
                "type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": person.user_id},
                "password": person.password,
            }
            account = await person.request("POST", "/v3/login", body)
        again = Person(
            base_url=self.base_url,
            user_id=person.user_id,
            access_token=account["access_token"],
            device_id=account["device_id"],
        )
        again.display_name, again.password = person.display_name, person.password
        self._people.append(again)
        return again

    async def close(self) -> None:
        """Stop, sign off everybody and delete the folder."""
        for person in self._people:
            await person.close()
        await self._process.stop()
        if self._auth is not None:
            self._auth.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _register(self, localpart: str, password: str, *, admin: bool) -> dict[str, Any]:
        url = f"{self.base_url}/_synapse/admin/v1/register"
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as answer:
                nonce = (await answer.json())["nonce"]
            parts = [nonce, localpart, password, "admin" if admin else "notadmin"]
            mac = hmac.new(self._registration_secret.encode(), "\0".join(parts).encode(), hashlib.sha1).hexdigest()
            body = {"nonce": nonce, "username": localpart, "password": password, "admin": admin, "mac": mac}
            async with session.post(url, json=body) as answer:
                account: dict[str, Any] = await answer.json()
                if answer.status != 200:
                    raise RuntimeError(f"cannot register {localpart}: {account}")
                return account

    def registration_path(self, name: str) -> Path:
        """Where an application service's registration is written."""
        return self.directory / f"registration-{name}.yaml"

    def _write_secrets(self) -> None:
        seed = base64.b64encode(os.urandom(32)).decode().rstrip("=")
        (self.directory / "signing.key").write_text(f"ed25519 a_{secrets.token_hex(2)} {seed}\n", encoding="utf-8")
        (self.directory / "log.yaml").write_text(json.dumps(_log_config()), encoding="utf-8")
        if self.federation_port is not None:
            _write_certificate(self.directory)

    def _fingerprint(self) -> str:
        return json.dumps([self._configuration(), self._appservices], sort_keys=True)

    def _configuration(self) -> dict[str, Any]:
        def listener(port: int, resources: list[dict[str, Any]], *, tls: bool = False) -> dict[str, Any]:
            return {"port": port, "tls": tls, "type": "http", "bind_addresses": ["127.0.0.1"], "resources": resources}

        listeners = [listener(self.client_port, [{"names": ["client", "openid"], "compress": False}])]
        if self.gate_port is not None:
            listeners.append(listener(self.gate_port, []))
        configuration: dict[str, Any] = {
            "server_name": self.server_name,
            "public_baseurl": f"{self.base_url}/",
            "pid_file": str(self.directory / "homeserver.pid"),
            "listeners": listeners,
            "database": {"name": "sqlite3", "args": {"database": str(self.database_path)}},
            "log_config": str(self.directory / "log.yaml"),
            "media_store_path": str(self.directory / "media"),
            "signing_key_path": str(self.directory / "signing.key"),
            "macaroon_secret_key": self._registration_secret,
            "form_secret": self._registration_secret,
            "registration_shared_secret": self._registration_secret,
            "bcrypt_rounds": 4,
            "report_stats": False,
            "trusted_key_servers": [],
            "suppress_key_server_warning": True,
            "url_preview_enabled": False,
            "presence": {"enabled": False},
            "filter_timeline_limit": -1,
            # Else the state of every room is worked out at every event, for nobody.
            "send_federation": self.federation_port is not None,
            "app_service_config_files": [str(self.registration_path(name)) for name in self._appservices],
            "modules": list(self.modules),
            **_NO_RATE_LIMITS,
        }
        if self.federation_port is not None:
            listeners.append(listener(self.federation_port, [{"names": ["federation"]}], tls=True))
            configuration |= {
                "tls_certificate_path": str(self.directory / "tls.crt"),
                "tls_private_key_path": str(self.directory / "tls.key"),
                "federation_verify_certificates": False,
                # The default list holds the loopback network.
                "ip_range_blacklist": [],
                # By default one request that fails, as on a busy machine, ends all talk to its server for ten minutes.
                "federation": {
                    "destination_min_retry_interval": "1s",
                    "destination_max_retry_interval": "2s",
                    "destination_retry_multiplier": 1,
                },
            }
        delegated = self._auth.settings if self._auth is not None else {}
        return configuration | delegated | self.overrides


@contextlib.asynccontextmanager
async def federated_pair(**options: Any) -> AsyncGenerator[tuple[Homeserver, Homeserver]]:
    """Two homeservers that federate over TLS, booted at the same time.

    Args:
        options: What `Homeserver` takes; both get the same.
    """
    pair = Homeserver(federation=True, **options), Homeserver(federation=True, **options)
    try:
        async with asyncio.TaskGroup() as boots:
            for homeserver in pair:
                boots.create_task(homeserver.start())
        yield pair
    finally:
        for homeserver in pair:
            await homeserver.close()


async def _blank_database() -> Path:
    """Return the file of a Synapse that nobody used; made once for each version, and kept in the environment.

    Making its tables is a third of a first start, and for a minute after it they are altered one by one.
    """
    path = Path(sys.prefix) / "share" / f"synapse-{importlib.metadata.version('matrix-synapse')}.db"
    if path.exists():
        return path
    path.parent.mkdir(exist_ok=True)
    at_once = {"sleep_enabled": False, "min_batch_size": 1_000}
    async with Homeserver.blank(config={"background_updates": at_once}) as homeserver:
        await asyncio.to_thread(_until_altered, homeserver.database_path)
        await homeserver.stop()
        made = path.with_suffix(f".{os.getpid()}")
        with (
            contextlib.closing(sqlite3.connect(homeserver.database_path)) as source,
            contextlib.closing(sqlite3.connect(made)) as target,
        ):
            source.backup(target)
        made.replace(path)
    return path


def _until_altered(database: Path) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        while connection.execute("SELECT 1 FROM background_updates").fetchone():
            if time.monotonic() > deadline:
                raise DidNotStart("Synapse did not finish altering the tables of an empty database.")
            time.sleep(HEALTH_INTERVAL_SECONDS)


def _log_config() -> dict[str, Any]:
    return {
        "version": 1,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(request)s %(message)s"}},
        "filters": {"context": {"()": "synapse.logging.context.LoggingContextFilter", "request": ""}},
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["context"]}},
        # Who asked for what, and what modules say; the rest of what Synapse tells takes a tenth of its time.
        "loggers": {name: {"level": "INFO"} for name in ("synapse.access", "synapse.appservice", "circles_plugin")},
        "root": {"level": "WARNING", "handlers": ["out"]},
        # Else a module's own log lines vanish.
        "disable_existing_loggers": False,
    }


def _write_certificate(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
