"""The AI device's keys and sessions: matrix-nio's Olm machine in one thread of its own, and what it leaves open.

Everything here is synchronous and without network: what must be asked of the homeserver comes out as requests, and the
answers go in.  `Crypto` (client.py) is the asynchronous half.  What nio does not do, or does wrong, is done here:
reading without the deprecated `sender_key`, binding a session to its sender's device, fallback keys, one-time keys from
zero, rotation when the members change (docs/decisions, "Encryption").
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, cast

import vodozemac
from nio import Api
from nio.crypto import InboundGroupSession, Olm, OlmAccount, OlmDevice, OutboundGroupSession
from nio.events import RoomKeyEvent, ToDeviceEvent
from nio.exceptions import EncryptionError
from nio.responses import KeysClaimResponse, KeysQueryResponse
from nio.store import SqliteStore

from circles.core.ids import EventID, RoomID, UserID

log = logging.getLogger(__name__)

Json = dict[str, Any]
MEGOLM: Final = "m.megolm.v1.aes-sha2"
SIGNED: Final = "signed_curve25519"
REMEMBERED: Final = 100_000
"""So many message indexes are remembered, against the same ciphertext shown again as another event."""
NO_OLM: Final = "m.no_olm"
CLAIM_AGAIN: Final = timedelta(minutes=10)
"""A device that had no one-time key left is asked again after this."""
_NEVER_INSIDE: Final = ("m.room.encrypted", "m.room.redaction", "m.room.member")
"""What the homeserver must have allowed counts only in the clear."""


class Trouble(StrEnum):
    """Why a ciphertext stays unread."""

    NO_KEY = "no_key"
    UNKNOWN_DEVICE = "unknown_device"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Session:
    """Which key something was encrypted with."""

    room_id: RoomID
    session_id: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """Somebody's device says that it gives us no key, and with which code (spec "m.room_key.withheld").

    `session`: of which key; None with `m.no_olm`, which is of every key it would have given us.
    """

    sender: UserID
    session: Session | None
    code: str


@dataclass(slots=True)
class Received:
    """What came of the to-device events of one sync.

    Attributes:
        keys: the sessions whose keys came.
        withheld: the keys that were refused us.
        devices: whether anybody's devices changed.
        verifications: who asked to verify us, from which device, in which transaction.
    """

    keys: set[Session] = field(default_factory=set[Session])
    withheld: list[Withheld] = field(default_factory=list[Withheld])
    devices: bool = False
    verifications: list[tuple[UserID, str, str]] = field(default_factory=list[tuple[UserID, str, str]])


@dataclass(frozen=True, slots=True)
class Share:
    """One to-device request that carries a room key: to which devices, and its body."""

    devices: frozenset[tuple[str, str]]
    body: Json


class _Store(SqliteStore):  # type: ignore[misc]  # nio brings no types
    """nio's store, private from its first byte."""

    def _create_database(self) -> Any:
        Path(self.database_path).touch(mode=0o600)
        return super()._create_database()


