"""Three days of an encrypted room while nothing listened: `benchmarks/backlog.py [shared folder] [--events N]`.

On a real Synapse, with people whose clients run Element's own crypto: the service is killed, four devices of three
people say 1,000 things in the room, with new sessions all along, and it is started three days later by its clock and by
the times of the events.  Everything must be opened in its order and taken in once; only fresh commands are answered,
one that makes things stricter counts however old it is.  With `--kills N` the service is killed so often while it
catches up.  Prints what was wrong, a table and a RESULT line; exits non-zero only when it cannot measure.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import secrets
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import aiohttp

from circles_bench import ROOT
from circles_bench.audit import mark_kind
from circles_bench.campaign import CONFIG
from circles_bench.measure import cpu_seconds, say, show_result, show_table
from circles_harness import ElementClients, ElementPerson, Homeserver, Service
from circles_harness.process import DidNotStart

AWAY_SECONDS = 3 * 86_400
LATE_SECONDS, OLD_SECONDS = 600, 86_400
"""A command is carried out up to the first of these, and answered at all up to the second."""
ROTATE = 50
"""So many events go under one session of each device; some of them change at the same moment."""
COMMAND_EVERY = 7
LATER, LAST = 0.9, 0.95
"""Up to the first share of all, what is said is older than a day when it is heard; from the second on it is fresh."""
OUT_AT = 0.6
"""After this share of all one person says `out`, and goes on talking."""
DEADLINE_SECONDS = 400
FRESH, LATE, OLD = "answered", "said to be late", "left alone"


@dataclass
class Said:
    """What was said in the room, in its order.

    Attributes:
        talk: the messages that are to be kept.
        commands: what must become of each command.
        closed: what was said by whoever is out in the end, before and after: none of it may stay.
    """

    order: list[str] = field(default_factory=list[str])
    talk: list[str] = field(default_factory=list[str])
    commands: dict[str, str] = field(default_factory=dict[str, str])
    closed: list[str] = field(default_factory=list[str])


@dataclass
class Stage:
    """Who is there. `devices`: of the admin two; the last one is whose owner says `out`."""

    homeserver: Homeserver
    service: Service
    devices: list[ElementPerson]
    room: str
    token: str


@asynccontextmanager
async def staged() -> AsyncGenerator[Stage]:
    """Boot everything; return with an encrypted circle that keeps what is said."""
    homeserver, token = Homeserver(), secrets.token_hex(16)
    environment = {"PYTHONPATH": str(ROOT / "harness")}  # for the program with a clock to set
    config = {key: value for key, value in CONFIG.items() if key != "model"}
    service = Service(homeserver, config=config, trapped=True, environment=environment)
    # Only an application service may say when an event was written, so the people are of one.
    users = [{"exclusive": False, "regex": "@.*"}]
    homeserver.add_appservice(
        {
            "id": "people",
            "url": None,
            "as_token": token,
            "hs_token": secrets.token_hex(16),
            "sender_localpart": "people",
            "rate_limited": False,
            "namespaces": {"users": users, "rooms": [], "aliases": []},
        }
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(homeserver)
        await stack.enter_async_context(service)
        clients = await stack.enter_async_context(ElementClients())
        accounts = [await homeserver.person(name) for name in ("mei", "li", "noor")]
        mei, li, noor = [await clients.start(account) for account in accounts]
        room = await mei.create_room(
            "Garden", invite=[service.user_id, *(each.user_id for each in (li, noor))], encrypted=True
        )
        for each in (li, noor):
            await each.join(room)
        asked = await mei.wait_for_text(room, "Hello, I'm Circle", sender=service.user_id)
        await mei.react(room, asked["event_id"], "3️⃣")
        for each in (mei, li, noor):
            await each.wait_for(room, lambda event: mark_kind(event) == "banner", what="the banner")
        phone = await clients.start(await homeserver.sign_in(mei))
        devices = [mei, phone, li, noor]
        for each in devices:
            stack.push_async_callback(each.close)
        yield Stage(homeserver, service, devices, room, token)


async def talk(stage: Stage, count: int) -> Said:
    """Say so many things, from now until three days later."""
    said, begun = Said(), time.time()
    noor = stage.devices[-1]
    out_at = int(count * OUT_AT)
    path = f"{stage.homeserver.base_url}/_matrix/client/v3/rooms/{quote(stage.room, safe='')}/send/m.room.encrypted"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {stage.token}"}) as session:
        for number in range(count):
            if number % ROTATE == 0:
                await asyncio.gather(*(each.do("rotate", room=stage.room) for each in stage.devices))
            age = _age(number / (count - 1))
            who = noor if number == out_at else stage.devices[number % len(stage.devices)]
            command = number % COMMAND_EVERY == COMMAND_EVERY - 1 and who is not noor
            body = "!circle out" if number == out_at else "!circle help" if command else f"line {number} of the talk"
            content = {"msgtype": "m.text", "body": body}
            sealed = await who.do("encrypt", room=stage.room, type="m.room.message", content=content)
            at = int((begun + AWAY_SECONDS - age) * 1000)
            query = {"user_id": who.user_id, "ts": str(at)}
            async with session.put(f"{path}/{number}", params=query, json=sealed) as answered:
                event_id = str((await answered.json())["event_id"])
            said.order.append(event_id)
            if command:
                said.commands[event_id] = OLD if age > OLD_SECONDS else LATE if age > LATE_SECONDS else FRESH
            elif number != out_at:
                (said.closed if who is noor else said.talk).append(event_id)
    return said


def _age(share: float) -> float:
    """Return how long ago (s) something was said when it is heard, by its place among all, 0 to 1."""
    if share < LATER:
        return AWAY_SECONDS - (AWAY_SECONDS - OLD_SECONDS - 2 * LATE_SECONDS) * share / LATER
    return 5 * LATE_SECONDS if share < LAST else 0


def rows(service: Service, query: str) -> list[tuple[object, ...]]:
    """Ask the database of a running service."""
    with contextlib.closing(sqlite3.connect(f"file:{service.database_path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def replies(stage: Stage) -> list[tuple[str, str]]:
    """Return the AI's replies in the room: to what, and whether it was the answer or that it came late."""
    found: list[tuple[str, str]] = []
    for event in stage.devices[0].timeline(stage.room):
        target = event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
        if event["sender"] == stage.service.user_id and target is not None:
            found.append((target, LATE if "reached me late" in event["content"].get("body", "") else FRESH))
    return found


