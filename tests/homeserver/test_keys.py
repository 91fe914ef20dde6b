"""The AI's device through kills, losses and restores, with people whose clients run Element's own Rust crypto."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest_asyncio
import vodozemac

from circles_harness import ElementPerson, Person, Service
from circles_harness.process import free_port
from walks import admitted, answer, ask, body, chat

from .conftest import Breakable, NewElement

HELP = "What you can say to me:"


@pytest_asyncio.fixture(loop_scope="session")
async def service(breakable: Breakable) -> AsyncIterator[Service]:
    """A service that may be stopped; it runs again afterwards."""
    yield breakable.service
    if not breakable.service.is_running:
        await breakable.service.start()


async def private(person: ElementPerson, service: Service) -> str:
    """Open an encrypted direct message and see that it works."""
    room = await person.start_dm(service.user_id, encrypted=True)
    assert HELP in await ask(person, room, "help", service)
    return room


async def device_of(person: ElementPerson, service: Service) -> dict[str, bool]:
    """Return the AI's devices as a person's client sees them, and whether its identity signed each."""
    told = await person.do("devices", user=service.user_id)
    return {device: found["signed"] for device, found in told["devices"].items()}


async def test_what_is_said_while_it_is_dead_is_read_in_order(
    breakable: Breakable, service: Service, element: NewElement
) -> None:
    """Killed; two devices begin a new session with each word, at once; each question is answered once, in its order."""
    mei = await element("mei", at=breakable.homeserver)
    room = await admitted(mei, service, encrypted=True)
    await service.kill()

    phone = await element("mei", at=breakable.homeserver, as_well=mei)
    asked: list[str] = []
    for _ in range(6):
        for each in (mei, phone):
            await each.do("rotate", room=room)
        asked += await asyncio.gather(*(each.say(room, "!circle help") for each in (mei, phone)))
    await service.start()
    for question in asked:
        assert HELP in body(await answer(mei, room, question, service))

    replied = [
        event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"]
        for event in mei.timeline(room)
        if event["sender"] == service.user_id and event["content"].get("m.relates_to", {}).get("m.in_reply_to")
    ]
    said = [event for event in mei.timeline(room) if event["event_id"] in asked]
    assert [question for question in replied if question in asked] == [event["event_id"] for event in said]
    assert len({event["wire"]["content"]["session_id"] for event in said}) == len(asked) == 12


async def test_keys_that_ran_out_are_made_anew(breakable: Breakable, service: Service, element: NewElement) -> None:
    """Who comes last has the fallback key, and is read; then there are new ones, another fallback key among them."""
    mei = await element("mei", at=breakable.homeserver)
    await private(mei, service)
    (device,) = await device_of(mei, service)
    await service.kill()
    spent = await drain(mei, service, device)

    li = await element("li", at=breakable.homeserver)
    room = await li.start_dm(service.user_id, encrypted=True)
    question = await li.say(room, "help")
    await service.start()

    assert HELP in body(await answer(li, room, question, service))
    async with asyncio.timeout(60):
        while await left(service, device) < 50:
            await li.sync(wait=0.1)
    assert await drain(mei, service, device) != spent


async def drain(person: Person, service: Service, device: str) -> str:
    """Claim all one-time keys of the AI's; returns the ID of the fallback key that is handed out then."""
    while True:
        asked = {"one_time_keys": {service.user_id: {device: "signed_curve25519"}}}
        claimed = await person.request("POST", "/v3/keys/claim", asked)
        ((key_id, key),) = claimed["one_time_keys"][service.user_id][device].items()
        if key.get("fallback"):
            return str(key_id)


async def left(service: Service, device: str) -> int:
    """Return how many one-time keys of the AI's there are."""
    url = f"{service.homeserver.base_url}/_matrix/client/v3/keys/upload"
    named = {"user_id": service.user_id, "device_id": device}
    headers = {"Authorization": f"Bearer {service.registration['as_token']}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, params=named, json={}) as answered,
    ):
        return int((await answered.json())["one_time_key_counts"]["signed_curve25519"])


