"""The command `circles`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

try:
    from circles.config import Config
    from circles.entrypoints import cli, machine
    from circles.entrypoints.checks import Finding
    from circles.ports import Database
except ModuleNotFoundError as missing:
    # The base install is what Synapse needs of us: the rules and the module.
    advice = "Install the service with its extra: pip install 'matrix-circles[appservice]'"
    sys.stderr.write(f"{missing.name} is missing. {advice}\n")
    sys.exit(1)

# `bootstrap` is not imported at the top: the other commands start at once, and work where the service does not.


async def _run(config: Config) -> None:
    from circles import bootstrap

    await bootstrap.run(config)


def _backup(config: Config, output: str, *, force: bool) -> str:
    from circles.entrypoints import backups

    return backups.make(config, output, force=force)


def _restore(config: Config, path: Path, lists: Sequence[Path], *, without_purges: bool) -> str:
    from circles.entrypoints import backups

    return backups.restore(config, path, lists, without_purges=without_purges)


async def _check_database(config: Config) -> Finding:
    from circles import bootstrap

    return await bootstrap.check_database(config)


async def _check_backlog(config: Config) -> Finding:
    from circles import bootstrap

    return await bootstrap.check_backlog(config)


async def _check_rooms(config: Config) -> Finding:
    from circles import bootstrap

    return await bootstrap.check_rooms(config)


async def _check_quarantine(config: Config) -> Finding:
    from circles import bootstrap

    return await bootstrap.check_quarantine(config)


PROBES = (machine.disk, machine.clock, _check_database, _check_backlog, _check_rooms, _check_quarantine)
"""Checks of single parts, in the order in which they are told."""


def _opened(config: Config) -> AbstractAsyncContextManager[Database]:
    from circles import bootstrap

    return bootstrap.opened(config)


def main() -> int:
    """Run the command line."""
    parts = cli.Parts(run=_run, opened=_opened, backup=_backup, restore=_restore, probes=PROBES)
    return cli.main(sys.argv[1:], parts)


if __name__ == "__main__":
    sys.exit(main())
