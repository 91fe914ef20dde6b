"""`circles check`, the part about keys: the AI's device, whether its store is the one people know, and who vouches.

Reads only: what stands wrong is made right by the next start of the service, which settles its device first of all.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

from circles.adapters.matrix.crypto import device
from circles.adapters.matrix.crypto.cross_signing import CrossSigning
from circles.adapters.matrix.crypto.machine import stored_keys
from circles.config import Config
from circles.core.ids import UserID

_ANEW: Final = "start the service, or start it again: it takes a new device and deletes this one"
_QUERY: Final = "/_matrix/client/v3/keys/query"
_WHY: Final[Mapping[str, str]] = {
    "restored": "its keys had come back from a backup",
    "store_lost": "the crypto folder had lost its keys",
    "record_lost": "it was another host's, or the crypto folder was lost",
    "store_unreadable": "its store could not be opened",
    "server_forgot": "the homeserver no longer had it",
    "keys_differ": "the homeserver showed other keys than the crypto folder's",
}
"""Of each reason in `device.Record` what an operator is told of the device before this one."""


class Advice(NamedTuple):
    """What was looked at, and what to do; '' where it is fine."""

    name: str
    fine: str
    advice: str


class _Answer(Protocol):
    @property
    def fine(self) -> bool: ...

    @property
    def body(self) -> dict[str, Any]: ...


class _Asks(Protocol):
    async def __call__(self, method: str, path: str, json: object = None, **params: str) -> _Answer:
        """Return the answer, whatever goes wrong."""
        ...


def device_in_use(config: Config) -> str | None:
    """Return the id of the device that the service made, None before its first start."""
    record = device.read_record(config.storage.crypto_dir)
    return record.device_id if record is not None else None


async def keys_fit(config: Config, ask: _Asks) -> tuple[Advice, ...]:
    """Return how the keys on this machine fit what the homeserver shows to people."""
    record = device.read_record(config.storage.crypto_dir)
    if record is None or not record.published:
        return ()
    answer = await ask("POST", _QUERY, {"device_keys": {config.bot_user_id: []}}, user_id=config.bot_user_id)
    if not answer.fine:
        return (Advice("keys", "", "the homeserver does not tell them: ask again later"),)
    return tuple(_judged(config, record, answer.body))


def _judged(config: Config, record: device.Record, shown: Mapping[str, Any]) -> Generator[Advice]:
    user, device_id = config.bot_user_id, record.device_id
    theirs = shown.get("device_keys", {}).get(user, {}).get(device_id, {})
    ours = stored_keys(config.storage.crypto_dir, config.storage.secrets_dir / "pickle_key", user, device_id)
    name = f"keys of device {device_id} (crypto folder)"
    if ours is None:
        yield Advice(name, "", f"the store is gone or cannot be read: {_ANEW}")
    elif theirs.get("keys", {}) != {f"curve25519:{device_id}": ours[0], f"ed25519:{device_id}": ours[1]}:
        yield Advice(name, "", f"the homeserver shows others, or none: {_ANEW}")
    else:
        why = _WHY.get(record.reason)
        made = datetime.fromtimestamp(record.since / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        before = f"; it replaced one on {made}: {why}" if why is not None else ""
        yield Advice(name, f"the homeserver shows the same{before}", "")
    file = config.storage.secrets_dir / "cross_signing.json"
    name = "cross-signing (secrets/cross_signing.json)"
    try:
        identity = CrossSigning.load(UserID(user), file, file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        yield Advice(name, "", "gone or damaged: start the service again, which takes it from the database")
        return
    if not identity.is_shown_in(shown):
        yield Advice(name, "", "the homeserver shows another identity: put that file back from a backup")
    elif not identity.vouches_for(theirs):
        yield Advice(name, "", "the device is not signed, so strict apps share no keys: start the service again")
    else:
        yield Advice(name, f"signs device {device_id}", "")
