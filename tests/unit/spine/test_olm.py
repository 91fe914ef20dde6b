"""The keys of the AI's device: what matrix-nio leaves open is done, device to device, with no server."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import stat
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from circles.adapters.matrix.crypto.machine import (
    MEGOLM,
    NO_OLM,
    SIGNED,
    Machine,
    Received,
    Session,
    Trouble,
    Withheld,
    store_name,
    stored_keys,
)
from circles.core.ids import RoomID, UserID
from circles.testing import AI, ROOM

MEI = UserID("@mei:home.example")
EVE = UserID("@eve:far.example")
Json = dict[str, Any]
_numbers = count()


class Owner:
    """Somebody with one device, whose keys the others can ask for."""

    def __init__(self, folder: Path, user: UserID) -> None:
        self.user = user
        folder.mkdir()
        self.machine = Machine(folder, user, f"{user[1:4].upper()}DEV", "secret")
        uploaded = self.machine.keys_to_upload(0, fallback_used=True)
        assert uploaded is not None
        self.uploaded = uploaded
        self.machine.uploaded()

    def asks_for(self, *others: Owner) -> None:
        """Learn the devices of others."""
        keys = {other.user: {other.machine.device_id: other.uploaded["device_keys"]} for other in others}
        self.machine.answered_devices([other.user for other in others], {"device_keys": keys})

    def claims_from(self, other: Owner, wanted: Json) -> None:
        """Take a one-time key of another for each device that is wanted."""
        key_id = next(iter(other.uploaded["one_time_keys"]))
        key = {key_id: other.uploaded["one_time_keys"].pop(key_id)}
        self.machine.claimed({"one_time_keys": {user: dict.fromkeys(devices, key) for user, devices in wanted.items()}})

    def gives_key(self, other: Owner, room: RoomID = ROOM) -> list[Json]:
        """Begin a session and return the to-device events that give another its key."""
        self.asks_for(other)
        self.claims_from(other, self.machine.without_session([other.user]))
        self.machine.new_session(room, [other.user], 100, timedelta(days=1))
        return [
            {"type": "m.room.encrypted", "sender": self.user, "content": content}
            for share in self.machine.shares(room, [other.user])
            for devices in share.body["messages"].values()
            for content in devices.values()
        ]

    def says(self, text: str, room: RoomID = ROOM, type_: str = "m.room.message") -> Json:
        """Return an encrypted message."""
        content = self.machine.encrypt(room, type_, {"msgtype": "m.text", "body": text})
        event_id = f"$e{next(_numbers)}"
        return {"event_id": event_id, "room_id": room, "sender": self.user, "origin_server_ts": 1, "content": content}


@pytest.fixture
def ai(tmp_path: Path) -> Iterator[Owner]:
    owner = Owner(tmp_path / "ai", AI)
    yield owner
    owner.machine.close()


@pytest.fixture
def mei(tmp_path: Path) -> Iterator[Owner]:
    owner = Owner(tmp_path / "mei", MEI)
    yield owner
    owner.machine.close()


@pytest.fixture
def eve(tmp_path: Path) -> Iterator[Owner]:
    owner = Owner(tmp_path / "eve", EVE)
    yield owner
    owner.machine.close()


def opened(owner: Owner, event: Json) -> str | Trouble:
    """Return the words of a message, or why it cannot be read."""
    clear = owner.machine.decrypt(event)
    return clear if isinstance(clear, Trouble) else str(clear["content"]["body"])


def test_one_time_keys_are_made_anew_from_zero_and_the_fallback_key_when_it_was_used(ai: Owner) -> None:
    """nio itself never refills from zero, and knows no fallback keys."""
    assert len(ai.uploaded["one_time_keys"]) == 50
    assert all(key["fallback"] for key in ai.uploaded["fallback_keys"].values())

    assert ai.machine.keys_to_upload(50, fallback_used=False) is None
    again = ai.machine.keys_to_upload(0, fallback_used=True)

    assert again is not None
    assert len(again["one_time_keys"]) == 50
    assert not set(again["one_time_keys"]) & set(ai.uploaded["one_time_keys"])
    assert set(again["fallback_keys"]) != set(ai.uploaded["fallback_keys"])
    assert "device_keys" not in again


def test_the_store_is_private_and_opens_with_our_key_alone(tmp_path: Path, ai: Owner) -> None:
    """nio's own file is for all to read, under a key that all know."""
    file = tmp_path / "ai" / store_name(ai.machine.device_id)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("secret", encoding="utf-8")
    wrong.write_text("DEFAULT_KEY", encoding="utf-8")

    assert stored_keys(tmp_path / "ai", right, AI, ai.machine.device_id) == ai.machine.keys
    assert stored_keys(tmp_path / "ai", wrong, AI, ai.machine.device_id) is None


