"""The model port against an endpoint on a real socket: what leaves, what is written first, how each failure ends."""

import asyncio
import contextlib
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply
from openai import AsyncOpenAI, OpenAIError
from sqlalchemy import Connection, Row, select

from circles.adapters.ai import answers
from circles.adapters.ai.clearance import SendClearance
from circles.adapters.ai.door import Door
from circles.adapters.ai.errors import Cause, EndpointNotAllowed, SendDenied, understood
from circles.adapters.ai.openai_client import AsksToSend, Clearance, Endpoint, ModelPort
from circles.adapters.store.database import SqlDatabase
from circles.adapters.store.egress import Outcome, egress, egress_events
from circles.adapters.store.quota import Budget, DailyLimits, QuotaSpent
from circles.core.ids import EventID, RoomID, UserID
from circles.core.prompt import Completion, Prompt
from circles.core.prompting import NUDGE
from circles.core.settings import Settings
from circles.errors import (
    BudgetSpent,
    ContextWindowExceeded,
    ModelBadAnswer,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
)
from circles.facts import rooms
from circles.facts.tables import metadata, policies, quota
from circles.ports import CompletesChat, Database
from circles.testing import AI, NOON, ROOM, FakeClock, QueueModel, said
from circles_policies.content import to_content
from circles_policies.model import Ceiling, Preset, Reach, preset

MEI, LI = UserID("@mei:home.example"), UserID("@li:far.example")
CANARY = "zebraumbrella"
SCHEMA = {
    "type": "object",
    "properties": {"visits": {"type": "array", "items": {"type": "integer"}}},
    "required": ["visits"],
    "additionalProperties": False,
}
NAMED = {
    "type": "object",
    "properties": {"who": {"type": "string"}},
    "required": ["who"],
    "additionalProperties": False,
}
SLOW = 1
"""A timeout short enough for a test to wait for."""

# --- what the port is given --------------------------------------------------------------------------------------


@dataclass
class Decision:
    """Allows every message but those kept out; counts how often it was asked."""

    kept_out: set[EventID] = field(default_factory=set[EventID])
    asked: int = 0

    async def __call__(self, prompt: Prompt) -> Clearance:
        self.asked += 1
        messages = (*prompt.talk, prompt.question) if prompt.question else prompt.talk
        return Clearance(frozenset(m.event_id for m in messages) - self.kept_out, generation=7, policy_id=3)


@dataclass
class Pauses:
    """Sleeps not at all, and remembers for how long it should have; may do something meanwhile."""

    seconds: list[float] = field(default_factory=list[float])
    meanwhile: Callable[[], None] = lambda: None

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.meanwhile()


@dataclass
class World:
    """A port and everything around it that a test looks at."""

    database: SqlDatabase
    decision: Decision = field(default_factory=Decision)
    pauses: Pauses = field(default_factory=Pauses)
    clock: FakeClock = field(default_factory=FakeClock)
    ports: list[ModelPort] = field(default_factory=list[ModelPort])

    def port(
        self,
        base_url: str,
        *,
        limits: DailyLimits | None = None,
        database: Database | None = None,
        people: Callable[[RoomID], Awaitable[dict[UserID, str]]] | None = None,
        asks: AsksToSend | None = None,
        **endpoint: Any,
    ) -> ModelPort:
        port = ModelPort(
            replace(Endpoint(base_url, "gpt-4o", api_key="sesame"), **endpoint),
            asks=asks or self.decision,
            database=database or self.database,
            clock=self.clock,
            limits=limits or DailyLimits(50, 200, 200_000),
            people=people,
            sleep=self.pauses,
        )
        self.ports.append(port)
        return port

    async def rows(self) -> list[Row[Any]]:
        return await self.database.read(lambda c: list(c.execute(select(egress).order_by(egress.c.id))))

    async def outcomes(self) -> list[str]:
        return [row.outcome for row in await self.rows()]

    async def used(self) -> tuple[int, int]:
        """Return the calls and tokens of the room."""
        rows = await self.database.read(lambda c: list(c.execute(select(quota).where(quota.c.room_id == ROOM))))
        return sum(row.model_calls for row in rows), sum(row.tokens for row in rows)


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    on_postgresql = getattr(request, "param", "sqlite") == "postgresql"
    url = f"sqlite:///{tmp_path / 'circles.db'}"
    database = SqlDatabase(request.getfixturevalue("postgresql_url") if on_postgresql else url)
    metadata.create_all(database.writer)
    world = World(database)
    yield world
    for port in world.ports:
        await port.aclose()
    await database.close()


on_both = pytest.mark.parametrize("world", ["sqlite", "postgresql"], indirect=True)
"""For what is about the rows."""


