"""Encryption towards the homeserver: the device's keys, its `/sync`, room keys shared, ciphertext made and opened.

Room events come by transactions; this `/sync` brings only what is for the device (a filter leaves the rooms out), which
was measured to lose nothing while the service is down.  All of nio's machine runs in one thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, TypeVar, cast
from urllib.parse import quote, urlencode

from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto import device
from circles.adapters.matrix.crypto.cross_signing import CrossSigning
from circles.adapters.matrix.crypto.files import lock, secret
from circles.adapters.matrix.crypto.machine import MEGOLM, SIGNED, Machine, Received, Trouble
from circles.adapters.store import positions
from circles.core.ids import RoomID, UserID
from circles.errors import ConfigurationError, MatrixBadRequest, MatrixError, MatrixNotFound, MatrixUnavailable
from circles.facts import rooms
from circles.ports import Database, TellsTime

log = logging.getLogger(__name__)

T = TypeVar("T")
Json = dict[str, Any]
POLL_MS: Final = 30_000
ANSWER_MS: Final = 10_000
"""How long our homeserver may wait for others when it is asked for devices and keys."""
BACKOFF_SECONDS: Final = (1, 2, 4, 8, 15, 30)
RENEW_SECONDS: Final = 60
"""So young a copy of the keys could come back unnoticed; `circles restore` is noticed always."""
MOST_MESSAGES: Final = 100
LONGEST: Final = timedelta(days=7)
FILTER: Final = json.dumps(
    {"room": {"rooms": []}, "presence": {"types": []}, "account_data": {"types": []}}, separators=(",", ":")
)


class Crypto:
    """The AI's one device. Start it, then run its sync; encrypt and decrypt wait until it has started."""

    def __init__(
        self,
        database: Database,
        client: MatrixClient,
        folder: Path,
        secrets_dir: Path,
        begins: str,
        name: str,
        clock: TellsTime,
    ) -> None:
        """Prepare.

        Args:
            folder: of the device's keys, nobody else's to read.
            secrets_dir: of the pickle key and the cross-signing seeds, apart from the keys.
            begins: how the ids of the AI's devices begin.
        """
        self._database = database
        self._client = client
        self._folder = folder
        self._secrets = secrets_dir
        self._begins = begins
        self._name = name
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "crypto")
        self._machine: Machine | None = None
        self._identity: CrossSigning | None = None
        self._lock: IO[bytes] | None = None
        self._started = asyncio.Event()
        self._asking = asyncio.Lock()
        self._rooms: defaultdict[RoomID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._renewed = 0.0
        self.caught_up = asyncio.Event()
        """Set once nothing more waits at the homeserver for the device: keys that came meanwhile are here."""
        self.replaced_at = 0
        """When the device was replaced, in ms, 0 for never: what was being sent then may stand under the old one."""

    # --- starting ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Settle which device we are, and publish its keys and our identity's signature of them. Safe to repeat.

        Raises:
            MatrixError: the homeserver refused, or did not answer; to be tried again.
            ConfigurationError: another process has the keys, or a secret is damaged.
        """
        if self._lock is None:
            self._lock = lock(self._folder)
        if self._identity is None:
            self._identity = await self._load_identity()
        await self._close_machine()
        now = int(self._clock.now().timestamp() * 1000)
        self._machine = await device.settle(
            self._client, self._folder, self._begins, self._name, now, self._opened, self._closed
        )
        await self._upload_keys(count=None, fallback_used=not self._machine.is_published)
        await self._publish_identity(self._machine)
        await device.published(self._client, self._folder, self._inherit)
        await self._renew()
        record = device.read_record(self._folder)
        self.replaced_at = record.since if record is not None and record.reason else 0
        self._started.set()

    async def _load_identity(self) -> CrossSigning:
        shared = await self._database.read(partial(positions.token_of, name=positions.IDENTITY))
        try:
            identity = CrossSigning.load(self._client.user_id, self._secrets / "cross_signing.json", shared)
        except ValueError:
            advice = "put it back from a backup; without one, remove it, and people see a new identity."
            raise ConfigurationError([("secrets/cross_signing.json", advice)]) from None
        if shared is None:
            at = int(self._clock.now().timestamp() * 1000)
            await self._database.write(lambda c: positions.note(c, positions.IDENTITY, identity.shared, at))
        return identity

    async def meet(self) -> None:
        """Start, or where we run already see that the homeserver still shows our device as it is; else take a new one.

        Raises:
            MatrixError: the homeserver did not answer; to be tried again.
        """
        machine = self._machine
        if self._started.is_set() and machine is not None:
            shown = (await device.query_own(self._client)).get("device_keys", {}).get(self._client.user_id, {})
            keys = shown.get(machine.device_id, {}).get("keys", {})
            if keys.get(f"ed25519:{machine.device_id}") == machine.keys[1]:
                return
        await self.start()

    async def _opened(self, device_id: str) -> Machine:
        return await self._run(self._open, device_id)

    async def _closed(self, machine: Machine) -> None:
        await self._run(machine.close)

    def _open(self, device_id: str) -> Machine:
        return Machine(self._folder, self._client.user_id, device_id, secret(self._secrets / "pickle_key"))

    async def _inherit(self, old: str) -> None:
        """Take over what a replaced device could read; a store that cannot be opened has nothing to give."""
        machine = self._machine
        assert machine is not None  # noqa: S101  # start() made it
        try:
            older = await self._opened(old)
        except Exception as error:  # noqa: BLE001  # whatever the library raises for a wrong key or a torn file
            log.warning(
                "A key store could not be opened.", extra={"action": "store_failed", "error": type(error).__name__}
            )
            return
        try:
            count = await self._run(machine.inherit, older)
        finally:
            await self._closed(older)
        log.info("Room keys were taken over.", extra={"action": "keys_inherited", "count": count})

    async def _publish_identity(self, machine: Machine) -> None:
        """Let the identity vouch for the device, and the device for the identity, where they do not yet."""
        identity = self._identity
        assert identity is not None  # noqa: S101  # start() loads it first
        shown = await device.query_own(self._client)
        user = self._client.user_id
        if not identity.is_shown_in(shown):
            known = bool(shown.get("master_keys", {}).get(user))
            try:
                await self._client.request("POST", "/_matrix/client/v3/keys/device_signing/upload", identity.upload())
            except MatrixError as error:
                if not known or not error.status:
                    raise
                # Better unsigned than silent. Synapse takes none back that was replaced before.
                log.warning(
                    "The homeserver keeps another cross-signing identity of the AI.",
                    extra={"action": "identity_refused", "errcode": error.errcode, "status": error.status},
                )
                return
            if known:
                log.warning(
                    "The AI has a new cross-signing identity: people may be told so.",
                    extra={"action": "identity_replaced"},
                )
            shown = await device.query_own(self._client)
        ours = cast("Json", shown.get("device_keys", {}).get(user, {}).get(machine.device_id, {}))
        if identity.vouches_for(ours):
            return
        keys = await self._run(machine.device_keys)
        master = cast("Json", identity.upload()["master_key"])
        signature = await self._run(machine.sign, master)
        signed = {**master, "signatures": {user: {f"ed25519:{machine.device_id}": signature}}}
        body = identity.device_signatures(keys)
        body[user][identity.public("master")] = signed
        answer = await self._client.request("POST", "/_matrix/client/v3/keys/signatures/upload", body)
        if answer.get("failures"):
            log.warning("The device's signature was refused.", extra={"action": "signature_refused"})
            raise MatrixUnavailable("The homeserver refused a cross-signing signature.")

    async def stop(self) -> None:
        """Let go of the keys."""
        await self._close_machine()
        self._thread.shutdown()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def _close_machine(self) -> None:
        self._started.clear()
        machine, self._machine = self._machine, None
        if machine is not None:
            await self._closed(machine)

    async def _ready(self) -> Machine:
        await self._started.wait()
        machine = self._machine
        if machine is None:
            raise MatrixUnavailable("The device is being replaced.")
        return machine

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run work of the machine in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*arguments))

    # --- the sync of the device -------------------------------------------------------------------------------------

    async def sync(self, handle: Callable[[Received], Awaitable[None]]) -> None:
        """Take in what comes for the device, for ever. `handle` is told what came, before the homeserver forgets it."""
        failed = 0
        while True:
            try:
                await self._sync_once(handle, POLL_MS)
                failed = 0
            except MatrixError as error:
                if error.errcode == "M_UNKNOWN_DEVICE":
                    await self._again()
                log.info("The sync waits.", extra={"action": "sync_waits", "errcode": error.errcode})
                await asyncio.sleep(BACKOFF_SECONDS[min(failed, len(BACKOFF_SECONDS) - 1)])
                failed += 1
            except Exception as error:  # noqa: BLE001  # a full disk must not end it for good
                log.error(  # noqa: TRY400  # the traceback may carry keys
                    "The sync broke off.", extra={"action": "sync_failed", "error": type(error).__name__}
                )
                await asyncio.sleep(BACKOFF_SECONDS[2])

    async def _again(self) -> None:
        """Our device was deleted while we run: take a new one."""
        try:
            await self.start()
        except MatrixError as error:
            log.warning("No new device could be made yet.", extra={"action": "device_waits", "errcode": error.errcode})

    async def _sync_once(self, handle: Callable[[Received], Awaitable[None]], timeout_ms: int) -> None:
        machine = await self._ready()
        since = await self._run(lambda: machine.since)
        query = {
            "filter": FILTER,
            "timeout": str(timeout_ms if since and self.caught_up.is_set() else 0),
            "set_presence": "offline",
        }
        if since:
            query["since"] = since
        answer = await self._client.request("GET", f"/_matrix/client/v3/sync?{urlencode(query)}")
        events = answer.get("to_device", {}).get("events", [])
        received = await self._run(machine.receive, events)
        changed = answer.get("device_lists", {}).get("changed", [])
        await self._run(machine.changed, changed)
        received.devices = bool(changed)
        await handle(received)  # First of all: what waits for a key need not wait for the rest.
        counts = answer.get("device_one_time_keys_count", {})
        unused = answer.get("device_unused_fallback_key_types")
        await self._upload_keys(int(counts.get(SIGNED, 0)), isinstance(unused, list) and SIGNED not in unused)
        for user, sender_device, txn_id in received.verifications:
            # Nobody here can compare emoji: their client shall not wait. The words that say so go by the room.
            cancel = {"transaction_id": txn_id, "code": "m.user", "reason": "This is an AI."}
            await self._to_device("m.key.verification.cancel", {user: {sender_device: cancel}})
        if received.keys:
            await self._ask_devices(await self._run(lambda: machine.queued))
        await self._heal(machine)
        await self._run(machine.handled, str(answer["next_batch"]))
        if not events:
            self.caught_up.set()
        else:
            await self._renew_sometimes()

    async def _upload_keys(self, count: int | None, fallback_used: bool) -> None:
        """Give the homeserver the keys it lacks; `count` None: as many one-time keys as it says to have."""
        machine = self._machine
        if machine is None:
            return
        if count is None:
            if machine.is_published:
                return
            count = 0
        body = await self._run(machine.keys_to_upload, count, fallback_used)
        if body is not None:
            await self._client.request("POST", "/_matrix/client/v3/keys/upload", body)
            await self._run(machine.uploaded)

    async def _heal(self, machine: Machine) -> None:
        """Make broken sessions with devices anew, so that the next room key arrives."""
        if not machine.is_wedged:
            return
        await self._claim(machine, ())
        for message in await self._run(lambda: machine.outgoing):
            await self._to_device(cast("str", message.type), message.as_dict()["messages"])
            await self._run(machine.sent, message)

    async def _renew_sometimes(self) -> None:
        if asyncio.get_running_loop().time() - self._renewed > RENEW_SECONDS:
            await self._renew()

    async def _renew(self) -> None:
        await device.renew_mark(self._client, self._folder)
        self._renewed = asyncio.get_running_loop().time()

    # --- devices of others ------------------------------------------------------------------------------------------

    async def _ask_devices(self, users: Collection[str]) -> None:
        machine = self._machine
        if not users or machine is None:
            return
        async with self._asking:
            body: Json = {"device_keys": {user: [] for user in users}, "timeout": ANSWER_MS}
            answer = await self._client.request("POST", "/_matrix/client/v3/keys/query", body)
            await self._run(machine.answered_devices, users, answer)

    async def _claim(self, machine: Machine, users: Collection[UserID]) -> None:
        async with self._asking:
            wanted = await self._run(machine.without_session, users)
            if wanted:
                body = {"one_time_keys": wanted, "timeout": ANSWER_MS}
                answer = await self._client.request("POST", "/_matrix/client/v3/keys/claim", body)
                await self._run(machine.claimed, answer)

    async def _to_device(self, type_: str, messages: Mapping[str, Any]) -> None:
        # No repeat is ever wanted with another body, so each request is one of its own.
        path = f"/_matrix/client/v3/sendToDevice/{quote(type_, safe='')}/{uuid.uuid4().hex}"
        await self._client.request("PUT", path, {"messages": messages})

    async def has_devices(self, user_id: UserID) -> bool:
        """Return whether a person has a device that can read what is encrypted."""
        machine = await self._ready()
        await self._ask_devices([user_id])
        return await self._run(machine.devices_of, user_id) > 0

    # --- writing ----------------------------------------------------------------------------------------------------

    async def encrypt(self, room_id: RoomID, type_: str, content: Mapping[str, Any]) -> Json:
        """Return the content of an `m.room.encrypted` that everyone in the room now can read, and nobody else.

        Raises:
            MatrixError: it cannot be done now; nothing may be sent instead.
        """
        machine = await self._ready()
        async with self._rooms[room_id]:
            users = await self._members(room_id)
            await self._ask_devices(await self._run(machine.unasked, users))
            if not await self._run(machine.has_session, room_id, users):
                messages, age = await self._rotation(room_id)
                await self._run(machine.new_session, room_id, users, messages, age)
            await self._claim(machine, users)
            for share in await self._run(machine.shares, room_id, users):
                await self._to_device("m.room.encrypted", share.body["messages"])
                await self._run(machine.shared, room_id, share)
            encrypted = await self._run(machine.encrypt, room_id, type_, content)
        await self._renew_sometimes()
        return encrypted

    async def _members(self, room_id: RoomID) -> frozenset[UserID]:
        """Return who must be able to read: the joined, asked now for our rows may lag behind, and the invited."""
        joined = await self._client.joined_members(room_id)
        invited = await self._database.read(partial(rooms.invited, room_id=room_id))
        return frozenset((*(UserID(user) for user in joined), *invited))

    async def _rotation(self, room_id: RoomID) -> tuple[int, timedelta]:
        """Return after how many messages and how long the room wants new keys; never later than we do by ourselves."""
        content = await self._client.state_event(room_id, "m.room.encryption")
        messages, age = content.get("rotation_period_msgs"), content.get("rotation_period_ms")
        longest = timedelta(milliseconds=age) if isinstance(age, int) and age > 0 else LONGEST
        most = messages if isinstance(messages, int) and messages > 0 else MOST_MESSAGES
        return min(most, MOST_MESSAGES), min(longest, LONGEST)

    async def is_encrypted(self, room_id: RoomID) -> bool:
        """Ask the homeserver whether a room is encrypted.

        Raises:
            MatrixError: it cannot be told, so nothing may be sent; also where the algorithm is one we do not know.
        """
        try:
            content = await self._client.state_event(room_id, "m.room.encryption")
        except MatrixNotFound:
            return False
        if content.get("algorithm") != MEGOLM:
            raise MatrixBadRequest("The room is encrypted in a way that is not known here.")
        return True

    # --- reading ----------------------------------------------------------------------------------------------------

    async def decrypt(self, event: Mapping[str, Any]) -> Json | Trouble:
        """Return an event in the clear, or why it cannot be read. The policy was asked before.

        Raises:
            MatrixError: the sender's devices could not be asked for; to be tried again.
        """
        machine = await self._ready()
        opened = await self._run(machine.decrypt, event)
        if opened is Trouble.UNKNOWN_DEVICE:
            await self._ask_devices([str(event["sender"])])
            opened = await self._run(machine.decrypt, event)
        return opened

    # --- what the operator and `!circle e2ee` are told --------------------------------------------------------------

    async def shown(self) -> tuple[str, str, bool]:
        """Return the device's id, its fingerprint as clients show it, and whether our identity vouches for it."""
        machine = await self._ready()
        answer = await device.query_own(self._client)
        ours = cast("Json", answer.get("device_keys", {}).get(self._client.user_id, {}).get(machine.device_id, {}))
        vouched = self._identity is not None and self._identity.vouches_for(ours)
        return machine.device_id, machine.keys[1], vouched
