"""How fast transactions become durable: `benchmarks/intake.py [shared folder] [--store postgresql] [--profile]`.

The real service against the fixed opponents, in turns on the same workload, in events per CPU-second of the process
that serves: HTTP, token, parsing, gate, one commit a transaction, full-text index.  With `--store postgresql` the bare
handler stores there too, and the database's own processes count as theirs who use them.  Prints a table and a RESULT
line; exits non-zero only when it cannot measure.  `--profile`: where the time of ours goes, instead.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp
import psycopg

from circles_bench.measure import cpu_seconds, say, show_result, show_table
from circles_bench.opponents import CannotMeasure, opponents_python, shared_folder, transactions
from circles_bench.profile import show_profile
from circles_bench.service import NOTEBOOK, AgreeingHomeserver, BenchService, joined_rooms, told_members
from circles_harness.postgresql import PostgreSQL, postgresql
from circles_harness.process import ServerProcess, free_port
from circles_policies.engine import decide
from circles_policies.model import NO_CHOICE, Right
from circles_policies.request import Request, Scopes

COUNT, PER, ROOMS = 250, 100, 500
TURNS = 10
WARM_UP = 25
"""So many transactions each before anything counts."""
ONES = 1_000


@dataclass
class Contestant:
    """One server, and what it used so far. `beside`: the CPU seconds of what else works for it."""

    name: str
    port: int
    pid: int
    token: str = "hs"  # noqa: S105  # what the fixed opponents take
    beside: Callable[[], float] = lambda: 0.0
    events: int = 0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Events per CPU-second."""
        return self.events / self.cpu

    def used(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds(self.pid) + self.beside()


async def push(session: aiohttp.ClientSession, to: Contestant, bodies: Sequence[tuple[str, bytes]]) -> None:
    """Deliver transactions one after the other, as a homeserver does."""
    for txn_id, body in bodies:
        url = f"http://127.0.0.1:{to.port}/_matrix/app/v1/transactions/{txn_id}"
        headers = {"Authorization": f"Bearer {to.token}", "Content-Type": "application/json"}
        async with session.put(url, data=body, headers=headers) as answer:
            if answer.status != 200:
                raise CannotMeasure(f"{to.name} answered {answer.status}")
            await answer.read()


async def race(
    session: aiohttp.ClientSession, contestants: list[Contestant], bodies: Sequence[tuple[str, bytes]], per: int
) -> None:
    """Give the same transactions to all in turns, each turn beginning with another one."""
    for each in contestants:
        each.events, each.cpu = 0, 0.0
    size = len(bodies) // TURNS
    for turn in range(TURNS):
        part = bodies[turn * size : (turn + 1) * size]
        for place in range(len(contestants)):
            each = contestants[(turn + place) % len(contestants)]
            before = each.used()
            await push(session, each, part)
            each.cpu += each.used() - before
            each.events += len(part) * per


def pairs(bodies: Iterable[bytes]) -> set[tuple[str, str]]:
    """Who speaks where in a workload."""
    return {(event["room_id"], event["sender"]) for body in bodies for event in json.loads(body)["events"]}


async def start_opponent(stack: AsyncExitStack, shared: Path, python: Path, kind: str) -> Contestant:
    """Start one of the fixed opponents and wait until it listens."""
    folder, port = Path(tempfile.mkdtemp(prefix=f"circles-bench-{kind}-")), free_port()
    script = shared / "opponents" / "intake_server.py"
    process = ServerProcess(
        kind,
        [str(script), kind, str(port), str(folder / f"{kind}.db")],
        directory=folder,
        log_path=folder / "log",
        python=python,
    )
    process.spawn()
    stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, True)
    stack.push_async_callback(process.stop)
    await process.wait_listening(port, within=20)
    if process.pid is None:
        raise CannotMeasure(f"{kind} ended")
    return Contestant(kind, port, process.pid)


