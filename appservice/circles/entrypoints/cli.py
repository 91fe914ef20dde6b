"""The command `circles`: config, registration, check, run, audit, backup, restore, quarantine, keys, uninstall,
version.

Exit codes: 0 done, 1 a check failed or a file is in the way, 2 the command line is wrong, 78 the configuration is wrong
(EX_CONFIG: systemd then does not start it again and again), 75 another process has the database, or the machine fails
us for now (EX_TEMPFAIL), 130 interrupted.
What the service and its database are is handed in by `circles.__main__`, for this layer does not know them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Any, Final

from circles import logs
from circles.adapters.clock import SystemClock
from circles.config import Config, Tokens, sample
from circles.entrypoints import quarantine
from circles.entrypoints.auditing import audited
from circles.entrypoints.checks import Probe, our_version, run_checks, someone_listens
from circles.entrypoints.registration import (
    GATE,
    as_yaml,
    new_token,
    next_steps,
    registration,
    rotated,
    snippet,
    steps_after_rotation,
    tokens_of,
    write_private,
)
from circles.errors import ConfigurationError, MachineFailed, NotAlone, NotFound, UpstreamError
from circles.ports import Database

DONE: Final = 0
FAILED: Final = 1
NOT_NOW: Final = 75
BAD_CONFIGURATION: Final = 78
INTERRUPTED: Final = 130
MOST_DAYS: Final = 3_650


@dataclass(frozen=True, slots=True)
class Parts:
    """What the commands need of the layers above: the service itself, its database, and checks of such parts."""

    run: Callable[[Config], Coroutine[Any, Any, None]]
    opened: Callable[[Config], AbstractAsyncContextManager[Database]]
    backup: Callable[..., str]
    restore: Callable[..., str]
    probes: tuple[Probe, ...] = ()


def main(arguments: Sequence[str], parts: Parts) -> int:
    """Do what the command line says and return the exit code."""
    options = parser().parse_args(arguments)
    try:
        return int(options.command(options, parts))
    except ConfigurationError as error:
        for key, advice in error.problems:
            _say(f"FIX  {key}: {advice}", error=True)
        return BAD_CONFIGURATION
    except (NotAlone, MachineFailed) as problem:
        _say(str(problem), error=True)
        return NOT_NOW
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command line."""
    top = argparse.ArgumentParser(prog="circles", description="An AI member for Matrix rooms.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    config = _command(commands, "config", "write a commented sample of the configuration", _config)
    _output(config)

    registered = _command(
        commands, "registration", "make the tokens and the registration file for Synapse", _registration
    )
    _config_file(registered)
    _output(registered)
    registered.add_argument(
        "--gated",
        action="store_true",
        help="make sure that it is one for the gate: stop where homeserver.gated is false",
    )
    registered.add_argument("--rotate", action="store_true", help="make new tokens in the place of the old ones")

    shown = _command(
        commands, "homeserver-snippet", "print what belongs into homeserver.yaml for this configuration", _snippet
    )
    _config_file(shown)
    shown.add_argument(
        "--registration",
        type=Path,
        metavar="FILE",
        default=Path("/etc/matrix-synapse/circles-registration.yaml"),
        help="where Synapse reads the registration file (%(default)s)",
    )

    check = _command(commands, "check", "look at everything that has to fit together, and say what to fix", _check)
    _config_file(check)

    run = _command(commands, "run", "run the service", _run)
    _config_file(run)

    _quarantine(commands)
    _keys(commands)

    audit = _command(commands, "audit", "total up what was asked, sent, said and removed each day", _audit)
    _config_file(audit)
    audit.add_argument(
        "--days", type=_days, default=30, metavar="N", help="how many days, today among them (%(default)s)"
    )
    audit.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")

    away = _command(commands, "uninstall", "let the AI leave its rooms, and list what is left to remove", _uninstall)
    _config_file(away)
    away.add_argument("--yes", action="store_true", help="do it; without this it only says what would be done")
    away.add_argument(
        "--for-good",
        action="store_true",
        help="also deactivate the AI's account: its name can never be used again on this homeserver",
    )

    made = _command(commands, "backup", "write every row and the encryption keys into one file", _backup)
    _config_file(made)
    made.add_argument("--output", metavar="FILE", required=True, help="the backup's file, or - for the standard output")
    made.add_argument("--force", action="store_true", help="replace the file if there is one")

    restored = _command(commands, "restore", "bring a backup into an empty database", _restore)
    _config_file(restored)
    restored.add_argument("--input", type=Path, metavar="FILE", required=True, help="the backup's file")
    listed = restored.add_mutually_exclusive_group()
    listed.add_argument(
        "--purged",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="a purge list from beside the lost database, one for each host; without it the one in storage.data_dir",
    )
    listed.add_argument(
        "--without-purges",
        action="store_true",
        help="restore although it is not known what was taken back since the backup",
    )

    _command(commands, "version", "tell the version", _version)
    return top


def _quarantine(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage] - it has no other name
    meaning = "look at events that broke Circles, try them again, or drop them"
    top = commands.add_parser("quarantine", help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}.")
    verbs = top.add_subparsers(required=True, metavar="VERB")
    _config_file(_command(verbs, "list", "one line for each event, the oldest first", _on_quarantine(_list)))
    for verb, told, work in (
        ("show", "what is known of one event: ids, codes and sizes, never its words", _show),
        ("retry", "ask the homeserver for an event again and take it in anew", _retry),
        ("drop", "forget an event; it is not tried again", _drop),
    ):
        added = _command(verbs, verb, told, _on_quarantine(work))
        added.add_argument(
            "key",
            metavar="ID",
            help="the event's id or its reference" + ("" if verb == "show" else ", or the word all"),
        )
        _config_file(added)


def _keys(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage] - it has no other name
    meaning = "write the room keys of the AI's device into a file, or read such a file"
    top = commands.add_parser("keys", help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}.")
    verbs = top.add_subparsers(required=True, metavar="VERB")
    for verb, told in (
        ("export", "write every room key into a new file, encrypted with a passphrase, as Element does"),
        ("import", "add the room keys of such a file"),
    ):
        added = _command(verbs, verb, told, _on_keys)
        added.add_argument("file", type=Path, metavar="FILE")
        added.add_argument(
            "--passphrase-file",
            type=Path,
            metavar="FILE",
            help="its first line is the passphrase; else you are asked",
        )
        added.set_defaults(verb=verb)
        _config_file(added)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],  # pyright: ignore[reportPrivateUsage] - it has no other name
    name: str,
    meaning: str,
    command: Callable[[argparse.Namespace, Parts], int],
) -> argparse.ArgumentParser:
    added = commands.add_parser(name, help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}.")
    added.set_defaults(command=command)
    return added


