"""Which device the AI is: kept while its keys and the homeserver's agree, replaced as a whole where they do not.

A device is made by `PUT /devices/{id}` under the `as_token` (no login, so it works under delegated auth).  Its keys can
never change: people's clients ignore new keys of a device they know, and would fall silent (measured).  So a store that
was lost, restored from a backup, or that the homeserver forgot means a new device under a new id, and the old one is
deleted.  The record is written first and the old device deleted last, so that a start cut short anywhere is finished
by the next.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import string
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.files import write_private
from circles.adapters.matrix.crypto.machine import Machine, store_name
from circles.core.ids import UserID
from circles.errors import MatrixNotFound

log = logging.getLogger(__name__)

Json = dict[str, Any]
Opens = Callable[[str], Awaitable[Machine]]
Closes = Callable[[Machine], Awaitable[None]]
Inherits = Callable[[str], Awaitable[None]]
RECORD: Final = "device.json"
MARK_TYPE: Final = "io.github.matrix_circles.device"
"""Account data of the AI's user: a mark that changes often, here and in the record. Where they differ, one of the two
was restored from a backup, and its sessions with people's devices would repeat keys."""

FROM_BACKUP: Final = "from a backup"
"""In the place of a mark: none that a homeserver ever had."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of the device besides its keys.

    Attributes:
        since: when it was made, in ms. What was being sent before it may stand already, under the old device's name.
        published: whether the homeserver was given its keys.
        mark, next_mark: the mark the homeserver has, and the one it is being given.
        drop: old devices still to be deleted.
        reason: why the last one was replaced, '' for the first.
    """

    device_id: str
    since: int
    published: bool = False
    mark: str = ""
    next_mark: str = ""
    drop: tuple[str, ...] = ()
    reason: str = ""


def read_record(folder: Path) -> Record | None:
    """Return the record in a folder; None where there is none that can be read."""
    try:
        stored = cast("Json", json.loads((folder / RECORD).read_text(encoding="utf-8")))
        drop = tuple(cast("list[str]", stored.pop("drop")))
        return Record(**stored, drop=drop)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Write the record."""
    write_private(folder / RECORD, json.dumps(asdict(record)).encode())


async def settle(
    client: MatrixClient, folder: Path, begins: str, name: str, now: int, opens: Opens, closes: Closes
) -> Machine:
    """Return the machine of the device to use; afterwards the device is there and the record says so.

    Until then no request here names a device: the one we had may be gone.

    Raises:
        MatrixError: the homeserver refused, or did not answer; to be tried again.
    """
    shown = await query_own(client)
    record = read_record(folder)
    known = cast("Mapping[str, Json]", shown.get("device_keys", {}).get(client.user_id, {}))
    stored = _stored(folder, begins)
    machine: Machine | None = None
    why = _lost(record, begins, known, stored)
    if record is not None and not why:
        try:
            machine = await opens(record.device_id)
        except Exception as error:  # noqa: BLE001  # whatever the library raises for a wrong key or a torn file
            log.warning(
                "A key store could not be opened.", extra={"action": "store_failed", "error": type(error).__name__}
            )
            why = "store_unreadable"
        else:
            why = await _differs(client, machine, record, known.get(record.device_id))
    if why or record is None:
        if machine is not None:
            await closes(machine)
            machine = None
        # Also those of other hosts that led before us (see the decision on replicas).
        ours = {*stored, *(each for each in known if each.startswith(begins))}
        older = (*record.drop, record.device_id) if record is not None else ()
        record = Record(
            # Never an id that was: people's clients would meet another key under it, and fall silent for good. Not even
            # the first, for nobody can tell whether there was one: it may be signed out, and its folder lost with it.
            device_id=f"{begins}{_random()}",
            since=now,
            drop=(*older, *sorted(ours - {*older})),
            reason=why,
        )
        write_record(folder, record)
        if why:
            log.warning(
                "The AI has a new device; the old one is deleted.",
                extra={"action": "device_replaced", "device_id": record.device_id, "cause": why},
            )
    if machine is None:
        machine = await opens(record.device_id)
    await client.request("PUT", _path(record.device_id), {"display_name": name}, user_id=client.user_id)
    client.device_id = record.device_id
    return machine


async def _differs(client: MatrixClient, machine: Machine, record: Record, shown: Json | None) -> str:
    """Return why the keys we have cannot be used any more, '' if they can."""
    if shown is None:
        return "server_forgot" if machine.is_published or record.published else ""
    curve, ed = machine.keys
    keys = shown.get("keys", {})
    if (keys.get(f"curve25519:{record.device_id}"), keys.get(f"ed25519:{record.device_id}")) != (curve, ed):
        return "keys_differ"
    if not record.published:
        return ""  # The start that made it was cut short: there is no mark of it yet.
    marked = await _mark(client)
    return "" if marked in (record.mark, record.next_mark) else "restored"


def _lost(record: Record | None, begins: str, known: Mapping[str, Json], stored: frozenset[str]) -> str:
    """Return what was lost of a device that was, '' for nothing."""
    if record is None:
        return "record_lost" if stored or any(each.startswith(begins) for each in known) else ""
    if record.device_id not in stored and (record.published or record.device_id in known):
        return "store_lost"
    return ""


def _stored(folder: Path, begins: str) -> frozenset[str]:
    """Return the ids of the devices of ours whose stores are in the folder."""
    names = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    suffix = store_name("")
    return frozenset(name.removesuffix(suffix) for name in names if name.startswith(begins) and name.endswith(suffix))


async def query_own(client: MatrixClient) -> Json:
    """Return what the homeserver shows of our own devices and identity."""
    asked: Json = {"device_keys": {client.user_id: []}}
    return await client.request("POST", "/_matrix/client/v3/keys/query", asked, user_id=client.user_id)


async def published(client: MatrixClient, folder: Path, inherits: Inherits) -> None:
    """Note that the device's keys are out, and delete the devices it replaces, once it has what they could read."""
    record = read_record(folder)
    if record is None:
        return
    if not record.published:
        record = replace(record, published=True)
        write_record(folder, record)
    for old in record.drop:
        if (folder / store_name(old)).exists():
            await inherits(old)
        with contextlib.suppress(MatrixNotFound):
            await client.request("DELETE", _path(old), {})
        (folder / store_name(old)).unlink(missing_ok=True)
    if record.drop:
        write_record(folder, replace(record, drop=()))


def came_back(folder: Path) -> None:
    """Note that the folder came out of a backup, however young: the next start takes a new device."""
    record = read_record(folder)
    if record is not None:
        write_record(folder, replace(record, mark=FROM_BACKUP, next_mark=FROM_BACKUP))


async def renew_mark(client: MatrixClient, folder: Path) -> None:
    """Change the mark here and there; between the two either counts."""
    record = read_record(folder)
    if record is None:
        return
    made = secrets.token_hex(8)
    write_record(folder, replace(record, next_mark=made))
    await client.request("PUT", _account_data(client.user_id), {"device_id": record.device_id, "mark": made})
    write_record(folder, replace(record, mark=made, next_mark=""))


async def _mark(client: MatrixClient) -> str:
    try:
        stored = await client.request("GET", _account_data(client.user_id), user_id=client.user_id)
        return str(stored.get("mark", ""))
    except MatrixNotFound:
        return ""


def _path(device_id: str) -> str:
    return f"/_matrix/client/v3/devices/{quote(device_id, safe='')}"


def _account_data(user_id: UserID) -> str:
    return f"/_matrix/client/v3/user/{quote(user_id, safe='')}/account_data/{MARK_TYPE}"


def _random() -> str:
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(8))
