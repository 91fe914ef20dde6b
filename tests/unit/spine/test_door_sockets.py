"""The door on a raw socket: large, slow, broken and repeated bodies, wrong tokens; what is said of each."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from circles.troubles import AGAIN
from knocks import PATH, TOKEN, Knocks, knocking
from rows import LI, message

SMALL = 1024 * 1024


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[Knocks]:
    """Return a door that takes a megabyte, for a second."""
    async with knocking(tmp_path, most_bytes=SMALL, read_seconds=1) as open_door:
        yield open_door


def head(length: int | None, *, token: str = TOKEN, path: str = PATH + "1") -> bytes:
    how = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{how}\r\n\r\n".encode()


async def sent(door: Knocks, *parts: bytes) -> tuple[int, dict[str, str]]:
    """Send bytes as they are and return status and body of the answer; the connection then ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(60):
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        return int(answer.split()[1]), json.loads(body)
    finally:
        writer.close()


def said(caplog: pytest.LogCaptureFixture, action: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if vars(record).get("action") == action]


def outcomes(door: Knocks, outcome: str) -> float:
    return door.metrics.registry.get_sample_value("circles_transactions_total", {"outcome": outcome}) or 0


async def test_sixty_megabytes_are_taken(knocks: Knocks) -> None:
    """A thousand of the largest events in one body; the one for the AI among them is found."""
    events = [message("x" * 64_000, sender=LI) for _ in range(1_000)]
    body = json.dumps({"events": [*events, message("!circle help")]}).encode()
    assert len(body) > 60 * 1024 * 1024
    answer = await knocks.put_raw("big", body)

    assert answer.status == 200
    assert await knocks.states() == ["pending"]


async def test_more_than_the_limit_is_refused_at_once_and_said_once(
    narrow: Knocks, caplog: pytest.LogCaptureFixture
) -> None:
    """By its announced length, before the body comes; the line says how large it was and what the limit is."""
    for _ in range(3):
        status, body = await sent(narrow, head(5 * SMALL))
        assert (status, body["errcode"]) == (413, "M_TOO_LARGE")

    (record,) = said(caplog, "delivery_refused")
    assert (vars(record)["reason"], vars(record)["bytes"], vars(record)["limit"]) == ("too_large", 5 * SMALL, SMALL)
    assert list(narrow.troubles.standing) == ["delivery_refused"]
    assert outcomes(narrow, "too_large") == 3
    assert await narrow.states() == []


async def test_a_large_body_without_a_length_is_refused_when_it_is_too_much(narrow: Knocks) -> None:
    """Chunked: it is read no further than the limit."""
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"

    status, body = await sent(narrow, head(None), chunk, chunk)

    assert (status, body["errcode"]) == (413, "M_TOO_LARGE")


async def test_what_was_refused_for_its_size_is_taken_once_the_limit_is_raised(tmp_path: Path) -> None:
    """The homeserver kept it: nothing is lost."""
    body = json.dumps({"events": [message(f"circle: {'x' * 60_000}") for _ in range(20)]}).encode()
    async with knocking(tmp_path, most_bytes=SMALL) as door:
        assert (await door.put_raw("1", body)).status == 413
    other = tmp_path / "raised"
    other.mkdir()
    async with knocking(other, most_bytes=2 * SMALL) as door:
        assert (await door.put_raw("1", body)).status == 200
        assert len(await door.states()) == 20


@pytest.mark.parametrize("part", [b"", b'{"events": [{"a'])
async def test_half_a_body_that_stalls_holds_up_nobody(
    narrow: Knocks, part: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Others are served meanwhile; then it is told that it took too long, and nothing of it is taken."""
    stalled = asyncio.create_task(sent(narrow, head(1_000), part))
    answers = await asyncio.gather(*(narrow.put(f"t{number}", message("!circle help")) for number in range(10)))
    status, _ = await stalled

    assert {answer.status for answer in answers} == {200}
    assert status == 408
    assert [vars(record)["reason"] for record in said(caplog, "delivery_refused")] == ["stalled"]
    assert await narrow.states() == ["pending"] * 10


async def test_a_body_that_breaks_off_is_not_taken(knocks: Knocks) -> None:
    """Whoever sent it is gone; what came of it is nothing."""
    body = json.dumps({"events": [message("!circle help"), message("!circle help")]}).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", knocks.port)
    writer.write(head(len(body)) + body[: len(body) // 2])
    await writer.drain()
    writer.transport.abort()
    again = await knocks.put_raw("1", body)

    assert again.status == 200
    assert await knocks.states() == ["pending"] * 2


async def test_whoever_goes_before_the_answer_is_served_once(knocks: Knocks) -> None:
    """The body was whole: it is taken; the same again finds it known."""
    body = json.dumps({"events": [message("!circle help")]}).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", knocks.port)
    writer.write(head(len(body)) + body)
    await writer.drain()
    writer.close()
    answers = [await knocks.put_raw("1", body) for _ in range(3)]

    assert {answer.status for answer in answers} == {200}
    assert await knocks.states() == ["pending"]
    assert sum(len(after.rooms) for after in knocks.told) == 1


async def test_a_wrong_token_is_said_once_and_ends_with_the_right_one(
    knocks: Knocks, caplog: pytest.LogCaptureFixture
) -> None:
    """A homeserver whose registration was changed knocks for ever: a line each ten minutes, a code at /health."""
    for _ in range(3):
        assert (await knocks.put("1", message(), token="rotated")).status == 403
    knocks.clock.advance(AGAIN + timedelta(seconds=1))
    assert (await knocks.put("1", message(), token="rotated")).status == 403

    assert len(said(caplog, "hs_token_refused")) == 2
    assert "rotated" not in caplog.text
    assert list(knocks.troubles.standing) == ["hs_token_refused"]
    assert outcomes(knocks, "unauthorised") == 4
    assert (await knocks.put("1", message("!circle help"))).status == 200
    assert list(knocks.troubles.standing) == []
    assert await knocks.states() == ["pending"]


async def test_a_wrong_token_is_refused_before_its_body(narrow: Knocks) -> None:
    """A stranger's body is not waited for."""
    status, body = await sent(narrow, head(1_000, token="stranger"), b'{"ev')

    assert (status, body["errcode"]) == (403, "M_FORBIDDEN")


async def test_a_full_disk_is_a_trouble_until_it_is_over(knocks: Knocks) -> None:
    """And is seen at /health."""
    knocks.database.full = True
    assert (await knocks.put("1", message("!circle help"))).status == 503
    assert list(knocks.troubles.standing) == ["database_refused"]
    knocks.database.full = False
    assert (await knocks.put("1", message("!circle help"))).status == 200

    assert list(knocks.troubles.standing) == []


async def test_one_event_that_is_no_json_does_not_stop_its_transaction(
    knocks: Knocks, caplog: pytest.LogCaptureFixture
) -> None:
    """It is set aside by its digest; the rest is taken, now and at every repeat."""
    one, two = message("!circle help"), message("!circle help")
    body = f'{{"events": [{json.dumps(one)}, {{"event_id": "$x", "n": {"9" * 5_000}}}, {json.dumps(two)}]}}'.encode()
    answers = [await knocks.put_raw("1", body), await knocks.put_raw("1", body), await knocks.put_raw("2", body)]

    assert {answer.status for answer in answers} == {200}
    assert await knocks.states() == ["pending"] * 2
    assert {vars(record)["reference"] for record in said(caplog, "event_unreadable")}
