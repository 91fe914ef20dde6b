"""`circles check` about the machine: each fault is found, and the line says what to do."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from circles.__main__ import PROBES
from circles.adapters.store.backlog import Backlog, Waiting
from circles.adapters.store.database import SqlDatabase
from circles.bootstrap import check_backlog, check_database, check_rooms
from circles.config import Config
from circles.core import effects as fx
from circles.entrypoints import machine
from circles.entrypoints.whereabouts import LOST_FOR
from circles.facts import rooms
from circles.testing import ROOM
from rows import opened


def a_config(folder: Path, url: str = "http://127.0.0.1:1") -> Config:
    return Config.model_validate(
        {
            "homeserver": {"url": url, "server_name": "home.example"},
            "appservice": {"as_token": SecretStr("a" * 40), "hs_token": SecretStr("h" * 40)},
            "storage": {"data_dir": folder},
        }
    )


class Usage(NamedTuple):
    """What a disk says of itself."""

    total: int
    used: int
    free: int


@pytest.mark.parametrize(("free", "ok"), [(machine.LEAST_BYTES - 1, False), (machine.LEAST_BYTES, True)])
async def test_a_disk_that_is_nearly_full_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, ok: bool
) -> None:
    """Before it is full."""

    def usage(_folder: Path) -> Usage:
        return Usage(10**12, 0, free)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    finding = await machine.disk(a_config(tmp_path))

    assert finding.ok is ok
    assert ok or "make room" in finding.advice


async def test_a_data_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """As after a disk that was not mounted."""
    assert "does the data folder exist?" in (await machine.disk(a_config(tmp_path / "gone"))).advice


@asynccontextmanager
async def homeserver(date: str) -> AsyncGenerator[str]:
    """Serve a homeserver that believes it is `date`."""

    async def versions(_request: web.Request) -> web.Response:
        return web.json_response({}, headers={"Date": date})

    app = web.Application()
    app.router.add_get("/_matrix/client/versions", versions)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.mark.parametrize(("minutes", "ok"), [(0, True), (2, False), (-60, False)])
async def test_clocks_that_disagree_are_found(tmp_path: Path, minutes: int, ok: bool) -> None:
    """In either direction."""
    async with homeserver(format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)) as url:
        finding = await machine.clock(a_config(tmp_path, url))

    assert finding.ok is ok
    assert ok or "NTP" in finding.advice


@pytest.mark.parametrize("date", ["soon", ""])
async def test_a_homeserver_that_tells_no_time_is_no_fault(tmp_path: Path, date: str) -> None:
    """Nor is one that is not there: another line says that."""
    async with homeserver(date) as url:
        assert (await machine.clock(a_config(tmp_path, url))).ok
    assert (await machine.clock(a_config(tmp_path))).ok


NOTHING = Backlog(
    Waiting(),
    Waiting(),
    Waiting(),
    wakes=0,
    parked=0,
    quarantined=0,
    rooms=0,
    lost=0,
    shut_out=0,
    answers=0,
    calls=0,
    tokens=0,
)


@pytest.mark.parametrize("where", ["journal", "outbox", "due"])
def test_what_has_waited_long_is_found(where: str) -> None:
    """With where to look on; a short wait is as it should be."""
    long, short = Waiting(3, 3_600), Waiting(3, 60)
    finding, fine = (
        machine.backlog(
            replace(
                NOTHING,
                journal=waiting if where == "journal" else Waiting(),
                outbox=waiting if where == "outbox" else Waiting(),
                due=waiting if where == "due" else Waiting(),
            )
        )
        for waiting in (long, short)
    )

    assert not finding.ok
    assert "60 minutes" in finding.advice
    assert "log" in finding.advice
    assert fine.ok
    assert "3 things wait" in fine.text


def test_rooms_that_the_homeserver_does_not_know_are_found() -> None:
    """With what may be wrong and until when it can be put right; one that denies our server is only told."""
    there = replace(NOTHING, rooms=4)
    fine, shut, lost = map(machine.rooms, (there, replace(there, shut_out=1), replace(there, lost=2)))

    assert fine.line() == "ok   rooms: in 4"
    assert shut.ok
    assert "1 of them deny this server (server_shut_out in the log)" in shut.text
    assert lost.line().startswith("FIX  rooms: in 4: the homeserver knows nothing of 2 more (room_lost in the log)")
    assert "homeserver.url" in lost.advice
    assert LOST_FOR.days == 7
    assert "after seven days" in lost.advice


async def test_the_rows_of_a_real_database_are_looked_at(tmp_path: Path) -> None:
    """A reminder that was due an hour ago, for the service does not run, in a room that is lost; of a database that is
    not ready nothing.
    """
    config = a_config(tmp_path)
    for check in (check_backlog, check_rooms):
        assert "not looked at" in (await check(a_config(tmp_path / "new"))).text
    async with opened(tmp_path) as rows:
        await rows.perform(fx.WakeAt("reminders", "r1", ROOM, datetime.now(UTC) - timedelta(hours=1)))
        finding = await check_backlog(config)
        await rows.do(lambda c: rooms.save_room(c, ROOM, membership=rooms.LOST))
        found = await check_rooms(config)
    assert "a reminder or digest has waited 60 minutes" in finding.advice
    assert "knows nothing of 1 more" in found.advice
    Path(SqlDatabase(config.storage.url).url.database or "").write_bytes(b"no database" * 1000)  # noqa: ASYNC240
    assert (await check_backlog(config)).ok


async def test_a_folder_that_cannot_be_made_is_a_line_and_no_crash(tmp_path: Path) -> None:
    """As on a disk that may only be read."""
    (tmp_path / "file").write_text("in the way")
    config = a_config(tmp_path / "file" / "data")

    assert (await check_backlog(config)).ok
    finding = await check_database(config)
    assert not finding.ok
    assert "look at storage.url" in finding.advice
    assert not (await machine.disk(config)).ok


def test_the_command_asks_all_of_them() -> None:
    """What stands in the list is what `circles check` tells."""
    assert {machine.disk, machine.clock} <= set(PROBES)
    assert machine.backlog(NOTHING).ok
    assert machine.rooms(NOTHING).ok