def test_up_to_where_the_sync_was_handled_is_noted_by_us_alone(tmp_path: Path, ai: Owner, mei: Owner) -> None:
    """What nio notes before it has handled what came would be lost in a crash between."""
    ai.machine.receive(mei.gives_key(ai))
    assert ai.machine.since is None

    ai.machine.handled("s1")

    with contextlib.closing(sqlite3.connect(tmp_path / "ai" / store_name(ai.machine.device_id))) as store:
        assert store.execute("SELECT token FROM synctokens").fetchall() == [("s1",)]


def test_a_message_is_read_without_the_deprecated_sender_key(ai: Owner, mei: Owner) -> None:
    """Clients may leave it out (spec "m.megolm.v1.aes-sha2")."""
    ai.asks_for(mei)
    received = ai.machine.receive(mei.gives_key(ai))
    said = mei.says("hello")
    for key in ("sender_key", "device_id"):
        said["content"].pop(key, None)

    assert received.keys == {Session(ROOM, said["content"]["session_id"])}
    assert opened(ai, said) == "hello"


def test_a_key_opens_only_what_the_owner_of_its_device_says(ai: Owner, mei: Owner, eve: Owner) -> None:
    """nio does not look whose key it was: who got hold of a session could speak as somebody else."""
    ai.asks_for(mei, eve)
    ai.machine.receive(mei.gives_key(ai))
    said = mei.says("let me in")

    assert opened(ai, said | {"sender": EVE}) is Trouble.UNKNOWN_DEVICE
    assert EVE in ai.machine.queued
    assert opened(ai, said) == "let me in"


def test_the_device_of_who_wrote_is_asked_for_before_it_is_read(ai: Owner, mei: Owner) -> None:
    """A device that is not known yet is asked for; then its words are read."""
    ai.machine.receive(mei.gives_key(ai))
    assert ai.machine.queued == [MEI]
    said = mei.says("hello")
    assert opened(ai, said) is Trouble.UNKNOWN_DEVICE

    ai.asks_for(mei)

    assert opened(ai, said) == "hello"
    assert ai.machine.queued == []


def test_one_bad_key_costs_nobody_else_theirs(ai: Owner, mei: Owner, eve: Owner) -> None:
    """nio gives up in the middle of an answer that holds a bad key."""
    bad = json.loads(json.dumps(eve.uploaded["device_keys"]))
    bad["keys"][f"curve25519:{eve.machine.device_id}"] = "no key"
    devices = {EVE: {eve.machine.device_id: bad}, MEI: {mei.machine.device_id: mei.uploaded["device_keys"]}}
    ai.machine.answered_devices([EVE, MEI], {"device_keys": devices})

    assert (ai.machine.devices_of(EVE), ai.machine.devices_of(MEI)) == (0, 1)
    assert ai.machine.queued == []

    wanted = ai.machine.without_session([MEI])
    broken: Json = {f"{SIGNED}:AAAA": {"key": "no key", "signatures": {}}}
    ai.machine.claimed({"one_time_keys": {EVE: {"X": broken}, MEI: {mei.machine.device_id: broken}}})
    assert wanted == {MEI: {mei.machine.device_id: SIGNED}}


