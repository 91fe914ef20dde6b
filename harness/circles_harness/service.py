"""The real application service, `python -m circles run`, as a subprocess beside a throwaway homeserver."""

from __future__ import annotations

import copy
import json
import re
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import aiohttp

from circles_harness.homeserver import Homeserver
from circles_harness.model import ModelServer
from circles_harness.process import PROGRAM_SECONDS, DidNotStart, ServerProcess, free_port, run_program

BOOT_SECONDS = 45.0
HEALTH_SECONDS = 2.0


def registration(
    *,
    server_name: str,
    url: str,
    localpart: str = "circle",
    as_token: str | None = None,
    hs_token: str | None = None,
    **overrides: Any,
) -> dict[str, Any]:
    """The registration file's content; tokens are made if none are given.

    Args:
        server_name: The homeserver's name.
        url: Where the homeserver sends transactions.
        localpart: The AI's localpart; its helpers' names and the aliases begin with it.
        as_token: What the service shows to the homeserver.
        hs_token: What the homeserver shows to the service.
        overrides: Top-level keys to set over these.
    """
    here = re.escape(server_name)
    users = [rf"@{localpart}:{here}", rf"@{localpart}_.*:{here}"]
    content: dict[str, Any] = {
        "id": localpart,
        "url": url,
        "as_token": as_token or secrets.token_hex(32),
        "hs_token": hs_token or secrets.token_hex(32),
        # The sender's own /sync always fails, so it is a second user that stays silent.
        "sender_localpart": f"{localpart}_service",
        "rate_limited": False,
        "receive_ephemeral": False,
        "namespaces": {
            "users": [{"exclusive": True, "regex": regex} for regex in users],
            "aliases": [{"exclusive": True, "regex": rf"#{localpart}-.*:{here}"}],
            "rooms": [],
        },
    }
    return content | overrides