class Machine:
    """The keys of one device. Used from one thread only: nio's database connection belongs to it."""

    def __init__(self, folder: Path, user_id: UserID, device_id: str, pickle_key: str) -> None:
        """Open the store, making it where there is none."""
        self.user_id = user_id
        self.device_id = device_id
        # nio brings no complete types: what comes out of it is given its type where it does.
        self._store: Any = _Store(
            user_id, device_id, str(folder), pickle_key=pickle_key, database_name=store_name(device_id)
        )
        self._olm: Any = Olm(user_id, device_id, self._store)
        self._seen: OrderedDict[tuple[str, int], EventID] = OrderedDict()
        self._members: dict[RoomID, frozenset[UserID]] = {}
        self._claimed: dict[tuple[str, str], datetime] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._store.database.close()

    def inherit(self, older: Machine) -> int:
        """Take over the room keys of a device that this one replaces, and whose devices it knew; return how many keys.

        They open what was said. What this device says, and to whom, rests on nothing of it.
        """
        for person in older._olm.device_store:
            self._store.save_device_keys({person.user_id: {person.id: person}})
            self._olm.device_store.add(person)
        count = 0
        for session in older._olm.inbound_group_store:
            self._store.save_inbound_group_session(session)
            self._olm.inbound_group_store.add(session)
            count += 1
        return count

    # --- who we are -------------------------------------------------------------------------------------------------

    @property
    def keys(self) -> tuple[str, str]:
        """The device's public keys: curve25519 and ed25519."""
        known = self._olm.account.identity_keys
        return known["curve25519"], known["ed25519"]

    @property
    def is_published(self) -> bool:
        """Whether the homeserver was given these keys."""
        return bool(self._olm.account.shared)

    @property
    def since(self) -> str | None:
        """Up to where `/sync` was handled."""
        return cast("str | None", self._store.load_sync_token())

    def handled(self, since: str) -> None:
        """Note up to where `/sync` was handled: only then may the homeserver forget what it held for us."""
        self._store.save_sync_token(since)

    def device_keys(self) -> Json:
        """Return the device keys, signed by the device (spec "Device keys")."""
        curve, ed = self.keys
        keys: Json = {
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", MEGOLM],
            "device_id": self.device_id,
            "user_id": self.user_id,
            "keys": {f"curve25519:{self.device_id}": curve, f"ed25519:{self.device_id}": ed},
        }
        return {**keys, "signatures": {self.user_id: {f"ed25519:{self.device_id}": self._olm.sign_json(keys)}}}

    def sign(self, content: Mapping[str, Any]) -> str:
        """Return the device's signature of a JSON object."""
        unsigned = {key: value for key, value in content.items() if key not in ("signatures", "unsigned")}
        return str(self._olm.sign_json(unsigned))

    # --- our own keys on the homeserver -----------------------------------------------------------------------------

    def keys_to_upload(self, count: int, fallback_used: bool) -> Json | None:
        """Return the body of `/keys/upload` that is due, None where nothing is.

        The account is saved before: were it saved after, a crash between would leave the homeserver handing out
        one-time keys whose secrets are gone.

        Args:
            count: how many one-time keys the homeserver has. nio itself never refills from zero.
            fallback_used: whether a fallback key is wanted.
        """
        account = self._olm.account
        body: Json = {}
        if not account.shared:
            body["device_keys"] = self.device_keys()
        wanted = cast("int", account.max_one_time_keys)
        if count < wanted:
            waiting = len(account.one_time_keys["curve25519"])
            account.generate_one_time_keys(max(wanted - count - waiting, 0))
            made = account.one_time_keys["curve25519"]
            body["one_time_keys"] = {f"{SIGNED}:{key_id}": self._signed({"key": key}) for key_id, key in made.items()}
        if fallback_used:
            inner = account._account  # nio has no fallback keys, and the library's types do not name them
            if not inner.fallback_key:
                inner.generate_fallback_key()
            body["fallback_keys"] = {
                f"{SIGNED}:{key_id}": self._signed({"key": key.to_base64(), "fallback": True})
                for key_id, key in inner.fallback_key.items()
            }
        if not body:
            return None
        self._olm.save_account()
        return body

    def uploaded(self) -> None:
        """Note that the homeserver took what `keys_to_upload` returned."""
        self._olm.account.shared = True
        self._olm.mark_keys_as_published()
        self._olm.save_account()

    def _signed(self, content: Json) -> Json:
        return {**content, "signatures": {self.user_id: {f"ed25519:{self.device_id}": self._olm.sign_json(content)}}}

    # --- what comes to the device -----------------------------------------------------------------------------------

    def receive(self, events: Iterable[object]) -> Received:
        """Take in the to-device events of a sync. One that breaks us is passed over."""
        received = Received()
        for event in events:
            if not isinstance(event, dict):
                continue
            try:
                self._receive(cast("Json", event), received)
            except Exception as error:  # noqa: BLE001  # strangers may send anything to a device
                log.warning(
                    "A to-device event could not be read.",
                    extra={"action": "to_device_broken", "error": type(error).__name__},
                )
        return received

    def _receive(self, event: Json, received: Received) -> None:
        content, sender = event.get("content"), UserID(str(event.get("sender")))
        if not isinstance(content, dict):
            return
        fields = cast("Json", content)
        match event.get("type"):
            case "m.room.encrypted":
                key = self._olm.handle_to_device_event(cast("Any", ToDeviceEvent).parse_event(event))
                if isinstance(key, RoomKeyEvent):
                    received.keys.add(Session(RoomID(key.room_id), key.session_id))
                    if not self._device_of(sender, str(fields.get("sender_key"))):
                        # Asked now: a device that is signed out later could never be asked for again.
                        self._olm.add_changed_users({sender})
            case "m.room_key.withheld" if fields.get("code") == NO_OLM:
                # It found no way to write to us: we begin one, and its next key arrives.
                self._olm._mark_device_for_unwedging(sender, str(fields.get("sender_key")))
                received.withheld.append(Withheld(sender, None, NO_OLM))
            case "m.room_key.withheld" if isinstance(fields.get("session_id"), str):
                session = Session(RoomID(str(fields.get("room_id"))), str(fields["session_id"]))
                received.withheld.append(Withheld(sender, session, str(fields.get("code"))))
            case "m.key.verification.request":
                told = (sender, str(fields.get("from_device")), str(fields.get("transaction_id")))
                received.verifications.append(told)
            case _:
                pass

    def _device_of(self, user_id: UserID, curve25519: str) -> OlmDevice | None:
        """Return a person's device by its key; also one that is gone, for what it wrote still stands."""
        devices = cast("Mapping[str, OlmDevice]", self._olm.device_store[user_id])
        return next((device for device in devices.values() if device.curve25519 == curve25519), None)

    # --- other people's devices -------------------------------------------------------------------------------------

    def changed(self, users: Iterable[str]) -> None:
        """Note whose devices changed."""
        self._olm.add_changed_users({user for user in users if user in self._olm.tracked_users})

    def unasked(self, users: Iterable[UserID]) -> list[str]:
        """Return whose devices must be asked for before anything is encrypted for them."""
        tracked, queued = self._olm.tracked_users, self._olm.users_for_key_query
        return sorted(user for user in users if user not in tracked or user in queued)

    @property
    def queued(self) -> list[str]:
        """Whose devices are to be asked for."""
        return sorted(self._olm.users_for_key_query)

    def answered_devices(self, asked: Iterable[str], answer: Json) -> None:
        """Take in an answer of `/keys/query`. A device whose keys are not what they claim is left out.

        nio gives up in the middle of an answer that holds one bad key, so such a key never reaches it.
        """
        found = cast("Mapping[str, object]", answer.get("device_keys") or {})
        clean = {
            user: {device_id: keys for device_id, keys in _items(devices) if _is_device(user, device_id, keys)}
            for user, devices in found.items()
        }
        self._olm.handle_response(KeysQueryResponse(clean, answer.get("failures") or {}))
        failed = set(cast("Mapping[str, object]", answer.get("failures") or {}))
        for user in asked:
            if user.partition(":")[2] not in failed:
                self._olm.users_for_key_query.discard(user)
                self._olm.tracked_users.add(user)

    def devices_of(self, user_id: UserID) -> int:
        """Return how many devices that can encrypt a person has, as far as was asked."""
        return sum(1 for _ in self._olm.device_store.active_user_devices(user_id))

    def without_session(self, users: Iterable[UserID]) -> Json:
        """Return the `one_time_keys` of a `/keys/claim` for the devices we cannot write to yet; {} for none."""
        now = datetime.now()  # noqa: DTZ005  # nio's sessions carry naive times
        wanted: Json = {}
        for user, devices in self._olm.get_missing_sessions(list(users)).items():
            for device in devices:
                last = self._claimed.get((user, device))
                if last is None or now - last > CLAIM_AGAIN:
                    wanted.setdefault(user, {})[device] = SIGNED
        for device in self._olm.wedged_devices:
            wanted.setdefault(device.user_id, {})[device.id] = SIGNED
        for user, devices in wanted.items():
            for device_id in devices:
                self._claimed[user, device_id] = now
        return wanted

    def claimed(self, answer: Json) -> None:
        """Take in an answer of `/keys/claim`, device by device: one bad key must not cost the others."""
        for user, devices in _items(answer.get("one_time_keys")):
            for device_id, keys in _items(devices):
                try:
                    self._olm.handle_response(KeysClaimResponse({user: {device_id: keys}}, {}))
                except Exception as error:  # noqa: BLE001  # whatever a stranger's server hands out
                    log.warning(
                        "A one-time key could not be used.",
                        extra={"action": "claim_broken", "user_id": user, "error": type(error).__name__},
                    )

    @property
    def outgoing(self) -> list[Any]:
        """The to-device messages that nio wants sent: after a broken session was made anew."""
        return list(self._olm.outgoing_to_device_messages)

    def sent(self, message: Any) -> None:
        """Note that one of `outgoing` was sent."""
        self._olm.outgoing_to_device_messages.remove(message)

    @property
    def is_wedged(self) -> bool:
        """Whether a session with a device broke and must be made anew."""
        return bool(self._olm.wedged_devices)

    # --- writing ----------------------------------------------------------------------------------------------------

    def has_session(self, room_id: RoomID, users: Collection[UserID]) -> bool:
        """Return whether the room's session may still be used for exactly these users.

        Whoever left, and whatever device was signed out, must not read on; whoever came must not read what was before.
        """
        session = cast("OutboundGroupSession | None", self._olm.outbound_group_sessions.get(room_id))
        if session is None or session.expired or self._members.get(room_id) != frozenset(users):
            return False
        active = {(user, device.id) for user in users for device in self._olm.device_store.active_user_devices(user)}
        return bool(session.users_shared_with <= active)

    def new_session(self, room_id: RoomID, users: Collection[UserID], messages: int, age: timedelta) -> None:
        """Begin a new session in a room, good for so many messages and so long."""
        self._olm.create_outbound_group_session(room_id)
        session = self._olm.outbound_group_sessions[room_id]
        session.max_messages, session.max_age = messages, age
        self._members[room_id] = frozenset(users)

    def shares(self, room_id: RoomID, users: Collection[UserID]) -> list[Share]:
        """Return the requests that give a room's session to every device that does not have it yet.

        Devices nobody verified get it too: who is in the room decides who may read, as in Element.
        """
        session = self._olm.outbound_group_sessions[room_id]
        session.shared = False  # Or nio would begin a new one, where a device came since.
        requests = self._olm.share_group_session_parallel(room_id, list(users), ignore_unverified_devices=True)
        return [Share(frozenset(devices), body) for devices, body in requests]

    def shared(self, room_id: RoomID, share: Share) -> None:
        """Note that a request of `shares` arrived."""
        self._olm.outbound_group_sessions[room_id].users_shared_with.update(share.devices)

    def encrypt(self, room_id: RoomID, type_: str, content: Mapping[str, Any]) -> Json:
        """Return the content of an `m.room.encrypted`; its relation stands in the clear too (spec)."""
        self._olm.outbound_group_sessions[room_id].mark_as_shared()
        encrypted = cast("Json", self._olm.group_encrypt(room_id, {"type": type_, "content": dict(content)}))
        relation = content.get("m.relates_to")
        return {**encrypted, "m.relates_to": relation} if relation is not None else encrypted

    def forget_room(self, room_id: RoomID) -> None:
        """Begin a new session with the next message in a room."""
        self._olm.outbound_group_sessions.pop(room_id, None)

    # --- reading ----------------------------------------------------------------------------------------------------

    def decrypt(self, event: Mapping[str, Any]) -> Json | Trouble:
        """Return the event in the clear, or why it cannot be read.

        The caller has asked the policy whether it may be opened.
        """
        content = cast("Mapping[str, Any]", event["content"])
        room_id, sender = RoomID(str(event["room_id"])), UserID(str(event["sender"]))
        session_id, ciphertext = content.get("session_id"), content.get("ciphertext")
        if content.get("algorithm") != MEGOLM or not isinstance(session_id, str) or not isinstance(ciphertext, str):
            return Trouble.BROKEN
        candidates = self._sessions(room_id, session_id)
        if not candidates:
            return Trouble.NO_KEY
        session = next((each for each in candidates if self._is_bound(sender, each)), None)
        if session is None:
            self._olm.add_changed_users({sender})
            return Trouble.UNKNOWN_DEVICE
        try:
            plaintext, index = session.decrypt(ciphertext)
        except vodozemac.MegolmDecryptionException:
            early = _index_of(ciphertext) < session.first_known_index
            return Trouble.NO_KEY if early else Trouble.BROKEN
        except (vodozemac.DecodeException, UnicodeDecodeError):
            return Trouble.BROKEN
        if not self._is_first_time(session.id, index, EventID(str(event["event_id"]))):
            return Trouble.BROKEN
        return _in_the_clear(event, plaintext)

    def _sessions(self, room_id: RoomID, session_id: str) -> list[InboundGroupSession]:
        """Return the sessions by that id, whoever says to have sent the key; without the deprecated `sender_key`."""
        senders = cast("Mapping[str, Mapping[str, InboundGroupSession]]", self._olm.inbound_group_store[room_id])
        return [sessions[session_id] for sessions in senders.values() if session_id in sessions]

    def _is_bound(self, sender: UserID, session: InboundGroupSession) -> bool:
        """Return whether the key came from a device of the sender: nio itself does not look (MATRIX traps)."""
        if sender == self.user_id and session.sender_key == self.keys[0]:
            return bool(session.ed25519 == self.keys[1])
        device = self._device_of(sender, session.sender_key)
        return device is not None and device.ed25519 == session.ed25519

    def _is_first_time(self, session_id: str, index: int, event_id: EventID) -> bool:
        """Return whether a ciphertext was not shown before as another event."""
        known = self._seen.setdefault((session_id, index), event_id)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return known == event_id

    # --- for the operator -------------------------------------------------------------------------------------------

    def export(self, file: Path, passphrase: str) -> int:
        """Write every room key to a file as Element does, encrypted with a passphrase; return how many."""
        self._olm.export_keys(str(file), passphrase, count=100_000)
        return sum(1 for _ in self._olm.inbound_group_store)

    def restore(self, file: Path, passphrase: str) -> tuple[int, int]:
        """Read room keys from such a file; return how many were known before, and are now.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no such file, or the passphrase is another.
        """
        before = sum(1 for _ in self._olm.inbound_group_store)
        try:
            self._olm.import_keys(str(file), passphrase)
        except (EncryptionError, IndexError) as error:
            raise ValueError("no file of room keys that this passphrase opens") from error
        return before, sum(1 for _ in self._olm.inbound_group_store)


