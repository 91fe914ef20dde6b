"""The running program as an operator sees it: healthy, counted, and silent about what people write."""

import contextlib
import re
import secrets
import sqlite3

import aiohttp

from circles_harness import Service
from walks import admitted, ask, chat, look, private_room, settled

from .conftest import Breakable, NewPerson


async def told(service: Service) -> str:
    """Return all an operator can read: the log, which is at DEBUG, and the metrics."""
    async with aiohttp.ClientSession() as session, session.get(f"{service.health_url}/metrics") as answered:
        return service.log() + await answered.text()


async def test_no_word_that_people_write_is_in_log_or_metrics(breakable: Breakable, person: NewPerson) -> None:
    """Said to others and to the AI, in public and in private, as command, question and reminder; names too."""
    service = breakable.service
    words = [f"canary{secrets.token_hex(6)}" for _ in range(8)]
    mei = await person("mei", display_name=words[0], at=breakable.homeserver)
    room = await admitted(mei, service, name=f"Garden {words[1]}")
    await chat(room, [(mei, f"The boat is with {words[2]}"), *((mei, f"line {number}") for number in range(3))])
    await look(mei, room, f"where is the boat of {words[3]}?", service)
    await ask(mei, room, "!circle zone Berlin", service)
    await ask(mei, room, f"!circle remind me tomorrow at nine to {words[4]}", service)
    await ask(mei, room, f"!circle {words[5]}", service)
    private = await private_room(mei, service)
    await ask(mei, private, f"remind me tomorrow at ten to {words[6]}", service)
    await mei.say(private, words[7])
    await settled(mei, private, service)

    read = await told(service)
    assert [word for word in words if word in read] == []
    assert "circles_events_received" in read
    assert mei.user_id not in read.partition("# HELP")[2], "no metric is about a person"


async def test_what_breaks_ends_in_a_reference_that_the_log_has_and_no_word(
    breakable: Breakable, person: NewPerson
) -> None:
    """The sentence, the reference, the place in our code; not the statement with its values, and no traceback."""
    service = breakable.service
    word = f"canary{secrets.token_hex(6)}"
    mei = await person("mei", at=breakable.homeserver)
    room = await admitted(mei, service)
    await ask(mei, room, "!circle zone Berlin", service)
    with contextlib.closing(sqlite3.connect(service.database_path, timeout=60, isolation_level=None)) as database:
        database.execute("ALTER TABLE reminders RENAME TO reminders_away")
        try:
            broken = await ask(mei, room, f"!circle remind me tomorrow at nine to {word}", service)
        finally:
            database.execute("ALTER TABLE reminders_away RENAME TO reminders")
    reference = re.search(r"Reference ([0-9a-f]{8})", broken)

    assert reference is not None, broken
    assert "That did not work just now" in broken
    assert reference[1] in service.log()
    assert word not in await told(service)
    assert "Traceback" not in service.log()
    assert word in await ask(mei, room, f"!circle remind me tomorrow at nine to {word}", service)


async def test_a_stopped_service_ends_cleanly_and_leaves_an_empty_log_of_writes(breakable: Breakable) -> None:
    """Exit code 0, the write-ahead log moved into the file, everything private; and it starts again."""
    service = breakable.service
    code = await service.stop()
    files = {path.name: path for path in service.data_dir.iterdir()}  # a test
    sizes = {name: path.stat().st_size for name, path in files.items() if name.endswith("-wal")}
    modes = {name: path.stat().st_mode & 0o077 for name, path in files.items()}
    await service.start()

    assert code == 0
    assert sum(sizes.values()) == 0
    assert {name for name, mode in modes.items() if mode} == set()
    assert service.is_running


async def test_a_scrape_of_a_running_service_says_that_all_is_well(service: Service) -> None:
    """On a real homeserver: it is ready, leads, is answered, and nothing stands wrong."""
    async with aiohttp.ClientSession() as session, session.get(f"{service.health_url}/metrics") as answered:
        scraped = await answered.text()

    for name in ("ready", "leader", "homeserver_up", "database_up"):
        assert f"\ncircles_{name} 1.0\n" in scraped
    assert "circles_quarantined 0.0" in scraped
    assert not re.search(r"circles_trouble\{[^}]*\} 1\.0", scraped)
    assert re.search(r'circles_build_info\{database="sqlite",mode="direct",version="[0-9.]+"\} 1\.0', scraped)