async def caught_up(stage: Stage, said: Said) -> None:
    """Wait until everything that is to come has come, or long enough."""
    wanted = sum(what != OLD for what in said.commands.values())
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        await stage.devices[0].sync(wait=0.5)
        if sum(target in said.commands for target, _ in replies(stage)) < wanted:
            continue
        known = {row[0] for row in rows(stage.service, "SELECT event_id FROM journal WHERE state = 'settled'")}
        if known >= {*said.talk, *said.commands}:
            return


def faults(stage: Stage, said: Said) -> Counter[str]:
    """Return what is wrong, and how often."""
    wrong: Counter[str] = Counter()
    seen = [row[0] for row in rows(stage.service, "SELECT event_id FROM journal ORDER BY seq")]
    wrong["lost"] += len({*said.order} - {*seen})
    places = {event_id: place for place, event_id in enumerate(seen)}
    taken = [places[event_id] for event_id in said.order if event_id in places]
    wrong["out of order"] += sum(later < earlier for earlier, later in itertools.pairwise(taken))
    kept = Counter(row[0] for row in rows(stage.service, "SELECT event_id FROM messages"))
    wrong["not kept"] += sum(event_id not in kept for event_id in said.talk)
    wrong["kept though out"] += sum(event_id in kept for event_id in said.closed)
    answered = Counter(replies(stage))
    for event_id, what in said.commands.items():
        got = {kind: answered[event_id, kind] for kind in (FRESH, LATE)}
        expected = {kind: int(kind == what) for kind in (FRESH, LATE)}
        wrong["answers lost"] += sum(got[kind] < expected[kind] for kind in got)
        wrong["answers doubled or unasked"] += sum(got[kind] > expected[kind] for kind in got)
    order = [target for target, _ in replies(stage) if target in said.commands]
    wanted = [event_id for event_id, what in said.commands.items() if what != OLD]
    wrong["answers out of order"] += int(order != wanted)
    return wrong


def peak_mb(pid: int) -> float:
    """Return the most memory a process ever had, in MB of 2^20 bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def play(stage: Stage, count: int, kills: int) -> tuple[Said, float]:
    """Let people talk for three days while nothing listens, then start the service; return how long (s) it took."""
    service = stage.service
    await service.kill()
    said = await talk(stage, count)
    service.set_clock(forth=AWAY_SECONDS)
    begun = time.monotonic()
    await service.start()
    for number in range(kills):
        share = (number + 1) / (kills + 1)
        while len(rows(service, "SELECT 1 FROM journal WHERE state = 'settled'")) < share * count:
            await stage.devices[0].sync(wait=0.1)
        await service.kill()
        await service.start()
    await caught_up(stage, said)
    return said, time.monotonic() - begun


async def main(count: int, kills: int) -> None:
    """Play it and print."""
    async with staged() as stage:
        said, seconds = await play(stage, count, kills)
        service, wrong = stage.service, faults(stage, said)
        pid = service.pid or 0
        peak, cpu = peak_mb(pid), cpu_seconds(pid)
        if wrong.total():
            folder = Path(tempfile.mkdtemp(prefix="circles-backlog-"))
            (folder / "service.log").write_text(service.log(), encoding="utf-8")
            (folder / "said.json").write_text(json.dumps(said.__dict__), encoding="utf-8")
            say(f"kept: {folder}")
        expected = Counter(said.commands.values())
        show_table(
            ("what", "times"),
            [
                ("messages to keep", len(said.talk)),
                *((f"commands to be {what}", expected[what]) for what in (FRESH, LATE, OLD)),
                ("messages of whoever is out in the end", len(said.closed)),
                *wrong.items(),
            ],
        )
        show_result(
            {
                "events": count,
                "kills": kills,
                "wrong": wrong.total(),
                "seconds": seconds,
                "cpu_s": cpu,
                "peak_rss_mb": peak,
            }
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("shared", nargs="?", help="not used here: all benchmarks take a folder")
    parser.add_argument("--events", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    try:
        asyncio.run(main(options.events, options.kills))
    except (DidNotStart, AssertionError, OSError) as problem:
        say(f"cannot measure: {type(problem).__name__}: {problem}")
        sys.exit(1)
