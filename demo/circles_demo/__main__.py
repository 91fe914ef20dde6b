"""`python -m circles_demo`: start everything, play a conversation, then stay for whoever wants to try it in Element."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

from circles_demo.conversation import Conversation, ConversationError, load
from circles_demo.play import Play
from circles_demo.stage import Stage, stage
from circles_demo.telling import Language, Record, Teller
from circles_harness import DidNotStart

CONVERSATIONS: Final = Path(__file__).parents[1] / "conversations"
DEFAULT: Final = CONVERSATIONS / "new-year.jsonl"
LONGEST_SECONDS: Final = 600
DID_NOT_HAPPEN: Final = 1
CANNOT_BE_PLAYED: Final = 2
INTERRUPTED: Final = 130


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Return the command line, read."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Two real homeservers, the AI member, and a conversation in which every promise is checked.",
        epilog="With CIRCLES_MODEL__BASE_URL and CIRCLES_MODEL__MODEL in the environment it uses that model.",
    )
    parser.add_argument("--once", action="store_true", help="end after the scripted part: 0 if every step happened")
    parser.add_argument(
        "--conversation", type=Path, default=DEFAULT, metavar="FILE", help="play another one (default: New-Year visits)"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("demo.jsonl"), metavar="FILE", help="the record (default: demo.jsonl)"
    )
    parser.add_argument("--language", choices=("en", "zh"), default="en", help="in which language the steps are told")
    parser.add_argument(
        "--pace", type=float, default=0.25, metavar="SECONDS", help="between two messages (default: 0.25)"
    )
    parser.add_argument("--no-digest", action="store_true", help="leave the digest out, which waits for a full minute")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    options = arguments(sys.argv[1:] if given is None else given)
    try:
        conversation = load(options.conversation)
    except ConversationError as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_BE_PLAYED
    try:
        return asyncio.run(_until_told_to_end(options, conversation))
    except KeyboardInterrupt:
        return INTERRUPTED


async def _until_told_to_end(options: argparse.Namespace, conversation: Conversation) -> int:
    """Run, and let Ctrl-C or a polite kill end it cleanly: every process and folder goes."""
    running = asyncio.ensure_future(_run(options, conversation))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Once: a second Ctrl-C must not interrupt the cleaning up, which has deadlines of its own.
        loop.add_signal_handler(number, lambda: running.cancel() if not running.cancelling() else None)
    try:
        return await running
    except asyncio.CancelledError:
        return INTERRUPTED


async def _run(options: argparse.Namespace, conversation: Conversation) -> int:
    language: Language = options.language
    teller = Teller(language)
    t = teller.choose
    record = Record(options.output)
    people = len(conversation.header.people)
    teller.title(t(f"Circles · {conversation.header.title}", f"Circles · {conversation.header.title}"))
    teller.plain(
        t(
            f"{people} people, two homeservers that federate, one AI member. Everything below happens as you read it.",
            f"{people} 个人，两台互通的服务器，一个 AI 成员。下面的每一步都是正在发生的。",
        )
    )
    teller.plain(t("Starting two Synapses and the AI …", "正在启动两台 Synapse 和 AI ……"))
    scripted = False
    result = DID_NOT_HAPPEN
    try:
        async with stage() as running:
            _introduce(teller, running)
            play = Play(
                running,
                conversation,
                teller,
                record,
                pace=options.pace,
                without={"digest"} if options.no_digest else (),
            )
            async with asyncio.timeout(LONGEST_SECONDS):
                await play.run()
            result = _conclude(teller, play, record)
            scripted = True
            if not options.once and play.people:
                _invite_to_try(teller, play)
                await asyncio.Event().wait()
    except* DidNotStart as group:
        for error in _leaves(group):
            teller.bad(t(f"It did not start. {error}", f"没能启动。{error}"))
    except* TimeoutError:
        teller.bad(t(f"It took more than {LONGEST_SECONDS} s.", f"超过了 {LONGEST_SECONDS} 秒。"))
    except* asyncio.CancelledError:
        teller.plain(t("\nEverything is stopped and removed.", "\n全部停掉、清理完毕。"))
        result = result if scripted else INTERRUPTED
    finally:
        record.close()
    return result


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    group = cast("BaseExceptionGroup[BaseException]", error)
    return [leaf for each in group.exceptions for leaf in _leaves(each)]


def _introduce(teller: Teller, running: Stage) -> None:
    t = teller.choose
    teller.good(
        t(
            f"home  {running.home.base_url}, server name {running.home.server_name}",
            f"第一台  {running.home.base_url}，名字 {running.home.server_name}",
        )
    )
    teller.good(
        t(
            f"away  {running.away.base_url}, server name {running.away.server_name}",
            f"第二台  {running.away.base_url}，名字 {running.away.server_name}",
        )
    )
    model = (
        t(f"with the model {running.model}", f"用模型 {running.model}")
        if running.model
        else t("without any AI model: it quotes", "没有 AI 模型：只摘原话")
    )
    teller.good(f"AI    {running.service.user_id}, {model}")


def _conclude(teller: Teller, play: Play, record: Record) -> int:
    t = teller.choose
    teller.plain()
    where = t(f" Events and rooms: {record.path}", f" 事件和群的编号：{record.path}") if record.path else ""
    if play.failures:
        teller.bad(t(f"{len(play.failures)} steps did not happen:", f"{len(play.failures)} 步没有做到："))
        for failure in play.failures:
            teller.plain(f"      {failure}")
    else:
        teller.good(
            t(f"Every step happened, in {teller.seconds:.0f} s.", f"每一步都做到了，{teller.seconds:.0f} 秒。") + where
        )
    record.write(
        "end",
        ok=not play.failures,
        seconds=round(teller.seconds, 1),
        failures=play.failures,
        room=play.room,
    )
    return DID_NOT_HAPPEN if play.failures else 0


def _invite_to_try(teller: Teller, play: Play) -> None:
    t = teller.choose
    teller.title(t("Try it yourself", "自己试试"))
    teller.plain(
        t(
            "In Element on this machine: Sign in, Edit the homeserver, enter its address, then name and password.",
            "在这台机器上打开 Element：登录，改服务器地址，再填名字和密码。",
        )
    )
    for someone in play.conversation.header.people:
        person = play.people[someone.id]
        teller.plain(f"    {person.base_url}   {someone.id:8} {person.password}   {someone.known_as}")
    teller.plain(
        t(
            f"The room is “{play.conversation.header.room}”; say “!circle help” there, or write to "
            f"{play.ai} in private.",
            f"群是“{play.conversation.header.room}”；在里面说“!circle 帮助”，或私信 {play.ai}。",
        )
    )
    teller.plain(t("Ctrl-C ends it and removes everything.", "按 Ctrl-C 结束，什么都不留下。"))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
