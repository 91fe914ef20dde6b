"""A throwaway Synapse of two processes: the main one, and a worker that talks to application services.

Synapse's workers need PostgreSQL, Redis, and libraries beside those of the main lock: `scripts/test workers`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict

from circles_harness.homeserver import BOOT_SECONDS, Homeserver
from circles_harness.postgresql import PostgreSQL
from circles_harness.process import HEALTH_INTERVAL_SECONDS, DidNotStart, ServerProcess, free_port

REDIS_SECONDS: Final = 20.0
WORKER: Final = "sender"
# Main answers on this address at the gate's port too, so that the gate can be asked in two processes.
MAIN_GATE_ADDRESS: Final = "127.0.0.2"


class Workers(Homeserver):
    """Main process and a worker: the worker alone sends to application services, and runs what runs in one place only.

    The gate's listener is the worker's. Clients reach the main process at `base_url`, the worker at `worker_url`.

    Attributes:
        worker_url: the worker's own client listener.
    """

    def __init__(self, postgresql: PostgreSQL, redis_port: int, **options: Any) -> None:
        """Reserve folder, ports and a database. `options`: as of `Homeserver`."""
        super().__init__(**options)
        # Its tables are made at its first start.
        self._is_blank = True
        self._worker_port = free_port()
        self._replication_port = free_port()
        self._redis_port = redis_port
        self._database = postgresql.create("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        self.worker_url = f"http://127.0.0.1:{self._worker_port}"
        self._worker = ServerProcess(
            f"worker of {self.server_name}",
            [
                *("-m", "synapse.app.generic_worker"),
                *("--config-path", str(self.directory / "homeserver.yaml")),
                *("--config-path", str(self.directory / "worker.yaml")),
            ],
            directory=self.directory,
            log_path=self.directory / "worker.log",
        )

    @property
    def main_gate_url(self) -> str:
        """The gate's port, answered by the main process."""
        return f"http://{MAIN_GATE_ADDRESS}:{self.gate_port}"

    async def start(self) -> None:
        """Start the main process, then the worker.

        Raises:
            DidNotStart: with the end of the log of the one that did not.
        """
        await super().start()
        listeners: list[dict[str, Any]] = [_listener(self._worker_port, [{"names": ["client"], "compress": False}])]
        if self.gate_port is not None:
            listeners.append(_listener(self.gate_port, []))
        worker = {
            "worker_app": "synapse.app.generic_worker",
            "worker_name": WORKER,
            "worker_listeners": listeners,
            "worker_log_config": str(self.directory / "log.yaml"),
            "pid_file": str(self.directory / "worker.pid"),
        }
        (self.directory / "worker.yaml").write_text(json.dumps(worker, indent=1), encoding="utf-8")
        self._worker.spawn()
        try:
            await self._worker.wait_healthy(f"{self.worker_url}/health", within=BOOT_SECONDS)
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """End both gently, the worker first."""
        await self._worker.stop()
        await super().stop()

    async def kill(self) -> None:
        """End both at once."""
        await self._worker.kill()
        await super().kill()

    async def kill_worker(self, *, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """End the worker at once, do something without it, and start it again."""
        await self._worker.kill()
        await meanwhile()
        self._worker.spawn()
        await self._worker.wait_healthy(f"{self.worker_url}/health", within=BOOT_SECONDS)

    async def close(self) -> None:
        """Stop both, sign off everybody and delete the folder."""
        await self._worker.stop()
        await super().close()

    def as_token(self, name: str) -> str:
        """Return what a registered application service shows to Synapse itself."""
        return str(self._appservices[name]["as_token"])

    def log(self) -> str:
        """The logs of both, all starts together."""
        return super().log() + self._worker.log()

    def _configuration(self) -> dict[str, Any]:
        found = super()._configuration()
        named = conninfo_to_dict(self._database)
        listeners = [each for each in found["listeners"] if each["port"] != self.gate_port]
        listeners.append(_listener(self._replication_port, [{"names": ["replication"]}]))
        if self.gate_port is not None:
            listeners.append(_listener(self.gate_port, [], address=MAIN_GATE_ADDRESS))
        return found | {
            "listeners": listeners,
            "database": {"name": "psycopg2", "args": {**named, "cp_min": 2, "cp_max": 5}},
            "redis": {"enabled": True, "host": "127.0.0.1", "port": self._redis_port},
            "instance_map": {"main": {"host": "127.0.0.1", "port": self._replication_port}},
            "worker_replication_secret": self._registration_secret,
            "notify_appservices_from_worker": WORKER,
            "run_background_tasks_on": WORKER,
        }


def _listener(port: int, resources: list[dict[str, Any]], *, address: str = "127.0.0.1") -> dict[str, Any]:
    return {"port": port, "type": "http", "bind_addresses": [address], "resources": resources}


@contextmanager
def redis() -> Generator[int]:
    """Run a Redis on loopback that keeps nothing; gives its port.

    Raises:
        DidNotStart: none is installed nor unpacked (`scripts/test workers` does that), or it does not answer.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise DidNotStart("No redis-server is in PATH: run these tests by `scripts/test workers`.")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="circles-redis-") as folder:
        log = Path(folder) / "redis.log"
        arguments = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--logfile", str(log)]
        with subprocess.Popen(arguments, cwd=folder, start_new_session=True) as process:
            try:
                _until_it_answers(process, port)
                yield port
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)


def _until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + REDIS_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            if connection.recv(16).startswith(b"+PONG"):
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart("redis-server does not answer.")
        time.sleep(HEALTH_INTERVAL_SECONDS)