def a_prompt(*texts: str, question: str | None = None, **changes: Any) -> Prompt:
    talk = tuple(said(MEI if place % 2 == 0 else LI, text) for place, text in enumerate(texts))
    prompt = Prompt("summary", ROOM, MEI, "Sum it up.", talk, said(MEI, question) if question else None)
    return replace(prompt, **{"names": {MEI: "Mei", LI: "Li"}} | changes)


def reply_data(llmock: LLMock, data: object) -> None:
    llmock.reply(json.dumps(data))


# --- an endpoint that misbehaves as no ready-made one does ----------------------------------------------------------


@dataclass
class Seen:
    """A request as it stood on the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


class Stub:
    """A server on a real socket whose answer the test writes byte by byte."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.arrived = asyncio.Condition()
        self.answer: Callable[[Seen, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = self.hang
        self.hung_up = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "Stub":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
            seen = Seen(head[0], headers, await reader.readexactly(int(headers.get("content-length", 0))))
            async with self.arrived:
                self.seen.append(seen)
                self.arrived.notify_all()
            await self.answer(seen, reader, writer)
        finally:
            writer.close()

    async def wait_for(self, requests: int) -> None:
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.seen) >= requests)

    async def hang(self, _seen: Seen, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        """Say nothing until the client hangs up, gently or not."""
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        self.hung_up.set()

    async def break_off(self, _seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin an answer and hang up."""
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"choices": [')
        await writer.drain()

    async def hang_in_body(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin an answer and say no more until the client hangs up."""
        await self.break_off(seen, reader, writer)
        await self.hang(seen, reader, writer)

    async def drip(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin an answer, and go on with a byte now and then until the client hangs up."""
        await self.break_off(seen, reader, writer)
        gone = asyncio.create_task(self.hang(seen, reader, writer))
        while not gone.done():
            writer.write(b" ")
            await asyncio.wait({gone}, timeout=SLOW / 10)

    def says(self, body: object, status: str = "200 OK", **headers: str) -> None:
        """Give this answer to every request; anything but bytes goes as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(raw)}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        response = "\r\n".join((*lines, "", "")).encode() + raw

        async def answer(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(response)
            await writer.drain()

        self.answer = answer


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub() as stub:
        yield stub


def completion(**message: object) -> dict[str, object]:
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"total_tokens": 12}}


# --- one suite for the port and its fake ----------------------------------------------------------------------------


class Scripted(Protocol):
    """A model whose next answers a test chooses."""

    def model(self) -> CompletesChat: ...

    def answer(self, text: str) -> None: ...

    def data(self, data: dict[str, Any]) -> None: ...

    def fail(self) -> None: ...


@dataclass
class ScriptedPort:
    llmock: LLMock
    world: World

    def model(self) -> CompletesChat:
        return self.world.port(self.llmock.base_url())

    def answer(self, text: str) -> None:
        self.llmock.reply(text)

    def data(self, data: dict[str, Any]) -> None:
        self.llmock.reply(json.dumps(data))

    def fail(self) -> None:
        self.llmock.fail(401)


@dataclass
class ScriptedFake:
    queue: QueueModel = field(default_factory=QueueModel)

    def model(self) -> CompletesChat:
        return self.queue

    def answer(self, text: str) -> None:
        self.queue.put(text)

    def data(self, data: dict[str, Any]) -> None:
        self.queue.put(json.dumps(data), data)

    def fail(self) -> None:
        self.queue.fail(ModelUnavailable())


@pytest.fixture(params=["port", "fake"])
def scripted(request: pytest.FixtureRequest, llmock: LLMock, world: World) -> Scripted:
    return ScriptedPort(llmock, world) if request.param == "port" else ScriptedFake()


async def test_words_come_back_as_words(scripted: Scripted) -> None:
    scripted.answer("All go to Uncle. [1]")

    answer = await scripted.model().complete(a_prompt("Off to Uncle"))

    assert answer.text == "All go to Uncle. [1]"
    assert answer.data is None
    assert answer.tokens > 0
    assert answer.model


async def test_an_object_comes_back_checked(scripted: Scripted) -> None:
    scripted.data({"visits": [1]})

    answer = await scripted.model().complete(a_prompt("Off to Uncle", answer_schema=SCHEMA))

    assert answer.data == {"visits": [1]}


async def test_answers_come_in_order_and_a_failure_is_one_of_ours(scripted: Scripted) -> None:
    model = scripted.model()
    scripted.answer("one")
    assert (await model.complete(a_prompt("hi"))).text == "one"
    scripted.fail()
    with pytest.raises(ModelError):
        await model.complete(a_prompt("hi"))
    scripted.answer("three")
    assert (await model.complete(a_prompt("hi"))).text == "three"


# --- what leaves -------------------------------------------------------------------------------------------------


async def test_only_permitted_words_leave_and_their_numbers_stay(llmock: LLMock, world: World) -> None:
    prompt = a_prompt("Off to Uncle", CANARY, "On Friday", question="Who goes?")
    world.decision.kept_out = {prompt.talk[1].event_id}

    await world.port(llmock.base_url()).complete(prompt)

    sent = json.dumps([record.body for record in llmock.requests])
    assert "[1] Mei (Mon 1 Feb 12:00): Off to Uncle" in sent
    assert "[3] Mei (Mon 1 Feb 12:00): On Friday" in sent
    assert "Who goes?" in sent
    assert CANARY not in sent
    assert "[2]" not in sent
    assert llmock.last_request.body.keys() == {"messages", "model", "max_tokens"}


async def test_names_and_secrets_do_not_leave_and_stand_in_the_answer(llmock: LLMock, world: World) -> None:
    """Nothing of them is in any byte of the request; what the model says of a code comes back as what was meant."""
    prompt = a_prompt(
        "Anna says Mei Wang has the key, call 0170 1234567",
        "the door code is 4711x",
        question="Who is Mei?",
        answer_schema=NAMED,
    )
    prompt = replace(prompt, names={MEI: "Mei Wang"})
    port = world.port(llmock.base_url(), mask_key=b"secret", people=_somebody)
    reply_data(llmock, {"who": "NUMBER1 and KEY1"})

    answered = await port.complete(prompt)

    sent = json.dumps([record.body for record in llmock.requests], ensure_ascii=False)
    for hidden in ("Mei", "Wang", "Anna", "1234567", "4711x"):
        assert hidden not in sent
    assert answered.data == {"who": "0170 1234567 and 4711x"}

    mei = re.findall(r"\[1\] (\S+) \(", sent)[0]
    reply_data(llmock, {"who": f"{mei} \u2039{mei}b\u203a"})
    assert (await port.complete(prompt)).data == {"who": "Mei Wang Mei"}


async def _somebody(_room: RoomID) -> dict[UserID, str]:
    """A room's members, one of whom only others speak of."""
    return {MEI: "Mei Wang", UserID("@anna:home.example"): "Anna"}


async def test_the_decision_is_asked_again_before_each_retry(llmock: LLMock, world: World) -> None:
    """A message taken back during a pause is not in the request after it."""
    prompt = a_prompt("Off to Uncle", CANARY)
    world.pauses.meanwhile = lambda: world.decision.kept_out.add(prompt.talk[1].event_id)
    llmock.fail(503)

    await world.port(llmock.base_url()).complete(prompt)

    first, second = llmock.requests
    assert CANARY in json.dumps(first.body)
    assert CANARY not in json.dumps(second.body)
    events = await world.database.read(lambda c: list(c.execute(select(egress_events).order_by("egress_id"))))
    assert [(row.egress_id, row.event_id, row.sender) for row in events] == [
        (1, prompt.talk[0].event_id, MEI),
        (1, prompt.talk[1].event_id, LI),
        (2, prompt.talk[0].event_id, MEI),
    ]


@pytest.mark.parametrize("kept_out", ["question", "talk"])
async def test_nothing_leaves_without_its_question_or_all_of_its_talk(
    llmock: LLMock, world: World, kept_out: str
) -> None:
    prompt = a_prompt("Off to Uncle", question="Who goes?" if kept_out == "question" else None)
    withheld = prompt.question or prompt.talk[0]
    world.decision.kept_out = {withheld.event_id}

    with pytest.raises(SendDenied):
        await world.port(llmock.base_url()).complete(prompt)

    assert llmock.requests == []
    assert await world.rows() == []
    assert await world.used() == (0, 0)


NONE, LOCAL, LISTED = Reach


@pytest.mark.parametrize(
    ("agreed", "ceiling", "reach", "leaves"),
    [
        pytest.param((LISTED,), LISTED, LISTED, True, id="as-agreed"),
        pytest.param((LOCAL,), LISTED, LOCAL, True, id="nearer-is-enough"),
        pytest.param((LOCAL,), LISTED, LISTED, False, id="farther-than-agreed"),
        pytest.param((NONE,), LISTED, LOCAL, False, id="agreed-on-none"),
        pytest.param((), LISTED, LOCAL, False, id="nothing-agreed"),
        pytest.param((LOCAL, LISTED), LISTED, LISTED, False, id="said-when-it-was-to-stay-near"),
        pytest.param((LISTED,), LOCAL, LISTED, False, id="farther-than-the-operator-allows"),
        pytest.param((LISTED,), NONE, LOCAL, False, id="the-operator-allows-none"),
    ],
)
async def test_a_model_farther_than_agreed_is_sent_nothing(
    llmock: LLMock, world: World, agreed: tuple[Reach, ...], ceiling: Reach, reach: Reach, *, leaves: bool
) -> None:
    """The room's policies from the message until now and the operator's ceiling all say how far."""
    first = int(NOON.timestamp() * 1000) - 30_000

    def agree(connection: Connection) -> None:
        rooms.save_member(connection, ROOM, MEI, since=0)
        for place, each in enumerate(agreed):
            is_last = place == len(agreed) - 1
            connection.execute(
                policies.insert().values(
                    room_id=ROOM,
                    content=to_content(preset(Preset.ON_CALL, each)),
                    state="in_force" if is_last else "ended",
                    asked_at=0,
                    starts_at=first + 60_000 * place,
                    ends_at=None if is_last else first + 60_000 * (place + 1),
                    written=False,
                )
            )

    await world.database.write(agree)
    world.clock.instant = NOON + timedelta(hours=1)
    settings = Settings(AI, "home.example", ceiling=Ceiling(send=ceiling), reach=reach)
    port = world.port(llmock.base_url(), asks=SendClearance(world.database, world.clock, settings))
    prompt = a_prompt(CANARY)
    if leaves:
        assert (await port.complete(prompt)).text
        assert CANARY in json.dumps([record.body for record in llmock.requests])
        return

    with pytest.raises(SendDenied):
        await port.complete(prompt)
    assert llmock.requests == []
    assert await world.rows() == []
    assert await world.used() == (0, 0)


async def test_what_does_not_fit_never_leaves(llmock: LLMock, world: World) -> None:
    with pytest.raises(ContextWindowExceeded):
        await world.port(llmock.base_url(), context_tokens=2_000).complete(a_prompt(*["hello there " * 20] * 50))

    assert llmock.requests == []
    assert await world.rows() == []


async def test_the_environment_adds_no_header_key_or_detour(
    stub: Stub, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.says(completion(content="Yes."))
    async with Stub() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
            monkeypatch.setenv(name, CANARY)
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Canary: {CANARY}")
        await world.port(stub.url).complete(a_prompt("hi"))
        await world.port(stub.url, api_key=None).complete(a_prompt("hi"))
        assert proxy.seen == []

    with_key, without_key = stub.seen
    assert with_key.line == "POST /v1/chat/completions HTTP/1.1"
    assert with_key.headers["authorization"] == "Bearer sesame"
    assert "authorization" not in without_key.headers
    assert CANARY not in json.dumps(with_key.headers | without_key.headers)
    assert {name for name in with_key.headers if name.startswith("x-")} == {"x-stainless-raw-response"}


async def test_a_redirect_is_not_followed(stub: Stub, world: World) -> None:
    async with Stub() as elsewhere:
        stub.says({}, "307 Temporary Redirect", location=f"{elsewhere.url}/chat/completions")
        with pytest.raises(ModelUnavailable):
            await world.port(stub.url).complete(a_prompt(CANARY))
        assert elsewhere.seen == []

    assert await world.outcomes() == [Outcome.REJECTED]


@pytest.mark.parametrize("way", ["another host", "another path", "a query", "another method", "no row"])
async def test_the_door_lets_nothing_else_out(stub: Stub, way: str) -> None:
    door = Door(stub.url, "sesame", 60)
    port = stub.url.split(":")[2].removesuffix("/v1")
    url = {
        "another host": f"http://localhost:{port}/v1/chat/completions",
        "another path": f"{stub.url}/files",
        "a query": f"{stub.url}/chat/completions?to=x",
    }.get(way, f"{stub.url}/chat/completions")
    committed: list[int] = []

    async def commit(size: int) -> None:
        committed.append(size)

    async with door.client() as client:
        if way == "no row":
            with pytest.raises(EndpointNotAllowed):
                await client.post(url, content=CANARY)
        else:
            with door.opened(commit), pytest.raises(EndpointNotAllowed):
                await client.request("GET" if way == "another method" else "POST", url)

    assert stub.seen == []
    assert committed == []


async def test_the_door_opens_once_for_each_row(stub: Stub) -> None:
    door = Door(stub.url, None, 60)
    stub.says(completion(content="Yes."))
    committed: list[int] = []

    async def commit(size: int) -> None:
        committed.append(size)

    async with door.client() as client:
        with door.opened(commit):
            await client.post(f"{stub.url}/chat/completions", content=b"12345")
            with pytest.raises(EndpointNotAllowed):
                await client.post(f"{stub.url}/chat/completions", content=b"12345")

    assert committed == [5]
    assert len(stub.seen) == 1


# --- the ledger ----------------------------------------------------------------------------------------------------


@on_both
async def test_the_row_is_committed_when_the_request_arrives(stub: Stub, world: World) -> None:
    """Seen from another connection, at the moment the endpoint has the request."""
    found: list[Row[Any]] = []

    async def look(_seen: Seen, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.extend(await world.rows())
        body = json.dumps(completion(content="Yes.")).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    stub.answer = look

    await world.port(stub.url).complete(a_prompt("新年快乐", question="Who goes?"))

    assert [row.outcome for row in found] == [Outcome.LEAVING]
    assert found[0].bytes == len(stub.seen[0].body)
    assert await world.outcomes() == [Outcome.ANSWERED]


@on_both
async def test_a_row_says_who_asked_whom_for_what(llmock: LLMock, world: World) -> None:
    prompt = a_prompt("Off to Uncle", question="Who goes?")

    await world.port(llmock.base_url()).complete(prompt)

    (row,) = await world.rows()
    assert (row.room_id, row.asker, row.purpose) == (ROOM, MEI, "summary")
    assert (row.host, row.model, row.policy_id, row.generation) == ("127.0.0.1", "gpt-4o", 3, 7)
    assert row.at == int(NOON.timestamp() * 1000)
    events = await world.database.read(lambda c: set(c.execute(select(egress_events.c.event_id)).scalars()))
    assert prompt.question is not None
    assert events == {prompt.talk[0].event_id, prompt.question.event_id}


@on_both
async def test_every_request_the_endpoint_saw_has_a_row(llmock: LLMock, world: World) -> None:
    port = world.port(llmock.base_url())
    llmock.fail(500, times=2).reply("no JSON").reply('{"visits": [1]}')

    await port.complete(a_prompt("hi", answer_schema=SCHEMA))

    assert len(llmock.requests) == 4
    assert await world.outcomes() == [Outcome.REJECTED, Outcome.REJECTED, Outcome.ANSWERED, Outcome.ANSWERED]


async def test_without_a_row_nothing_leaves(stub: Stub, world: World) -> None:
    class FullDisk:
        async def read(self, work: Any) -> Any:
            raise OSError

        async def write(self, work: Any) -> Any:
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - whatever the database raises
        await world.port(stub.url, database=FullDisk()).complete(a_prompt("hi"))

    assert stub.seen == []


# --- failures -------------------------------------------------------------------------------------------------------


async def test_a_server_that_failed_is_asked_again_twice(llmock: LLMock, world: World) -> None:
    llmock.fail(503, times=2, retry_after=0).reply("There.")

    answer = await world.port(llmock.base_url()).complete(a_prompt("hi"))

    assert answer.text == "There."
    assert world.pauses.seconds == [1.0, 2.0]


async def test_a_server_that_stays_down_ends_in_one_error(llmock: LLMock, world: World) -> None:
    llmock.outage()

    with pytest.raises(ModelUnavailable):
        await world.port(llmock.base_url()).complete(a_prompt("hi"))

    assert len(llmock.requests) == 3
    assert await world.outcomes() == [Outcome.REJECTED] * 3


async def test_a_server_that_is_not_there_ends_in_one_error(world: World) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"

    with pytest.raises(ModelUnavailable):
        await world.port(url).complete(a_prompt("hi"))

    assert await world.outcomes() == [Outcome.NO_ANSWER] * 3
    assert await world.used() == (1, 0)


async def test_a_short_wait_is_waited_out(llmock: LLMock, world: World) -> None:
    llmock.rate_limit(retry_after=3).reply("There.")

    answer = await world.port(llmock.base_url()).complete(a_prompt("hi"))

    assert answer.text == "There."
    assert world.pauses.seconds == [3.0]


@pytest.mark.parametrize(("times", "seconds", "pauses"), [(1, 60, []), (2, 4, [4.0])])
async def test_a_long_or_repeated_wait_is_handed_on(
    llmock: LLMock, world: World, times: int, seconds: float, pauses: list[float]
) -> None:
    llmock.rate_limit(times=times, retry_after=seconds)

    with pytest.raises(ModelRateLimited) as caught:
        await world.port(llmock.base_url()).complete(a_prompt("hi"))

    assert caught.value.retry_after == timedelta(seconds=seconds)
    assert world.pauses.seconds == pauses


@pytest.mark.parametrize(
    ("status", "code"), [(401, None), (403, None), (404, "model_not_found"), (429, "insufficient_quota")]
)
async def test_what_only_the_operator_can_mend_is_logged_and_not_tried_again(
    llmock: LLMock, world: World, caplog: pytest.LogCaptureFixture, status: int, code: str | None
) -> None:
    llmock.fail(status, code=code, times=None)

    with pytest.raises(ModelUnavailable):
        await world.port(llmock.base_url()).complete(a_prompt("hi"))

    assert len(llmock.requests) == 1
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.__dict__["action"] == "model_request_failed"
    assert record.__dict__["status"] == status


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("This model's maximum context length was exceeded.", id="OpenAI and vLLM"),
        pytest.param("the request exceeds the available context size, try increasing it", id="llama.cpp"),
        pytest.param("prompt is too long: 9000 tokens > 8192 maximum", id="proxies"),
    ],
)
async def test_an_overflow_says_so(llmock: LLMock, world: World, message: str) -> None:
    llmock.fail(400, message=message)

    with pytest.raises(ContextWindowExceeded):
        await world.port(llmock.base_url()).complete(a_prompt("hi", answer_schema=SCHEMA))

    assert len(llmock.requests) == 1


async def test_an_overflow_by_its_code_says_so(llmock: LLMock, world: World) -> None:
    llmock.context_overflow()

    with pytest.raises(ContextWindowExceeded):
        await world.port(llmock.base_url()).complete(a_prompt("hi"))


@pytest.mark.parametrize(
    ("reply", "error", "outcome"),
    [
        pytest.param(Reply("Half of it", finish_reason="length"), ModelBadAnswer, Outcome.BAD_ANSWER, id="cut off"),
        pytest.param(Reply("x", finish_reason="content_filter"), ModelRefused, Outcome.REFUSED, id="filtered"),
        pytest.param(Reply("  \n"), ModelBadAnswer, Outcome.BAD_ANSWER, id="empty"),
        pytest.param(Reply("<think>hm</think>"), ModelBadAnswer, Outcome.BAD_ANSWER, id="only thoughts"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_an_error(
    llmock: LLMock, world: World, reply: Reply, error: type[ModelError], outcome: Outcome
) -> None:
    llmock.add(reply)

    with pytest.raises(error):
        await world.port(llmock.base_url()).complete(a_prompt("hi"))

    assert await world.outcomes() == [outcome]
    assert (await world.used())[1] > 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(completion(content=None, refusal="I cannot"), ModelRefused, id="refusal"),
        pytest.param(completion(content=None, tool_calls=[]), ModelBadAnswer, id="no content"),
        pytest.param({"choices": []}, ModelBadAnswer, id="no choice"),
        pytest.param({"choices": [7]}, ModelBadAnswer, id="a choice that is none"),
        pytest.param({"error": {"message": "no"}}, ModelBadAnswer, id="an error with status 200"),
        pytest.param([], ModelBadAnswer, id="a list"),
        pytest.param(b"<html>Gateway</html>", ModelBadAnswer, id="no JSON"),
        pytest.param(b"[" * 100_000, ModelBadAnswer, id="too deep"),
    ],
)
async def test_whatever_a_server_says_ends_in_one_error(
    stub: Stub, world: World, body: object, error: type[ModelError]
) -> None:
    stub.says(body, content_type="application/json")

    with pytest.raises(error):
        await world.port(stub.url).complete(a_prompt("hi"))

    assert len(stub.seen) == 1


async def test_a_filter_that_answers_with_400_is_a_refusal(llmock: LLMock, world: World) -> None:
    llmock.fail(400, code="content_filter")

    with pytest.raises(ModelRefused):
        await world.port(llmock.base_url()).complete(a_prompt("hi"))


@pytest.mark.parametrize("way", ["hang", "hang_in_body", "drip"])
async def test_a_server_that_hangs_is_hung_up_on(stub: Stub, world: World, way: str) -> None:
    stub.answer = getattr(stub, way)

    with pytest.raises(ModelUnavailable):
        await world.port(stub.url, timeout_seconds=SLOW).complete(a_prompt("hi"))

    await stub.hung_up.wait()
    assert len(stub.seen) == 1
    assert await world.outcomes() == [Outcome.NO_ANSWER]


async def test_a_server_that_breaks_off_is_asked_again(stub: Stub, world: World) -> None:
    stub.answer = stub.break_off
    world.pauses.meanwhile = lambda: stub.says(completion(content="There."))

    answer = await world.port(stub.url).complete(a_prompt("hi"))

    assert answer.text == "There."
    assert await world.outcomes() == [Outcome.NO_ANSWER, Outcome.ANSWERED]


async def test_cancelling_hangs_up(stub: Stub, world: World) -> None:
    task = asyncio.create_task(world.port(stub.url).complete(a_prompt("hi")))
    await stub.wait_for(1)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await stub.hung_up.wait()
    assert await world.outcomes() == [Outcome.CANCELLED]
    calls, tokens = await world.used()
    assert calls == 1
    assert tokens > 0


async def test_two_requests_are_under_way_at_most(stub: Stub, world: World) -> None:
    let_go = asyncio.Event()
    stub.says(completion(content="Yes."))
    answer = stub.answer

    async def later(seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let_go.wait()
        await answer(seen, reader, writer)

    stub.answer = later
    port = world.port(stub.url)
    tasks = [asyncio.create_task(port.complete(a_prompt("hi"))) for _ in range(3)]
    await stub.wait_for(2)

    assert world.decision.asked == 2

    let_go.set()
    await asyncio.gather(*tasks)
    assert len(stub.seen) == 3
    assert world.decision.asked == 3


async def test_a_wait_until_a_date_is_understood() -> None:
    """RFC 9110 allows both forms; anything else counts as not said."""
    now = datetime(2027, 2, 7, tzinfo=UTC)

    async def wait(header: str) -> timedelta | None:
        async with Stub() as stub:
            stub.says({}, "429 Too Many Requests", retry_after=header)
            door = Door(stub.url, None, 60)

            async def commit(_size: int) -> None: ...

            async with AsyncOpenAI(base_url=stub.url, api_key="x", max_retries=0, http_client=door.client()) as sdk:
                with door.opened(commit), pytest.raises(OpenAIError) as caught:
                    await sdk.chat.completions.create(model="x", messages=[])
            failure = understood(caught.value, now)
            assert failure.cause is Cause.LIMITED
            return failure.error.retry_after

    assert await wait(format_datetime(now + timedelta(seconds=90), usegmt=True)) == timedelta(seconds=90)
    assert await wait(format_datetime(now - timedelta(days=1))) == timedelta()
    assert await wait("2.5") == timedelta(seconds=2.5)
    assert await wait("soon") is None


# --- structured answers ----------------------------------------------------------------------------------------------


async def test_a_schema_goes_along_as_a_strict_one(llmock: LLMock, world: World) -> None:
    reply_data(llmock, {"visits": [1, 2]})

    answer = await world.port(llmock.base_url()).complete(a_prompt("hi", answer_schema=SCHEMA))

    assert answer.data == {"visits": [1, 2]}
    assert llmock.last_request.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    }


async def test_an_endpoint_that_takes_no_schema_gets_it_in_words_from_then_on(llmock: LLMock, world: World) -> None:
    port = world.port(llmock.base_url())
    llmock.fail(400, message="'response_format' is not supported")
    for _ in range(2):
        reply_data(llmock, {"visits": [1]})

    for _ in range(2):
        assert (await port.complete(a_prompt("hi", answer_schema=SCHEMA))).data == {"visits": [1]}

    with_schema, *in_words = llmock.requests
    assert "response_format" in with_schema.body
    assert len(in_words) == 2
    for record in in_words:
        assert "response_format" not in record.body
        assert json.dumps(SCHEMA, separators=(",", ":")) in record.body["messages"][0]["content"]


async def test_a_request_that_is_wrong_in_every_form_is_given_up(llmock: LLMock, world: World) -> None:
    llmock.fail(400, times=None)

    with pytest.raises(ModelUnavailable):
        await world.port(llmock.base_url()).complete(a_prompt("hi", answer_schema=SCHEMA))

    assert len(llmock.requests) == 2


async def test_an_endpoint_that_wants_the_newer_name_of_max_tokens_gets_it(llmock: LLMock, world: World) -> None:
    port = world.port(llmock.base_url())
    llmock.fail(400, message="Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")

    await port.complete(a_prompt("hi"))
    await port.complete(a_prompt("hi"))

    assert [("max_tokens" in r.body, "max_completion_tokens" in r.body) for r in llmock.requests] == [
        (True, False),
        (False, True),
        (False, True),
    ]


async def test_a_wrong_form_is_asked_for_once_more_without_repeating_it(llmock: LLMock, world: World) -> None:
    llmock.reply(f"Sure! {CANARY}").reply('```json\n{"visits": [3]}\n```')

    answer = await world.port(llmock.base_url()).complete(a_prompt("hi", answer_schema=SCHEMA))

    assert answer.data == {"visits": [3]}
    first, second = (record.body["messages"][-1]["content"] for record in llmock.requests)
    assert NUDGE not in first
    assert second.endswith(NUDGE)
    assert CANARY not in second


async def test_a_wrong_form_twice_is_a_bad_answer(llmock: LLMock, world: World) -> None:
    llmock.reply('{"visits": ["Uncle"]}').reply('{"visits": [1], "more": 1}')

    with pytest.raises(ModelBadAnswer):
        await world.port(llmock.base_url()).complete(a_prompt("hi", answer_schema=SCHEMA))

    assert len(llmock.requests) == 2


@pytest.mark.parametrize(
    ("text", "schema", "data"),
    [
        pytest.param('<x>{"a": 1}', {"type": "object"}, None, id="words before it"),
        pytest.param("[1]", {"type": "object"}, None, id="no object"),
        pytest.param('{"a": NaN}', {"type": "object"}, None, id="no JSON number"),
        pytest.param('{"a": true}', {"type": "object", "properties": {"a": {"type": "integer"}}}, None, id="not 1"),
        pytest.param('{"a": 1.5}', {"type": "object", "properties": {"a": {"type": "integer"}}}, None, id="not whole"),
        pytest.param('{"a": 1}', {"type": "object", "properties": {"a": {"enum": [True]}}}, None, id="1 is not true"),
        pytest.param('{"a": 9}', {"type": "object", "properties": {"a": {"maximum": 8}}}, None, id="too much"),
        pytest.param('{"a": "xx"}', {"type": "object", "properties": {"a": {"maxLength": 1}}}, None, id="too long"),
        pytest.param('{"a": []}', {"type": "object", "properties": {"a": {"minItems": 1}}}, None, id="too few"),
        pytest.param("{}", {"type": "object", "required": ["a"]}, None, id="not all there"),
        pytest.param(
            '{"a": null, "b": "x"}',
            {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {"enum": ["x", "y"]}}},
            {"a": None, "b": "x"},
            id="fits",
        ),
    ],
)
def test_the_form_is_checked_by_hand(text: str, schema: dict[str, Any], data: dict[str, Any] | None) -> None:
    assert answers.as_object(text, schema) == data


@pytest.mark.parametrize(
    "schema", [{"type": "array"}, {"type": "object", "properties": {"a": {"items": {"pattern": "x"}}}}]
)
async def test_a_schema_that_cannot_be_checked_is_our_mistake(
    llmock: LLMock, world: World, schema: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="answer"):
        await world.port(llmock.base_url()).complete(a_prompt("hi", answer_schema=schema))

    assert llmock.requests == []


# --- budgets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "which"),
    [
        (DailyLimits(1, 9, 9_999), Budget.PERSON_CALLS),
        (DailyLimits(9, 1, 9_999), Budget.ROOM_CALLS),
        (DailyLimits(9, 9, 190), Budget.ROOM_TOKENS),
    ],
)
async def test_a_spent_budget_stops_the_request_and_comes_back_tomorrow(
    stub: Stub, world: World, limits: DailyLimits, which: Budget
) -> None:
    body = completion(content="Yes.")
    stub.says(body | {"usage": {"total_tokens": 150}})
    port = world.port(stub.url, limits=limits)
    await port.complete(a_prompt("hi"))

    with pytest.raises(BudgetSpent) as caught:
        await port.complete(a_prompt("hi"))
    assert isinstance(caught.value, QuotaSpent)
    assert caught.value.which is which
    assert len(stub.seen) == 1
    assert await world.outcomes() == [Outcome.ANSWERED]

    world.clock.advance(timedelta(days=1))
    await port.complete(a_prompt("hi"))