async def test_a_lost_store_makes_a_new_device(breakable: Breakable, service: Service, element: NewElement) -> None:
    """The old one is deleted, the identity is the same, and the next question is answered."""
    mei = await element("mei", at=breakable.homeserver)
    room = await private(mei, service)
    before = await device_of(mei, service)
    _, told = await service.command("check")
    assert "ok   signing in: left to http://127.0.0.1:" in told
    assert f"ok   keys of device {next(iter(before))} (crypto folder): the homeserver shows the same" in told
    assert f"ok   cross-signing (secrets/cross_signing.json): signs device {next(iter(before))}" in told
    await service.stop()
    for file in (service.data_dir / "crypto").glob("*.db"):
        file.unlink()
    code, told = await service.command("check")
    assert code == 1
    assert "the store is gone or cannot be read: start the service" in told

    await service.start()

    assert HELP in await ask(mei, room, "help", service)
    after = await device_of(mei, service)
    assert list(after.values()) == [True]
    assert not set(before) & set(after)
    assert "cause=store_lost" in service.log()
    _, told = await service.command("check")
    assert f"ok   cross-signing (secrets/cross_signing.json): signs device {next(iter(after))}" in told

    await service.stop()
    shutil.rmtree(service.data_dir / "crypto")
    await service.start()

    assert HELP in await ask(mei, room, "help", service)
    last = await device_of(mei, service)
    assert list(last.values()) == [True], "the whole folder is lost after a first loss: one device, signed"
    assert not set(last) & {*before, *after}
    assert "cause=record_lost" in service.log()

    await service.stop()
    shutil.rmtree(service.data_dir / "crypto")
    admin = await breakable.homeserver.person("admin", admin=True, unique=True)
    await admin.delete_device(service.user_id, next(iter(last)))
    await service.start()

    assert HELP in await ask(mei, room, "help", service)
    newest = await device_of(mei, service)
    assert list(newest.values()) == [True], "neither here nor there is a trace of any: still an id that never was"
    assert not set(newest) & {*before, *after, *last}


async def test_a_copy_of_the_folder_that_was_put_back_repeats_no_key(
    breakable: Breakable, service: Service, element: NewElement, tmp_path: Path
) -> None:
    """Copied by any tool, and however young: the mark at the homeserver has moved on."""
    mei = await element("mei", at=breakable.homeserver)
    room = await private(mei, service)
    before = await device_of(mei, service)
    await service.stop()
    shutil.copytree(service.data_dir / "crypto", tmp_path / "copy")
    await service.start()
    assert HELP in await ask(mei, room, "help", service)
    await service.kill()
    shutil.rmtree(service.data_dir / "crypto")
    shutil.copytree(tmp_path / "copy", service.data_dir / "crypto")

    await service.start()

    assert HELP in await ask(mei, room, "help", service)
    after = await device_of(mei, service)
    assert list(after.values()) == [True]
    assert not set(before) & set(after)
    assert "cause=restored" in service.log()


async def test_a_backup_of_rows_and_keys_repeats_no_key(
    breakable: Breakable, service: Service, element: NewElement, tmp_path: Path
) -> None:
    """Made a moment ago or yesterday: a new device takes over, reads what was said before, and is read."""
    mei, li = await element("mei", at=breakable.homeserver), await element("li", at=breakable.homeserver)
    room, alone = await admitted(mei, service, li, encrypted=True), await private(li, service)
    await chat(room, [(li, "The tent is green"), *((li, f"Line {number}") for number in range(4))])
    code, told = await service.command("backup", "--output", str(tmp_path / "backup"))
    assert code == 0, told
    await ask(mei, room, "!circle help", service)
    before = await device_of(mei, service)
    await service.kill()
    for path in service.data_dir.glob("circles.db*"):
        path.unlink()
    shutil.rmtree(service.data_dir / "crypto")
    code, told = await service.command("restore", "--input", str(tmp_path / "backup"))
    assert code == 0, told

    await service.start()

    assert "The tent is green" in await ask(mei, room, "!circle summary", service)
    assert HELP in await ask(li, alone, "help", service)
    after = await device_of(mei, service)
    assert list(after.values()) == [True]
    assert not set(before) & set(after)
    assert "cause=restored" in service.log()
    assert "its keys had come back from a backup" in (await service.command("check"))[1]
    said = [event for event in mei.timeline(room) if event["sender"] == service.user_id and event["encrypted"]]
    assert [event for event in said if "failure" in event] == []
    used = [_place(event["wire"]["content"]) for event in said]
    assert len(set(used)) == len(used)