def _config_file(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=Path(os.environ["CIRCLES_CONFIG"]) if os.environ.get("CIRCLES_CONFIG") else None,
        help="the configuration; without it CIRCLES_CONFIG names the file, else the environment alone counts",
    )


def _output(command: argparse.ArgumentParser) -> None:
    command.add_argument("--output", type=Path, metavar="FILE", help="write to this file, readable by you alone")
    command.add_argument("--force", action="store_true", help="replace the file if there is one")


def _config(options: argparse.Namespace, _parts: Parts) -> int:
    return _deliver(sample(), options.output, force=options.force)


def _registration(options: argparse.Namespace, _parts: Parts) -> int:
    output: Path | None = options.output
    if output is not None and output.exists() and not options.force:
        return _in_the_way(output)
    config = Config.load(options.config)
    if options.gated and not config.homeserver.gated:
        advice = (
            f"write true, and plugin: true, and as homeserver.url the gate's address, http://127.0.0.1:8018{GATE}/hs"
        )
        raise ConfigurationError([("homeserver.gated", advice)])
    try:
        ours = rotated(config) if options.rotate else tokens_of(config)
    except OSError:
        raise ConfigurationError(
            [("storage.data_dir", "the secrets cannot be written there: name another folder")]
        ) from None
    # In gated mode Synapse and its module keep the real tokens to themselves; ours are good for the gate alone.
    tokens = Tokens(new_token(), new_token()) if config.homeserver.gated else ours
    code = _deliver(as_yaml(registration(config, tokens)), output, force=options.force)
    if code == DONE:
        file = str(output.absolute()) if output else "registration.yaml"
        _say(steps_after_rotation(config, file) if options.rotate else next_steps(config, file), error=True)
    return code


def _snippet(options: argparse.Namespace, _parts: Parts) -> int:
    _say(snippet(Config.load(options.config), str(options.registration)))
    return DONE


def _check(options: argparse.Namespace, parts: Parts) -> int:
    config = Config.load(options.config)
    _say("ok   configuration")
    return asyncio.run(_check_all(config, parts))


async def _check_all(config: Config, parts: Parts) -> int:
    code = DONE
    async for finding in run_checks(config, parts.probes):
        _say(finding.line())
        if not finding.ok:
            code = FAILED
    return code


def _run(options: argparse.Namespace, parts: Parts) -> int:
    config = Config.load(options.config)
    _ = config.tokens
    logs.configure(config.log.level, config.log.format)
    asyncio.run(parts.run(config))
    return DONE


_QuarantineWork = Callable[[argparse.Namespace, Database], Awaitable[tuple[str, ...]]]


