"""How long people wait, and what the service weighs: `benchmarks/latency.py [shared folder]`.

A real Synapse; in turns a command to the AI and one to an echo bot written as simplematrixbotlib's README shows, from
the send to the reply in the asker's /sync.  A second service behind recording wires tells how much of it is ours.
Then its memory and its start with many rooms and wakes.  Prints tables and a RESULT line; exits non-zero only when it
cannot measure.
"""

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from sqlalchemy import Connection, insert

from circles.facts.tables import wakes
from circles_bench.measure import percentile, rss_mb, say, show_result, show_table
from circles_bench.opponents import CannotMeasure, opponents_python
from circles_bench.service import SERVER_NAME, AgreeingHomeserver, BenchService, joined_rooms, told_members
from circles_harness.client import Event, NotSeen, Person
from circles_harness.homeserver import Homeserver
from circles_harness.process import ServerProcess
from circles_harness.service import Service
from circles_harness.wire import Wire

ROUNDS = 60
WARM_UP = 5
GENEROUS = {"commands_per_person_per_minute": 100_000}
"""One person asks as fast as they are answered."""
PEOPLE = 10
"""So many members in each room of the memory test."""
WAKES = 100_000

# As in the library's README, section "Example Usage".
ECHO_BOT = """
import sys
import simplematrixbotlib as botlib

creds = botlib.Creds(*sys.argv[1:4])
bot = botlib.Bot(creds)
PREFIX = '!'

@bot.listener.on_message_event
async def echo(room, message):
    match = botlib.MessageMatch(room, message, bot, PREFIX)

    if match.is_not_from_this_bot() and match.prefix() and match.command("echo"):

        await bot.api.send_text_message(
            room.room_id, " ".join(arg for arg in match.args())
        )

bot.run()
"""


async def start_echo_bot(stack: AsyncExitStack, homeserver: Homeserver) -> str:
    """Start the echo bot and return its user id."""
    account = await homeserver.person("echo")
    folder = Path(tempfile.mkdtemp(prefix="circles-bench-echo-"))
    stack.push_async_callback(asyncio.to_thread, shutil.rmtree, folder, True)
    script = folder / "echo.py"
    script.write_text(ECHO_BOT, encoding="utf-8")
    process = ServerProcess(
        "the echo bot",
        [str(script), homeserver.base_url, "echo", account.password],
        directory=folder,
        log_path=folder / "log",
        python=opponents_python(),
    )
    process.spawn()
    stack.push_async_callback(process.stop)
    return account.user_id


async def answered(person: Person, room: str, words: str, by: str) -> float:
    """Say something and return after how many ms the answer was there."""

    def is_answer(event: Event) -> bool:
        return bool(event["sender"] == by and event["type"] == "m.room.message")

    begun = time.perf_counter()
    asked = await person.say(room, words)
    await person.wait_for(room, is_answer, after=asked, what=f"the answer to {words}")
    return (time.perf_counter() - begun) * 1000


async def room_with(person: Person, bot: str) -> str:
    """Make a direct message with the echo bot: it sees no invite that came before its first sync."""
    for _ in range(10):
        room = await person.start_dm(bot)
        try:
            await person.wait_for_member(room, bot, "join", timeout=15)
        except NotSeen:
            continue
        return room
    raise CannotMeasure("the echo bot never came")


async def with_patience(attempt: Callable[[], Awaitable[float]], times: int) -> None:
    """Try until something answers: whoever was just started may not have heard the first time."""
    for _ in range(times):
        try:
            await attempt()
        except NotSeen:
            continue
        return
    raise CannotMeasure("one of them never answered")


async def race(person: Person, turns: Sequence[tuple[str, str, str, str]]) -> dict[str, list[float]]:
    """Let all be asked in turns: of each what it is called, the room, the words and who answers."""
    took: dict[str, list[float]] = {name: [] for name, *_ in turns}
    for number in range(WARM_UP + ROUNDS):
        for place in range(len(turns)):
            name, room, words, by = turns[(number + place) % len(turns)]
            ms = await answered(person, room, words, by)
            if number >= WARM_UP:
                took[name].append(ms)
    return took


def our_share(arrived: Wire, left: Wire) -> list[float]:
    """For each message of a person the ms from its arrival at the service to the leaving of the answer to it."""
    came = {
        event["event_id"]: request.at
        for request in arrived.asked("PUT", "/transactions/")
        for event in orjson.loads(request.body)["events"]
    }
    shares: list[float] = []
    for request in left.asked("PUT", "/send/m.room.message/"):
        relation = orjson.loads(request.body).get("m.relates_to", {})
        asked = relation.get("m.in_reply_to", {}).get("event_id")
        if asked in came:
            shares.append((request.at - came[asked]) * 1000)
    return shares[WARM_UP:]