class Service:
    """The AI member, started and ended as an async context manager.

    Made before its homeserver starts, it costs no extra boot; made later, its first start restarts the homeserver,
    which reads registrations only when it boots.

    Attributes:
        homeserver: Whom it serves.
        registration: What the homeserver knows of it.
        directory: Its folder: configuration, data, log.
        database_path: The SQLite file.
        url: Where it takes transactions.
        health_url: Where it answers /health and /metrics.
        user_id: The AI.
    """

    def __init__(
        self,
        homeserver: Homeserver,
        *,
        model: ModelServer | None = None,
        localpart: str = "circle",
        config: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        gated: bool = False,
        trapped: bool = False,
        program: Sequence[str] | None = None,
    ) -> None:
        """Reserve ports and folder, and give the homeserver its registration.

        Args:
            homeserver: Whom it serves.
            model: The endpoint it may ask; None for no model at all.
            localpart: The AI's localpart; different ones let several services share a homeserver.
            config: Sections laid over the harness's own, key by key: `{"timing": {"loosening_hours": 0}}`.
            environment: `CIRCLES_…__…` variables.
            gated: The homeserver's module, with its gate, stands in between; it needs a gate listener.
            trapped: Start it so that `dies` can kill it at a named point.
            program: What the interpreter is given in the place of `-m circles`.
        """
        self.homeserver = homeserver
        self.localpart = localpart
        self.user_id = f"@{localpart}:{homeserver.server_name}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._trapped = trapped
        self._program = tuple(program or ("-m", "circles"))
        self._settle()
        self.environment: dict[str, str] = dict(environment or {})
        self.registration = registration(server_name=homeserver.server_name, url=self.url, localpart=localpart)
        sections = self._configuration(model)
        if gated:
            sections = merged(sections, self._behind_the_gate(homeserver))
        self.config = merged(sections, config or {})
        homeserver.add_appservice(self.registration)

    def _settle(self) -> None:
        """Take a folder, a health address and a process of its own."""
        self.directory = Path(tempfile.mkdtemp(prefix="circles-service-"))
        self.config_path = self.directory / "config.yaml"
        self.data_dir = self.directory / "data"
        self.database_path = self.data_dir / "circles.db"
        self.health_port = free_port()
        self.health_url = f"http://127.0.0.1:{self.health_port}"
        self.boot_seconds = 0.0
        self._trap = self.directory / "trap"
        program = ["-m", "circles_harness.trapped", str(self._trap)] if self._trapped else self._program
        self._process = ServerProcess(
            f"circles ({self.user_id}, {self.directory.name})",
            [*program, "run", "--config", str(self.config_path)],
            directory=self.directory,
            log_path=self.directory / "circles.log",
        )

    def replica(self) -> Service:
        """Return another process for the same AI: same tokens, port and database, with a folder of its own."""
        other = copy.copy(self)
        other._settle()
        own = {"storage": {"data_dir": str(other.data_dir)}, "health": {"port": other.health_port}}
        other.config = merged(self.config, own)
        return other

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

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Lay sections over the configuration; the next start reads them."""
        self.config = merged(self.config, changes)

    def write_config(self) -> Path:
        """Write config.yaml, for commands other than `run`; returns its path."""
        self.config_path.touch(mode=0o600)
        self.config_path.write_text(json.dumps(self.config, indent=1, ensure_ascii=False), encoding="utf-8")
        return self.config_path

    async def command(self, *arguments: str, within: float = PROGRAM_SECONDS) -> tuple[int, str]:
        """Run `circles ARGUMENTS` beside it, with its configuration; returns the exit code and all that was said.

        Raises:
            DidNotStart: it did not end in time.
        """
        command = ("-m", "circles", *arguments, "--config", str(self.write_config()))
        return await run_program(command, directory=self.directory, environment=self.environment, within=within)

    async def start(self, *, unheard: bool = False) -> None:
        """Write the configuration and start; returns when its /health answers 200 and its homeserver counts it as up.

        Args:
            unheard: do not wait for the homeserver, which is not to hear of it yet.

        Raises:
            DidNotStart: with the end of its log.
        """
        if self.homeserver.is_stale:
            await self.homeserver.restart()
        self.write_config()
        begun = time.monotonic()
        self._process.spawn(self.environment)
        try:
            await self._process.wait_healthy(f"{self.health_url}/health", within=BOOT_SECONDS)
        except BaseException:
            await self._process.kill()
            raise
        self.boot_seconds = time.monotonic() - begun
        if not unheard:
            await self.homeserver.count_up(str(self.registration["id"]))

    def trap(self, point: str | None) -> None:
        """Set the trap at a point of `circles_harness.trapped`, or take it away."""
        self._trap.write_text(point or "", encoding="utf-8")

    def set_clock(self, *, forth: int) -> None:
        """Set the clock of a service with traps so many seconds forth, or back, while it runs."""
        self._trap.with_suffix(".clock").write_text(str(forth), encoding="utf-8")

    async def dies(self, point: str, *, within: float = BOOT_SECONDS) -> None:
        """Start it if it does not run, and wait until it has died at a point that it comes to by itself.

        Raises:
            DidNotStart: it ended otherwise, or not in time.
        """
        self.trap(point)
        if not self.is_running:
            self._process.spawn(self.environment)
        code = await self._process.wait(within=within)
        self.trap(None)
        if code != -signal.SIGKILL:
            raise DidNotStart(f"{self.user_id} ended with {code} and not {point}\n{self._process.tail()}")

    async def stop(self) -> int | None:
        """End it gently; its data stays. Returns its exit code."""
        return await self._process.stop()

    async def kill(self) -> int | None:
        """End it at once (SIGKILL); its data stays."""
        return await self._process.kill()

    async def wait(self, *, within: float) -> int:
        """Wait for it to end by itself; returns its exit code."""
        return await self._process.wait(within=within)

    async def health(self) -> str:
        """Return what it says it does: "ok", "standby", "failing"; "" if it says nothing."""
        try:
            timeout = aiohttp.ClientTimeout(total=HEALTH_SECONDS)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"{self.health_url}/health") as answer,
            ):
                return str((await answer.json())["status"])
        except (aiohttp.ClientError, TimeoutError):
            return ""

    async def restart(self) -> None:
        """Stop, then start with the same data and the present configuration."""
        await self.stop()
        await self.start()

    def log(self) -> str:
        """Its log, all starts together."""
        return self._process.log()

    async def close(self) -> None:
        """Stop and delete the folder."""
        await self._process.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            sys.stderr.write(f"--- the last lines of {self.user_id} ---\n{self._process.tail()}\n")
        await self.close()

    def _configuration(self, model: ModelServer | None) -> dict[str, Any]:
        """The one place that knows the configuration's keys (appservice/circles/config)."""
        sections: dict[str, Any] = {
            "homeserver": {"url": self.homeserver.base_url, "server_name": self.homeserver.server_name},
            "appservice": {
                "id": self.registration["id"],
                "bot_localpart": self.localpart,
                "ghost_prefix": f"{self.localpart}_",
                "alias_prefix": f"{self.localpart}-",
                "sender_localpart": self.registration["sender_localpart"],
                "as_token": self.registration["as_token"],
                "hs_token": self.registration["hs_token"],
                "port": self.port,
            },
            "storage": {"data_dir": str(self.data_dir)},
            "health": {"port": self.health_port},
            # The people of tests and benchmarks are programs, and answer at once for as long as it takes.
            "limits": {
                "turns_in_a_row": 1_000_000,
                "answers_per_person_per_day": 1_000_000,
                "answers_per_room_per_day": 1_000_000,
            },
        }
        if model is not None:
            sections["model"] = {"base_url": model.base_url, "model": model.model, "api_key": model.api_key}
        return sections

    def _behind_the_gate(self, homeserver: Homeserver) -> dict[str, Any]:
        """Give Synapse the real tokens and the service a pair that is good for the gate alone."""
        gate = f"{homeserver.gate_url}/_synapse/client/circles/gate"
        self.registration = {**self.registration, "url": gate}
        tokens = {"as_token": secrets.token_hex(32), "hs_token": secrets.token_hex(32)}
        for name, token in tokens.items():
            path = self.directory / f"gate_{name}"
            path.touch(mode=0o600)
            path.write_text(token, encoding="utf-8")
        homeserver.modules.append(
            {
                "module": "circles_plugin.CirclesModule",
                "config": {
                    "ai_user": self.localpart,
                    "gate": {
                        "port": homeserver.gate_port,
                        "registration": str(homeserver.registration_path(self.localpart)),
                        "service_url": self.url,
                        "as_token_file": str(self.directory / "gate_as_token"),
                        "hs_token_file": str(self.directory / "gate_hs_token"),
                        "homeserver_url": homeserver.base_url,
                    },
                },
            }
        )
        return {"homeserver": {"url": f"{gate}/hs", "plugin": True, "gated": True}, "appservice": tokens}


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping laid over another, sections key by key; None removes a key."""
    result = dict(below)
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], cast("Mapping[str, Any]", value))
        else:
            result[key] = value
    return result
