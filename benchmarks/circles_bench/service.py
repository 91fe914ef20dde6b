"""The real service as a process, beside a homeserver that says yes to everything, with rows written beforehand."""

import asyncio
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from sqlalchemy import Connection, insert

from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.migrate import migrate
from circles.facts import tables
from circles_harness.process import ServerProcess, free_port
from circles_policies.content import to_content
from circles_policies.model import Keep, Policy, Reach, Read, Store, When, Who

SERVER_NAME = "example.org"
AI = f"@circle:{SERVER_NAME}"
BOOT_SECONDS = 60.0

NOTEBOOK = Policy(
    trigger=True,
    read=Read(who=Who.EVERYONE, when=When.ALWAYS),
    store=Store(keep=Keep.MESSAGES, days=3_660),
    send=Reach.LOCAL,
)
"""What the preset "notebook" allows, for so many days that the workload's own dates do not matter."""


class AgreeingHomeserver:
    """Answers every request of the service as a homeserver would that has nothing to say."""

    def __init__(self, rooms: Iterable[str] = ()) -> None:
        """Take the rooms it says that the AI is in."""
        self._rooms = sorted(rooms)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        await request.read()
        if request.path.endswith("/joined_rooms"):
            return web.json_response({"joined_rooms": self._rooms})
        if request.path.endswith("/sync"):
            if "since" in request.query:  # the first answer comes at once, each further one when something happened
                await asyncio.sleep(int(request.query.get("timeout", 0)) / 1000)
            return web.json_response({"next_batch": "s1"})
        event_id = f"$answer{secrets.token_hex(16)}"
        return web.json_response(
            {"room_id": f"!control:{SERVER_NAME}", "event_id": event_id, "displayname": "Circle", "joined": {}}
        )


class BenchService:
    """`circles run` in a folder of its own. Rows are written with `fill` before it starts."""

    def __init__(self, homeserver_url: str, *, store_url: str | None = None) -> None:
        """Reserve ports and folder; `store_url` None: SQLite in that folder."""
        self.directory = Path(tempfile.mkdtemp(prefix="circles-bench-"))
        self.data_dir = self.directory / "data"
        self.data_dir.mkdir(mode=0o700)
        self.port, self.health_port = free_port(), free_port()
        self.hs_token = secrets.token_hex(32)
        self.store_url = store_url or f"sqlite:///{self.data_dir / 'circles.db'}"
        self.ready_seconds = 0.0
        config: dict[str, Any] = {
            "homeserver": {"url": homeserver_url, "server_name": SERVER_NAME},
            "appservice": {"as_token": secrets.token_hex(32), "hs_token": self.hs_token, "port": self.port},
            "storage": {"data_dir": str(self.data_dir)},
            "health": {"port": self.health_port},
        }
        if store_url is not None:
            config["storage"]["url"] = store_url
        self.config_path = self.directory / "config.yaml"
        self.config_path.touch(mode=0o600)
        self.config_path.write_text(json.dumps(config), encoding="utf-8")
        self._process = ServerProcess(
            "circles",
            ["-m", "circles", "run", "--config", str(self.config_path)],
            directory=self.directory,
            log_path=self.directory / "circles.log",
        )

    @property
    def pid(self) -> int:
        """The id of the running process."""
        if self._process.pid is None:
            raise RuntimeError("the service is not running")
        return self._process.pid

    async def fill(self, work: Callable[[Connection], None]) -> None:
        """Make the tables and write rows."""
        database = SqlDatabase(self.store_url)
        try:
            migrate(database)
            await database.write(work)
        finally:
            await database.close()

    async def start(self) -> None:
        """Start; returns when it says that it is ready. `ready_seconds` is how long that took."""
        begun = time.monotonic()
        self._process.spawn()
        await self._process.wait_healthy(f"http://127.0.0.1:{self.health_port}/health", within=BOOT_SECONDS)
        self.ready_seconds = time.monotonic() - begun

    async def close(self) -> None:
        """Stop it and delete its folder."""
        await self._process.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def joined_rooms(connection: Connection, rooms: Iterable[str], policy: Policy = NOTEBOOK) -> None:
    """Write rooms that the AI is in, all with the same policy since ever."""
    names = list(rooms)
    content = to_content(policy)
    create = {"sender": f"@founder:{SERVER_NAME}", "content": {"room_version": "10"}}
    connection.execute(
        insert(tables.rooms),
        [
            {"room_id": room, "membership": "join", "filled": True, "create": create, "names": [], "version": "10"}
            for room in names
        ],
    )
    in_force = {"state": "in_force", "written": False, "asked_at": 0, "starts_at": 0, "content": content}
    connection.execute(insert(tables.policies), [{"room_id": room, **in_force} for room in names])


def told_members(connection: Connection, members: Iterable[tuple[str, str]]) -> None:
    """Write (room, person) pairs of people who are joined and were told of the AI long ago."""
    rows = [{"room_id": room, "user_id": user, "membership": "join", "since": 0} for room, user in members]
    connection.execute(insert(tables.members), rows)