@on_both
async def test_budgets_are_the_asker_s_across_rooms_and_the_room_s_across_people(llmock: LLMock, world: World) -> None:
    port = world.port(llmock.base_url(), limits=DailyLimits(1, 2, 99_999))
    elsewhere = RoomID("!elsewhere")

    await port.complete(a_prompt("hi"))
    with pytest.raises(QuotaSpent) as same_person:
        await port.complete(a_prompt("hi", room_id=elsewhere))
    await port.complete(a_prompt("hi", asker=LI))
    with pytest.raises(QuotaSpent) as same_room:
        await port.complete(a_prompt("hi", asker=UserID("@uncle:home.example")))
    await port.complete(a_prompt("hi", asker=UserID("@uncle:home.example"), room_id=elsewhere))

    assert same_person.value.which is Budget.PERSON_CALLS
    assert same_room.value.which is Budget.ROOM_CALLS


@on_both
async def test_two_at_once_cannot_both_take_the_last_call(llmock: LLMock, world: World) -> None:
    port = world.port(llmock.base_url(), limits=DailyLimits(1, 9, 99_999))

    results = await asyncio.gather(*(port.complete(a_prompt("hi")) for _ in range(2)), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["Completion", "QuotaSpent"]
    assert len(llmock.requests) == 1


@on_both
async def test_one_question_is_one_call_however_often_it_is_sent(llmock: LLMock, world: World) -> None:
    llmock.fail(503, times=2)

    answer = await world.port(llmock.base_url()).complete(a_prompt("hi"))

    assert isinstance(answer, Completion)
    assert await world.used() == (1, answer.tokens)


@on_both
async def test_a_failure_counts_as_a_call_and_costs_no_tokens(llmock: LLMock, world: World) -> None:
    llmock.fail(401)

    with pytest.raises(ModelUnavailable):
        await world.port(llmock.base_url()).complete(a_prompt("hi"))

    assert await world.used() == (1, 0)


# --- logs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 429, 500])
async def test_no_word_reaches_a_log_or_an_error(
    llmock: LLMock, world: World, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Also where the endpoint repeats what it was sent, and with every logger at its loudest."""
    caplog.set_level(logging.DEBUG)
    port = world.port(llmock.base_url())
    if status == 200:
        llmock.reply(f"{CANARY} is no JSON", times=2)
    else:
        llmock.fail(status, message=f"cannot do {CANARY}", code=CANARY, times=None, retry_after=60)

    with pytest.raises(ModelError) as caught:
        await port.complete(a_prompt(CANARY, names={MEI: CANARY}, question=CANARY, answer_schema=SCHEMA))

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert CANARY not in repr(caught.value)
    assert CANARY not in caplog.text
    assert CANARY not in str([record.__dict__ for record in caplog.records])
    assert "sesame" not in str([record.__dict__ for record in caplog.records])