def stored_keys(folder: Path, pickle_key: Path, user_id: str, device_id: str) -> tuple[str, str] | None:
    """Read the public keys, curve25519 and ed25519, of a store that may be in use; None if they cannot be read."""
    file = folder / store_name(device_id)
    query = "SELECT account FROM accounts WHERE user_id = ? AND device_id = ?"
    try:
        passphrase = pickle_key.read_text(encoding="utf-8").strip()
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as store:
            row = store.execute(query, (user_id, device_id)).fetchone()
        known = cast("Any", OlmAccount).from_pickle(bytes(row[0]), passphrase).identity_keys
    except Exception:  # noqa: BLE001  # no file, no row, another key, a torn file: each means the same
        return None
    return known["curve25519"], known["ed25519"]


def store_name(device_id: str) -> str:
    """Return the name of a device's store in the folder."""
    return f"{device_id}.db"


def _items(given: object) -> Iterable[tuple[str, Any]]:
    return cast("Mapping[str, Any]", given).items() if isinstance(given, dict) else ()


def _is_device(user_id: str, device_id: str, keys: object) -> bool:
    """Return whether device keys are of that device, well-formed and signed by it."""
    try:
        given = cast("Json", keys)
        ed = vodozemac.Ed25519PublicKey.from_base64(given["keys"][f"ed25519:{device_id}"])
        vodozemac.Curve25519PublicKey.from_base64(given["keys"][f"curve25519:{device_id}"])
        signature = vodozemac.Ed25519Signature.from_base64(given["signatures"][user_id][f"ed25519:{device_id}"])
        signed = {key: value for key, value in given.items() if key not in ("signatures", "unsigned")}
        ed.verify_signature(Api.to_canonical_json(signed).encode(), signature)
        return (given["user_id"], given["device_id"]) == (user_id, device_id)
    except Exception:  # noqa: BLE001  # whatever is wrong with it, it is not a device to encrypt for
        return False


