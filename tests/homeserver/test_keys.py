"""The AI's device through kills, losses and restores, with people whose clients run Element's own Rust crypto."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from circles_harness import ElementPerson, Service
from walks import answer, ask, body

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
    """Killed; two devices begin new sessions meanwhile; each question is answered once, in its order."""
    mei = await element("mei", at=breakable.homeserver)
    room = await private(mei, service)
    await service.kill()

    phone = await element("mei", at=breakable.homeserver, as_well=mei)
    asked = [await (phone if number % 2 else mei).say(room, "help") for number in range(12)]
    await service.start()
    for question in asked:
        assert HELP in body(await answer(mei, room, question, service))

    replied = [
        event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"]
        for event in mei.timeline(room)
        if event["sender"] == service.user_id and event["content"].get("m.relates_to", {}).get("m.in_reply_to")
    ]
    assert [question for question in replied if question in asked] == asked


async def test_a_lost_store_makes_a_new_device(breakable: Breakable, service: Service, element: NewElement) -> None:
    """The old one is deleted, the identity is the same, and the next question is answered."""
    mei = await element("mei", at=breakable.homeserver)
    room = await private(mei, service)
    before = await device_of(mei, service)
    _, told = await service.command("check")
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


async def test_keys_restored_from_yesterday_are_not_used(
    breakable: Breakable, service: Service, element: NewElement, tmp_path: Path
) -> None:
    """Their sessions would repeat keys: a new device takes over, and says so in the log."""
    mei = await element("mei", at=breakable.homeserver)
    room = await private(mei, service)
    await service.stop()
    shutil.copytree(service.data_dir / "crypto", tmp_path / "crypto")
    await service.start()
    assert HELP in await ask(mei, room, "help", service)
    await service.stop()
    shutil.rmtree(service.data_dir / "crypto")
    shutil.copytree(tmp_path / "crypto", service.data_dir / "crypto")

    await service.start()

    assert HELP in await ask(mei, room, "help", service)
    assert "cause=restored" in service.log()


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
    assert back.startswith(f"{count} room keys are new, {count} in all")


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