def test_another_session_is_begun_when_the_members_or_their_devices_change(ai: Owner, mei: Owner, eve: Owner) -> None:
    """Whoever left must not read on, whoever came must not read what was before."""
    ai.gives_key(mei)
    ai.asks_for(eve)
    assert ai.machine.has_session(ROOM, [MEI])
    assert not ai.machine.has_session(ROOM, [MEI, EVE])
    assert not ai.machine.has_session(ROOM, [])
    for share in ai.machine.shares(ROOM, [MEI]):
        ai.machine.shared(ROOM, share)
    assert ai.machine.has_session(ROOM, [MEI])

    ai.machine.answered_devices([MEI], {"device_keys": {MEI: {}}})

    assert not ai.machine.has_session(ROOM, [MEI])


def test_the_same_words_shown_again_as_another_event_are_not_read(ai: Owner, mei: Owner) -> None:
    """Nor in another room, nor where they say to be what the homeserver must allow."""
    ai.asks_for(mei)
    ai.machine.receive(mei.gives_key(ai))
    said = mei.says("I owe you ten")

    assert opened(ai, said) == "I owe you ten"
    assert opened(ai, said) == "I owe you ten"
    assert opened(ai, said | {"event_id": "$again"}) is Trouble.BROKEN
    assert opened(ai, mei.says("x", type_="m.room.member")) is Trouble.BROKEN
    assert opened(ai, said | {"room_id": RoomID("!other:home.example")}) is Trouble.NO_KEY
    assert opened(ai, said | {"content": {"algorithm": MEGOLM, "session_id": 1}}) is Trouble.BROKEN


def test_whatever_strangers_send_to_a_device_breaks_nothing(ai: Owner, mei: Owner) -> None:
    """Each is passed over, and what stands beside it is taken in."""
    ai.asks_for(mei)
    garbage: list[object] = [None, 1, {}, {"type": "m.room.encrypted"}, {"type": "m.room.encrypted", "content": {}}]
    garbage += [{"type": "m.room_key.withheld", "sender": EVE, "content": content} for content in ({}, {"code": 1})]

    received = ai.machine.receive([*garbage, *mei.gives_key(ai), *garbage])

    assert len(received.keys) == 1
    assert received.withheld == []


def test_a_refused_key_is_told_with_who_refused_it(ai: Owner, mei: Owner) -> None:
    """nio knows no such event."""
    content = {"room_id": ROOM, "session_id": "s", "code": "m.unverified", "algorithm": MEGOLM}
    received = ai.machine.receive([{"type": "m.room_key.withheld", "sender": MEI, "content": content}])

    assert received == Received(withheld=[Withheld(MEI, Session(ROOM, "s"), "m.unverified")])


def test_who_could_not_write_to_us_is_written_to(ai: Owner, mei: Owner) -> None:
    """A device without a one-time key of ours says so once; we begin, and its next key arrives."""
    ai.asks_for(mei)
    content = {"code": NO_OLM, "sender_key": mei.machine.keys[0], "algorithm": MEGOLM}
    received = ai.machine.receive([{"type": "m.room_key.withheld", "sender": MEI, "content": content}])
    assert received.withheld == [Withheld(MEI, None, NO_OLM)]
    assert ai.machine.is_wedged

    wanted = ai.machine.without_session(())
    ai.claims_from(mei, wanted)

    assert wanted == {MEI: {mei.machine.device_id: SIGNED}}
    assert not ai.machine.is_wedged
    (dummy,) = ai.machine.outgoing
    assert (dummy.type, dummy.recipient, dummy.recipient_device) == ("m.room.encrypted", MEI, mei.machine.device_id)
    ai.machine.sent(dummy)
    assert ai.machine.outgoing == []


def test_verification_requests_are_told_apart(ai: Owner) -> None:
    """So that their dialog is ended, and the person hears what to do instead."""
    content = {"from_device": "PHONE", "transaction_id": "t", "methods": ["m.sas.v1"]}
    received = ai.machine.receive([{"type": "m.key.verification.request", "sender": MEI, "content": content}])

    assert received.verifications == [(MEI, "PHONE", "t")]
