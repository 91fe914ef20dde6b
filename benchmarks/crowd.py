"""A circle of ten thousand members on a real Synapse: `benchmarks/crowd.py [--members N]`.

As many people as asked for join one room (they are one application service's, so that they need no sign-in), then the
AI is invited and admitted, is asked, people come and one says `out`.  Measures how long an admin waits, what the
service's memory grows by, and how often it speaks in the room by itself.  Prints a table and a RESULT line; exits
non-zero only when it cannot measure.  Most of its time Synapse takes for the joins: ten minutes for ten thousand.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import quote

from circles_bench.measure import rss_mb, say, show_result, show_table
from circles_harness import Event, Homeserver, Person, Service
from circles_harness.process import DidNotStart
from circles_harness.service import registration

MEMBERS, AT_ONCE = 10_000, 8
TOLD_EVERY = 1_000
QUESTIONS = 15
"""Fewer than one person may ask in a minute."""
COMING = 20
"""So many come once the AI is there."""
WITHIN_SECONDS = 300.0
AGREE = "2️⃣"


@dataclass
class Crowd:
    """People without a device of their own, through the token of their application service."""

    homeserver: Homeserver
    voice: Person

    async def come(self, room: str, numbers: range) -> None:
        """Let them be registered and join, some at once."""
        waiting = iter(numbers)

        async def join_some() -> None:
            for number in waiting:
                name = f"crowd-{number}"
                body = {"type": "m.login.application_service", "username": name, "inhibit_login": True}
                await self.voice.request("POST", "/v3/register", body)
                who = [("user_id", f"@{name}:{self.homeserver.server_name}")]
                await self.voice.request("POST", f"/v3/join/{quote(room, safe='')}", {}, query=who)
                if (number + 1) % TOLD_EVERY == 0:
                    say(f"  {number + 1:,} have joined")

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(join_some())


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return how many seconds something takes."""
    begun = time.monotonic()
    await work()
    return time.monotonic() - begun


def of_kind(service: Service, kind: str) -> Callable[[Event], bool]:
    """Ask of an event whether it is the AI's, and of a kind."""

    def holds(event: Event) -> bool:
        mark = event["content"].get("io.github.matrix_circles.ai", {})
        return bool(event["sender"] == service.user_id and mark.get("kind") == kind)

    return holds


async def answered(person: Person, room: str, words: str, service: Service) -> None:
    """Say something to the AI and wait for its answer."""
    question = await person.say(room, words)

    def holds(event: Event) -> bool:
        relation = event["content"].get("m.relates_to", {})
        replied = relation.get("m.in_reply_to", {}).get("event_id") == question
        return bool(event["sender"] == service.user_id and event["type"] == "m.room.message" and replied)

    await person.wait_for(room, holds, what=f"the answer to {words}", timeout=WITHIN_SECONDS)


async def measure(members: int) -> dict[str, float | int | str]:
    """Make the room, and do in it what people do."""
    async with AsyncExitStack() as stack:
        homeserver = Homeserver()
        ghosts = registration(server_name=homeserver.server_name, url="", localpart="crowd")
        users = [{"exclusive": True, "regex": f"@crowd-.*:{homeserver.server_name}"}]
        homeserver.add_appservice(ghosts | {"url": None, "namespaces": {"users": users}})
        service = Service(homeserver, config={"invites": {"allow": ["*"]}, "timing": {"newcomers_seconds": 2}})
        await stack.enter_async_context(homeserver)
        await service.start()
        stack.push_async_callback(service.stop)
        host = await homeserver.person("mei")
        voice = Person(
            base_url=homeserver.base_url,
            user_id=f"@crowd_service:{homeserver.server_name}",
            access_token=str(ghosts["as_token"]),
            device_id="",
        )
        stack.push_async_callback(voice.close)
        crowd = Crowd(homeserver, voice)
        room = await host.create_room("Market", preset="public_chat")
        before = rss_mb(service.pid or 0)
        gathered = await timed(lambda: crowd.come(room, range(members)))
        await host.sync()

        async def admit() -> None:
            await host.invite(room, service.user_id)
            await host.wait_for(room, of_kind(service, "admission"), what="the question", timeout=WITHIN_SECONDS)

        asked = await timed(admit)
        question = next(event for event in host.timeline(room) if of_kind(service, "admission")(event))

        async def agree() -> None:
            await host.react(room, question["event_id"], AGREE)
            await host.wait_for(room, of_kind(service, "banner"), what="the banner", timeout=WITHIN_SECONDS)

        agreed = await timed(agree)
        helps = [await timed(lambda: answered(host, room, "!circle help", service)) for _ in range(QUESTIONS)]
        summary = await timed(lambda: answered(host, room, "!circle summary", service))
        posts = sum(1 for event in host.timeline(room) if event["sender"] == service.user_id)
        await crowd.come(room, range(members, members + COMING))
        await host.wait_for_text(room, "Welcome", sender=service.user_id, timeout=WITHIN_SECONDS)
        private = await host.start_dm(service.user_id)
        await host.wait_for_member(private, service.user_id, "join", timeout=WITHIN_SECONDS)
        out = await timed(lambda: answered(host, private, "out", service))
        await answered(host, room, "!circle help", service)
        more = sum(1 for event in host.timeline(room) if event["sender"] == service.user_id) - posts - 1
        return {
            "members": members,
            "joins_s": gathered,
            "admission_s": asked,
            "banner_s": agreed,
            "help_ms_p50": statistics.median(helps) * 1000,
            "summary_ms": summary * 1000,
            "out_ms": out * 1000,
            "said_of_newcomers": more,
            "rss_mb_before": before,
            "rss_mb": rss_mb(service.pid or 0),
        }


async def main(members: int) -> None:
    """Measure with few and with many, and print."""
    few, many = await measure(members // 100), await measure(members)
    show_table(("", "few", "many"), [(key, *(_shown(each[key]) for each in (few, many))) for key in many])
    show_result(many)


def _shown(value: float | int | str) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--members", type=int, default=MEMBERS)
    try:
        asyncio.run(main(parser.parse_args().members))
    except DidNotStart as problem:
        say(f"cannot measure: {problem}")
        sys.exit(1)