def _on_quarantine(work: _QuarantineWork) -> Callable[[argparse.Namespace, Parts], int]:
    def command(options: argparse.Namespace, parts: Parts) -> int:
        return asyncio.run(_say_quarantine(Config.load(options.config), options, parts, work))

    return command


async def _say_quarantine(config: Config, options: argparse.Namespace, parts: Parts, work: _QuarantineWork) -> int:
    try:
        async with parts.opened(config) as database:
            lines = await work(options, database)
    except NotFound as problem:
        _say(str(problem), error=True)
        return FAILED
    for line in lines:
        _say(line)
    return DONE


async def _list(_options: argparse.Namespace, database: Database) -> tuple[str, ...]:
    return await quarantine.listed(database)


async def _show(options: argparse.Namespace, database: Database) -> tuple[str, ...]:
    return await quarantine.shown(database, options.key)


async def _retry(options: argparse.Namespace, database: Database) -> tuple[str, ...]:
    return await quarantine.retried(database, SystemClock(), options.key)


async def _drop(options: argparse.Namespace, database: Database) -> tuple[str, ...]:
    return await quarantine.dropped(database, options.key)


def _days(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_DAYS:
        raise ValueError
    return number


def _audit(options: argparse.Namespace, parts: Parts) -> int:
    return asyncio.run(_say_audit(Config.load(options.config), options, parts))


async def _say_audit(config: Config, options: argparse.Namespace, parts: Parts) -> int:
    async with parts.opened(config) as database:
        for line in await audited(database, SystemClock(), options.days, as_json=options.json):
            _say(line)
    return DONE


def _on_keys(options: argparse.Namespace, _parts: Parts) -> int:
    # What it needs of Matrix is slow to import, and no other command but `run` needs it.
    from circles.entrypoints.key_files import export_keys, import_keys

    config = Config.load(options.config)
    work = export_keys if options.verb == "export" else import_keys
    try:
        _say(work(config, options.file, _passphrase(options.passphrase_file)))
    except NotFound as problem:
        _say(str(problem), error=True)
        return FAILED
    return DONE


def _passphrase(file: Path | None) -> str:
    """Return the passphrase, which is on no command line: others on the machine could read it there."""
    if file is None:
        return getpass("Passphrase of the file: ")
    try:
        first = file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError):
        first = ""
    if not first:
        raise NotFound(f"{file} holds no passphrase")
    return first


def _uninstall(options: argparse.Namespace, _parts: Parts) -> int:
    config = Config.load(options.config)
    _ = config.tokens
    return asyncio.run(_take_away(config, options))


async def _take_away(config: Config, options: argparse.Namespace) -> int:
    # What it needs of Matrix is slow to import, and no other command but `run` needs it.
    from circles.entrypoints.uninstalling import remains, uninstall

    if await someone_listens(config.health.host, config.health.port):
        _say("the service still runs: stop it first", error=True)
        return FAILED
    try:
        async for line in uninstall(config, for_good=options.for_good, really=options.yes):
            _say(line)
    except UpstreamError as error:
        _say(f"FIX  {error}", error=True)
        return FAILED
    _say(remains(config, options.config) if options.yes else "Nothing was done yet. Do it with --yes.")
    return DONE


def _backup(options: argparse.Namespace, parts: Parts) -> int:
    config = Config.load(options.config)
    return _told(lambda: parts.backup(config, options.output, force=options.force))


def _restore(options: argparse.Namespace, parts: Parts) -> int:
    config = Config.load(options.config)
    return _told(lambda: parts.restore(config, options.input, options.purged, without_purges=options.without_purges))


def _told(work: Callable[[], str]) -> int:
    """Do it and say what came of it; not to the standard output, where a backup may go."""
    try:
        _say(work(), error=True)
    except NotFound as problem:
        _say(str(problem), error=True)
        return FAILED
    return DONE


def _version(_options: argparse.Namespace, _parts: Parts) -> int:
    _say(f"circles {our_version()} (Python {platform.python_version()})")
    return DONE


def _deliver(text: str, output: Path | None, *, force: bool) -> int:
    if output is None:
        sys.stdout.write(text)
        return DONE
    try:
        write_private(output, text, replace=force)
    except FileExistsError:
        return _in_the_way(output)
    except OSError as error:
        _say(f"cannot write {output}: {error.strerror}", error=True)
        return FAILED
    _say(f"written: {output}", error=True)
    return DONE


def _in_the_way(output: Path) -> int:
    _say(f"{output} is there already: name another file, or replace it with --force", error=True)
    return FAILED


def _say(text: str, *, error: bool = False) -> None:
    print(text, file=sys.stderr if error else sys.stdout, flush=True)
