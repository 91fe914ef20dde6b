"""The AI's cross-signing identity: without it Element shows a red shield, and strict clients share no keys (measured).

Three Ed25519 keys (spec "Cross-signing"): the master signs the other two, the self-signing key signs the device.  Their
seeds are a file of their own, apart from the device's store, so that a new device is still the same AI.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from Crypto.PublicKey import ECC
from Crypto.Random import get_random_bytes
from Crypto.Signature import eddsa
from nio import Api

from circles.adapters.matrix.crypto.files import write_private
from circles.core.ids import UserID

Json = dict[str, Any]
USAGES: Final = ("master", "self_signing", "user_signing")


class CrossSigning:
    """The three keys."""

    def __init__(self, user_id: UserID, seeds: Mapping[str, bytes]) -> None:
        """Take a seed of 32 bytes for each usage."""
        self._user_id = user_id
        self._secrets = {usage: eddsa.import_private_key(seeds[usage]) for usage in USAGES}

    @classmethod
    def load(cls, user_id: UserID, file: Path, shared: str | None) -> CrossSigning:
        """Take the seeds that the database has, else those of the file, else new ones; the file has them then.

        Args:
            shared: what `shared` returned earlier; each host that may lead has the same identity by it. A homeserver
                takes no identity back that was replaced once (Synapse answers 500).

        Raises:
            ValueError: the file is damaged, and the database knows nothing; to take a new identity, remove the file.
        """
        known = file.read_text(encoding="utf-8") if file.exists() else None
        text = (
            shared or known or json.dumps({usage: base64.b64encode(get_random_bytes(32)).decode() for usage in USAGES})
        )
        try:
            stored = json.loads(text)
            seeds = {usage: base64.b64decode(stored[usage], validate=True) for usage in USAGES}
            made = cls(user_id, seeds)
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{file.name} is damaged") from None
        if text != known:
            write_private(file, text.encode())
        return made

    @property
    def shared(self) -> str:
        """The seeds, as the database and the file keep them."""
        return _as_text({usage: self._secrets[usage].seed for usage in USAGES})

    def public(self, usage: str) -> str:
        """Return a public key. Unpadded: a padded one is taken for another key (measured)."""
        return _unpadded(_raw(self._secrets[usage]))

    def upload(self) -> Json:
        """Return the body of `/keys/device_signing/upload`."""
        body: Json = {}
        for usage in USAGES:
            public = self.public(usage)
            key: Json = {"user_id": self._user_id, "usage": [usage], "keys": {f"ed25519:{public}": public}}
            body[f"{usage}_key"] = key if usage == "master" else self._signed(key, "master")
        return body

    def device_signatures(self, device_keys: Mapping[str, Any]) -> Json:
        """Return the body of `/keys/signatures/upload` with which the identity vouches for a device."""
        signed = self._signed(device_keys, "self_signing")
        return {self._user_id: {str(device_keys["device_id"]): signed}}

    def vouches_for(self, device_keys: Mapping[str, Any]) -> bool:
        """Return whether device keys, as the homeserver shows them, carry the self-signing key's signature of them."""
        given = device_keys.get("signatures", {}).get(self._user_id, {})
        key_id = f"ed25519:{self.public('self_signing')}"
        ours = self._signed({**device_keys, "signatures": {}}, "self_signing")
        return bool(given.get(key_id) == ours["signatures"][self._user_id][key_id])

    def is_shown_in(self, answer: Mapping[str, Any]) -> bool:
        """Return whether an answer of `/keys/query` shows these keys as ours."""
        return all(
            f"ed25519:{self.public(usage)}" in answer.get(f"{usage}_keys", {}).get(self._user_id, {}).get("keys", {})
            for usage in ("master", "self_signing")
        )

    def _signed(self, content: Mapping[str, Any], usage: str) -> Json:
        bare = {key: value for key, value in content.items() if key not in ("signatures", "unsigned")}
        signer = eddsa.new(self._secrets[usage], "rfc8032")
        signature = _unpadded(signer.sign(Api.to_canonical_json(bare).encode()))
        signatures = {**content.get("signatures", {})}
        own = {**signatures.get(self._user_id, {}), f"ed25519:{self.public(usage)}": signature}
        return {**bare, "signatures": {**signatures, self._user_id: own}}


def _as_text(seeds: Mapping[str, bytes]) -> str:
    return json.dumps({usage: base64.b64encode(seed).decode() for usage, seed in seeds.items()})


def _raw(secret: ECC.EccKey) -> bytes:
    return bytes(secret.public_key().export_key(format="raw"))


def _unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