def _place(content: Mapping[str, str]) -> tuple[str, int]:
    """Return by which key, and where in its chain, something is encrypted."""
    return content["session_id"], vodozemac.MegolmMessage.from_base64(content["ciphertext"]).message_index()


async def test_room_keys_go_into_a_file_and_back(
    breakable: Breakable, service: Service, element: NewElement, tmp_path: Path
) -> None:
    """Never while it runs; a lost store has them again, and only with the passphrase."""
    mei = await element("mei", at=breakable.homeserver)
    await private(mei, service)
    file, phrase, other = tmp_path / "keys.txt", tmp_path / "phrase", tmp_path / "other"
    phrase.write_text("correct horse\n")
    other.write_text("battery staple\n")
    given = ("--passphrase-file", str(phrase))
    code, told = await service.command("keys", "export", str(file), *given)
    assert code != 0
    assert "stop that one first" in told
    await service.stop()
    code, told = await service.command("keys", "export", str(file), *given)
    assert code == 0, told
    assert file.read_text().startswith("-----BEGIN MEGOLM SESSION DATA-----")
    assert file.stat().st_mode & 0o077 == 0
    assert (await service.command("keys", "export", str(file), *given))[0] == 1
    for store in (service.data_dir / "crypto").glob("*.db"):
        store.unlink()
    assert (await service.command("keys", "import", str(file), *given))[0] == 1
    await service.start()
    await service.stop()

    assert (await service.command("keys", "import", str(file), "--passphrase-file", str(other)))[0] == 1
    code, back = await service.command("keys", "import", str(file), *given)

    assert code == 0, back
    count = told.rpartition(", ")[2].split()[0]
    assert int(count) > 0
    assert back.startswith(f"{count} room keys are new, "), "more in all, if somebody spoke to its new device"


async def test_a_device_deleted_while_it_runs_is_replaced(
    breakable: Breakable, service: Service, element: NewElement
) -> None:
    """An operator who signs it out loses no answer."""
    mei = await element("mei", at=breakable.homeserver)
    room = await private(mei, service)
    before = await device_of(mei, service)
    admin = await breakable.homeserver.person("admin", admin=True, unique=True)
    await admin.delete_device(service.user_id, next(iter(before)))
    async with asyncio.timeout(20):
        while not set(await device_of(mei, service)) - set(before):
            await mei.sync(wait=0.2)

    assert HELP in await ask(mei, room, "help", service)


async def test_under_delegated_authentication_it_needs_no_login(breakable: Breakable, service: Service) -> None:
    """Nothing here asked for a token and none was given out; its account goes only by an administrator's hand."""
    home = breakable.homeserver
    assert "/_matrix/client/v3/login" not in home.log()
    with contextlib.closing(sqlite3.connect(f"file:{home.database_path}?mode=ro", uri=True)) as database:
        assert database.execute("SELECT user_id FROM access_tokens").fetchall() == []

    other = service.replica()
    other.configure({"appservice": {"bot_localpart": "circle_other", "port": free_port()}})
    account = {"type": "m.login.application_service", "username": "circle_other", "inhibit_login": True}
    headers = {"Authorization": f"Bearer {service.registration['as_token']}"}
    async with (
        aiohttp.ClientSession(home.base_url, headers=headers) as session,
        session.post("/_matrix/client/v3/register", json=account) as made,
    ):
        assert made.ok
    code, told = await other.command("uninstall", "--yes", "--for-good")
    await other.close()
    assert code == 0, told
    assert "still there: @circle_other:" in told
    admin = await home.person("admin", admin=True, unique=True)
    await admin.deactivate(f"@circle_other:{home.server_name}")
    with contextlib.closing(sqlite3.connect(f"file:{home.database_path}?mode=ro", uri=True)) as database:
        gone = "SELECT deactivated FROM users WHERE name LIKE '@circle_other:%'"
        assert database.execute(gone).fetchall() == [(1,)]