async def start_bare_postgresql(stack: AsyncExitStack, server: PostgreSQL) -> Contestant:
    """Start the least that stores in PostgreSQL."""
    folder, port, url = Path(tempfile.mkdtemp(prefix="circles-bench-bare-")), free_port(), server.create()
    script = Path(__file__).parent / "circles_bench" / "bare_postgresql.py"
    process = ServerProcess("bare", [str(script), str(port), url], directory=folder, log_path=folder / "log")
    process.spawn()
    stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, True)
    stack.push_async_callback(process.stop)
    await process.wait_listening(port, within=20)
    if process.pid is None:
        raise CannotMeasure("bare ended")
    return Contestant("bare", port, process.pid, beside=lambda: backends(server, url))


def backends(server: PostgreSQL, url: str) -> float:
    """Return the CPU seconds of the processes that serve a database's connections."""
    name = url.partition("?")[0].rpartition("/")[2]
    query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
    with psycopg.connect(server.url) as connection:
        return sum(cpu_seconds(pid) for (pid,) in connection.execute(query, (name,)))


def policy_us() -> float:
    """How long the policy takes for one event, in µs: may it trigger, be looked at, be kept. The best of many tries."""
    scopes, best = Scopes((NOTEBOOK,), NO_CHOICE), float("inf")
    for _ in range(100):
        begun = time.perf_counter()
        for at in range(100):
            for right in (Right.TRIGGER, Right.READ, Right.STORE):
                decide(scopes, Request(right, at, 100))
        best = min(best, time.perf_counter() - begun)
    return best / 100 * 1e6


async def main() -> None:
    """Measure and print."""
    shared, python = shared_folder(), opponents_python()
    warm = [(f"w{n}", body) for n, body in enumerate(transactions(shared, count=WARM_UP, per=PER, rooms=ROOMS, seed=1))]
    many = [(f"m{n}", body) for n, body in enumerate(transactions(shared, count=COUNT, per=PER, rooms=ROOMS))]
    ones = [(f"o{n}", body) for n, body in enumerate(transactions(shared, count=ONES, per=1, rooms=ROOMS, seed=8))]
    people = pairs(body for _, body in (*warm, *many, *ones))
    async with AsyncExitStack() as stack:
        homeserver = await stack.enter_async_context(AgreeingHomeserver({room for room, _ in people}))
        server = stack.enter_context(postgresql()) if "postgresql" in sys.argv else None
        if server is not None:
            # The test harness spares itself the waiting for the disk; here it counts.
            server.execute("ALTER SYSTEM SET fsync = on")
            server.execute("SELECT pg_reload_conf()")
        url = server.create() if server is not None else None
        ours = BenchService(homeserver.url, store_url=url)
        stack.push_async_callback(ours.close)
        await ours.fill(lambda c: joined_rooms(c, sorted({room for room, _ in people})))
        await ours.fill(lambda c: told_members(c, sorted(people)))
        await ours.start()
        fixed = ("floor", "bare", "mautrix") if server is None else ("floor", "mautrix")
        contestants = [await start_opponent(stack, shared, python, kind) for kind in fixed]
        mine = Contestant("circles", ours.port, ours.pid, ours.hs_token)
        if server is not None and url is not None:
            contestants.append(await start_bare_postgresql(stack, server))
            mine.beside = partial(backends, server, url)
        contestants.append(mine)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for each in contestants:
            await push(session, each, warm)
        await race(session, contestants, many, PER)
        rates = {each.name: each.rate for each in contestants}
        await race(session, contestants, ones, 1)
        one_rates = {each.name: each.rate for each in contestants}
    show_table(
        ("events per CPU-second", f"{PER} a transaction", "1 a transaction"),
        [(name, f"{rates[name]:,.0f}", f"{one_rates[name]:,.0f}") for name in rates],
    )
    show_result(
        {
            "vs_mautrix": rates["circles"] / rates["mautrix"],
            "vs_bare": rates["circles"] / rates["bare"],
            "one_event_vs_mautrix": one_rates["circles"] / one_rates["mautrix"],
            "policy_us": policy_us(),
        }
    )


if __name__ == "__main__":
    try:
        asyncio.run(show_profile(shared_folder(), PER, ROOMS) if "--profile" in sys.argv else main())
    except CannotMeasure as problem:
        say(f"cannot measure: {problem}")
        sys.exit(1)