async def latencies() -> tuple[dict[str, list[float]], list[float], float]:
    """Return what each command took in ms, our share of it, and the service's memory when idle."""
    async with AsyncExitStack() as stack:
        homeserver = Homeserver()
        stack.push_async_callback(homeserver.close)
        service, timed = Service(homeserver), Service(homeserver, localpart="timed")
        for each in (service, timed):
            each.configure({"limits": GENEROUS})
        arrived = await stack.enter_async_context(Wire(timed.url))
        left = await stack.enter_async_context(Wire(homeserver.base_url))
        timed.registration = {**timed.registration, "url": arrived.url}
        homeserver.add_appservice(timed.registration)
        timed.configure({"homeserver": {"url": left.url}})
        await homeserver.start()
        await stack.enter_async_context(service)
        # The first start of all makes the tables, with a library that stays in memory until the next.
        await service.restart()
        await asyncio.sleep(3)
        idle = rss_mb(service.pid or 0)
        await stack.enter_async_context(timed)
        echo = await start_echo_bot(stack, homeserver)
        person = await homeserver.person("mei")
        ours, wired = await person.start_dm(service.user_id), await person.start_dm(timed.user_id)
        for place, who in ((ours, service.user_id), (wired, timed.user_id)):
            await person.wait_for_member(place, who, "join")
        room = await room_with(person, echo)
        await with_patience(lambda: answered(person, ours, "!circle help", service.user_id), 3)
        await with_patience(lambda: answered(person, room, "!echo hello", echo), 5)
        took = await race(
            person,
            [
                ("help", ours, "!circle help", service.user_id),
                ("echo bot", room, "!echo hello", echo),
                ("list of notes", ours, "!circle notes", service.user_id),
            ],
        )
        for _ in range(WARM_UP + ROUNDS // 2):
            await answered(person, wired, "!circle help", timed.user_id)
        return took, our_share(arrived, left), idle


async def weight(rooms: int, wakes_ahead: int) -> tuple[float, float]:
    """Return the seconds from start to ready, and the memory in MB after a message in every room."""
    names = [f"!room{number}:{SERVER_NAME}" for number in range(rooms)]
    async with AgreeingHomeserver(names) as homeserver:
        service = BenchService(homeserver.url)
        try:
            people = [(room, f"@person{number}:{SERVER_NAME}") for room in names for number in range(PEOPLE)]
            await service.fill(lambda c: joined_rooms(c, names))
            await service.fill(lambda c: told_members(c, people))
            if wakes_ahead:
                await service.fill(lambda c: _far_wakes(c, names, wakes_ahead))
            await service.start()
            async with aiohttp.ClientSession() as session:
                for start in range(0, rooms, 100):
                    await _say_in_each(session, service, names[start : start + 100], start)
            await asyncio.sleep(2)
            return service.ready_seconds, rss_mb(service.pid)
        finally:
            await service.close()


def _far_wakes(connection: Connection, rooms: Sequence[str], count: int) -> None:
    due = int(time.time() * 1000) + 86_400_000
    rows: list[dict[str, Any]] = [
        {"feature": "bench", "key": f"w{n}", "room_id": rooms[n % len(rooms)], "due": due + n, "payload": {}}
        for n in range(count)
    ]
    connection.execute(insert(wakes), rows)


async def _say_in_each(
    session: aiohttp.ClientSession, service: BenchService, rooms: Sequence[str], number: int
) -> None:
    events = [
        {
            "type": "m.room.message",
            "event_id": f"$said{number + at}",
            "room_id": room,
            "sender": f"@person1:{SERVER_NAME}",
            "origin_server_ts": int(time.time() * 1000),
            "content": {"msgtype": "m.text", "body": f"good morning, number {at}"},
        }
        for at, room in enumerate(rooms)
    ]
    url = f"http://127.0.0.1:{service.port}/_matrix/app/v1/transactions/{number}"
    headers = {"Authorization": f"Bearer {service.hs_token}"}
    async with session.put(url, data=orjson.dumps({"events": events}), headers=headers) as sent:
        if sent.status != 200:
            raise CannotMeasure(f"the service answered {sent.status}")


async def main() -> None:
    """Measure and print."""
    took, shares, idle = await latencies()
    show_table(
        ("from send to reply", "p50, ms", "p95, ms"),
        [(name, f"{statistics.median(ms):.0f}", f"{percentile(ms, 0.95):.0f}") for name, ms in took.items()]
        + [("of help: ours", f"{statistics.median(shares):.1f}", f"{percentile(shares, 0.95):.1f}")],
    )
    _, thousand = await weight(1_000, 0)
    say(f"memory, MB: idle {idle:.0f}, 1,000 rooms {thousand:.0f}")
    ready, ten_thousand = await weight(10_000, WAKES)
    say(f"memory with 10,000 rooms, MB: {ten_thousand:.0f}")
    say(f"from start to ready with 10,000 rooms and {WAKES:,} wakes to come: {ready:.1f} s")
    show_result(
        {
            "help_ms_p50": statistics.median(took["help"]),
            "ours_ms_p50": statistics.median(shares),
            "rss_mb_idle": idle,
            "rss_mb_10k_rooms": ten_thousand,
            "ready_s": ready,
        }
    )


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except CannotMeasure as problem:
        say(f"cannot measure: {problem}")
        sys.exit(1)