def _index_of(ciphertext: str) -> int:
    try:
        return vodozemac.MegolmMessage.from_base64(ciphertext).message_index()
    except Exception:  # noqa: BLE001  # it did decode a moment ago; if not, no index says that the key came too late
        return -1


def _without_files(content: Json) -> Json:
    """Return a content with an attachment's name and caption, and without what opens it: nothing here ever does."""
    clear = {key: value for key, value in content.items() if key not in ("m.relates_to", "file", "info")}
    edited = clear.get("m.new_content")
    if isinstance(edited, dict):
        clear["m.new_content"] = {key: edited[key] for key in cast("Json", edited) if key not in ("file", "info")}
    return clear


def _in_the_clear(event: Mapping[str, Any], plaintext: str) -> Json | Trouble:
    try:
        inner = json.loads(plaintext)
    except (ValueError, RecursionError):
        return Trouble.BROKEN
    if not isinstance(inner, dict):
        return Trouble.BROKEN
    told = cast("Json", inner)
    type_, content = told.get("type"), told.get("content")
    if not isinstance(type_, str) or not isinstance(content, dict) or told.get("room_id") != event["room_id"]:
        return Trouble.BROKEN  # Of another room: someone shows it here again.
    if type_ in _NEVER_INSIDE:
        return Trouble.BROKEN
    clear = _without_files(cast("Json", content))
    relation = cast("Mapping[str, Any]", event["content"]).get("m.relates_to")
    if relation is not None:
        clear["m.relates_to"] = relation  # As it stands in the clear: that is what the homeserver goes by too.
    kept = ("event_id", "room_id", "sender", "origin_server_ts")
    return {**{key: event[key] for key in kept if key in event}, "type": type_, "content": clear}
