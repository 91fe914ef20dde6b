"""The model port: the only way text leaves for a model. Speaks to one OpenAI-compatible endpoint.

For every request that leaves, each retry too: the decision is asked anew for every message, the request is built from
what it allows, its egress row and its cost are committed, and only then does it pass the door.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from openai import AsyncOpenAI, OpenAIError, omit
from sqlalchemy import Connection

from circles.adapters.ai import answers
from circles.adapters.ai.door import Door
from circles.adapters.ai.errors import Cause, Failure, SendDenied, outcome_of, understood
from circles.adapters.store import egress, quota
from circles.adapters.store.egress import Departure, Outcome
from circles.core.ids import EventID, RoomID, UserID
from circles.core.masking import Mask
from circles.core.prompt import Completion, Prompt
from circles.core.prompting import ChatMessage, chat_messages, estimated_tokens, fits
from circles.errors import ContextWindowExceeded, ModelBadAnswer
from circles.ports import Database, TellsTime

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.shared_params import ResponseFormatJSONSchema

logger: Final = logging.getLogger(__name__)

AT_ONCE: Final = 2
"""So many requests are under way at a time; the rest wait."""
LONGEST_WAIT: Final = 10.0
"""The longest Retry-After that is waited out, in seconds."""
BACKOFF: Final = (1.0, 2.0)
"""Pauses before a server that failed is asked again, in seconds."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model is and how it may be asked.

    Attributes:
        mask_key: where given, names and secrets are hidden from it; the key makes the names it sees instead.
    """

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    timeout_seconds: float = 60.0
    max_tokens: int = 1_024
    context_tokens: int = 8_192
    mask_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Clearance:
    """What the decision says of a prompt now.

    Attributes:
        allowed: the events whose words may be sent to this endpoint; what is not among them does not leave.
        generation: the room's generation when it was asked.
        policy_id: the row of the policy in force, for the ledger.
    """

    allowed: frozenset[EventID]
    generation: int
    policy_id: int | None = None


class AsksToSend(Protocol):
    """The decision on SEND, for each message of a prompt and its question."""

    async def __call__(self, prompt: Prompt) -> Clearance:
        """Ask for every message, from what is known at this moment."""
        ...


@dataclass(slots=True)
class _Course:
    """How far one `complete` has come: what was tried already, and how the next request is to look."""

    payer: quota.Account
    mask: Mask | None = None
    requests: int = 0
    tokens: int = 0
    pauses: int = 0
    waited: bool = False
    nudge: bool = False
    schema_in_words: bool = False
    newer_max_tokens: bool = False


@dataclass(frozen=True, slots=True)
class _Sendable:
    """What may leave in one request."""

    messages: tuple[ChatMessage, ...]
    departure: Departure
    tokens: int


class ModelPort:
    """Implements `ports.CompletesChat`."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        asks: AsksToSend,
        database: Database,
        clock: TellsTime,
        limits: quota.DailyLimits,
        measured: Callable[[str, float, int, int], None] = lambda _outcome, _seconds, _tokens, _bytes: None,
        refused: Callable[[str], None] = lambda _budget: None,
        people: Callable[[RoomID], Awaitable[Mapping[UserID, str]]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take what the composition root wires; `people` tells whose names are hidden in a room, where they are."""
        self._people: Final = people
        self._measured: Final = measured
        self._refused: Final = refused
        self._endpoint: Final = endpoint
        self._asks: Final = asks
        self._database: Final = database
        self._clock: Final = clock
        self._limits: Final = limits
        self._sleep: Final = sleep
        self._slots: Final = asyncio.Semaphore(AT_ONCE)
        self._door: Final = Door(endpoint.base_url, endpoint.api_key, endpoint.timeout_seconds)
        self._sdk: Final = AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key or "none",  # the SDK wants one; the door takes it off again
            max_retries=0,
            http_client=self._door.client(),
        )
        self._schema_in_words = False
        self._newer_max_tokens = False

    async def aclose(self) -> None:
        """Close the connections."""
        await self._sdk.close()

    async def complete(self, prompt: Prompt) -> Completion:
        """Ask the policy for every message, commit the egress row, send, and return a checked answer.

        Cancelling it closes the request under way.

        Raises:
            ModelError: the model did not answer in the form asked for; SendDenied: the policy lets nothing leave.
            BudgetSpent: the room's or the asker's budget for today is used up; nothing left.
        """
        if prompt.answer_schema is not None:
            answers.check_schema(prompt.answer_schema)
        async with self._slots:
            course = _Course(
                quota.account(self._clock.now(), prompt.room_id, prompt.asker),
                mask=await self._mask(prompt),
                schema_in_words=self._schema_in_words,
                newer_max_tokens=self._newer_max_tokens,
            )
            while True:
                text = await self._request(prompt, course)
                if isinstance(text, Failure):
                    await self._prepare_another(text, prompt, course)
                    continue
                self._schema_in_words = course.schema_in_words
                self._newer_max_tokens = course.newer_max_tokens
                data = answers.as_object(text, prompt.answer_schema) if prompt.answer_schema is not None else None
                if data is not None or prompt.answer_schema is None:
                    return self._completion(text, data, course)
                if course.nudge:
                    raise ModelBadAnswer("The model's answer was not in the form asked for.")
                course.nudge = True

    async def _mask(self, prompt: Prompt) -> Mask | None:
        key = self._endpoint.mask_key
        if key is None:
            return None
        members: Mapping[UserID, str] = {}
        if self._people is not None:
            members = await self._people(prompt.room_id)
        return await asyncio.to_thread(Mask, key, replace(prompt, names={**members, **prompt.names}))

    def _completion(self, text: str, data: Mapping[str, Any] | None, course: _Course) -> Completion:
        if course.mask is not None:
            # The object is read first: what comes back may hold a quotation mark.
            text = course.mask.revealed(text)
            data = course.mask.revealed_data(data) if data is not None else None
        return Completion(text, data, self._endpoint.model, course.tokens)

    async def _prepare_another(self, failure: Failure, prompt: Prompt, course: _Course) -> None:
        """Wait or change the form of the request, where another one may bring an answer; else raise the failure."""
        wait = failure.error.retry_after.total_seconds() if failure.error.retry_after else None
        match failure.cause:
            case Cause.DOWN if course.pauses < len(BACKOFF) and (wait or 0.0) <= LONGEST_WAIT:
                await self._sleep(max(BACKOFF[course.pauses], wait or 0.0))
                course.pauses += 1
            case Cause.LIMITED if not course.waited and (wait or 0.0) <= LONGEST_WAIT:
                await self._sleep(BACKOFF[-1] if wait is None else wait)
                course.waited = True
            case Cause.MAX_TOKENS_NAME if not course.newer_max_tokens:
                course.newer_max_tokens = True
            case Cause.NOT_UNDERSTOOD if prompt.answer_schema is not None and not course.schema_in_words:
                course.schema_in_words = True
            case _:
                raise failure.error

    async def _request(self, prompt: Prompt, course: _Course) -> str | Failure:
        """Send one request. Returns the words, or why none came; an answer that came and cannot be used raises."""
        sendable = await self._sendable(prompt, course)
        row: list[int] = []
        left: list[int] = []

        async def commit(size: int) -> None:
            departing = asyncio.ensure_future(self._depart(sendable, size, course))
            left.append(size)
            try:
                row.append(await asyncio.shield(departing))
            except asyncio.CancelledError:
                # The row is committed whatever becomes of us: it must not stay "leaving".
                row.append(await departing)
                raise

        started = time.monotonic()
        outcome, tokens = Outcome.NO_ANSWER, 0
        try:
            with self._door.opened(commit):
                async with asyncio.timeout(self._endpoint.timeout_seconds):
                    body = await self._send(sendable.messages, prompt, course)
            answer = answers.read(body)
            tokens = sendable.tokens + estimated_tokens(answer.text) if answer.tokens is None else answer.tokens
            if answer.problem is not None:
                outcome = outcome_of(answer.problem)
                raise answer.problem
            outcome = Outcome.ANSWERED
        except asyncio.CancelledError:
            outcome, tokens = Outcome.CANCELLED, sendable.tokens
            raise
        except (OpenAIError, TimeoutError) as problem:
            failure = understood(problem, self._clock.now())
            outcome = failure.outcome
        else:
            return answer.text
        finally:
            if row:
                await self._settle(row[0], outcome, tokens, sendable, course)
                seconds = time.monotonic() - started
                self._measured(outcome.value, seconds, tokens, left[0])
                _log(row[0], outcome, tokens, sendable, seconds)
        _log_failure(failure, row)
        return failure

    async def _sendable(self, prompt: Prompt, course: _Course) -> _Sendable:
        """Build a request from what may leave now.

        Raises:
            SendDenied: the question may not leave, or nothing of the talk may.
            ContextWindowExceeded: it would not fit; nothing left.
        """
        clearance = await self._asks(prompt)
        talk = [message for message in prompt.talk if message.event_id in clearance.allowed]
        if prompt.question is not None and prompt.question.event_id not in clearance.allowed:
            raise SendDenied
        if prompt.question is None and prompt.talk and not talk:
            raise SendDenied
        shown = course.mask.masked() if course.mask is not None else prompt
        leaving = tuple(message for message in shown.talk if message.event_id in clearance.allowed)
        if not fits(replace(shown, talk=leaving), self._endpoint.context_tokens, self._endpoint.max_tokens):
            raise ContextWindowExceeded
        messages = chat_messages(
            shown, only=clearance.allowed, schema_in_words=course.schema_in_words, nudge=course.nudge
        )
        included = (*talk, prompt.question) if prompt.question is not None else tuple(talk)
        departure = Departure(
            at=int(self._clock.now().timestamp() * 1000),
            room_id=prompt.room_id,
            asker=prompt.asker,
            purpose=prompt.purpose,
            host=self._door.host,
            model=self._endpoint.model,
            size=0,
            policy_id=clearance.policy_id,
            generation=clearance.generation,
            events={message.event_id: message.sender for message in included},
        )
        return _Sendable(messages, departure, estimated_tokens(*(message.content for message in messages)))

    async def _depart(self, sendable: _Sendable, size: int, course: _Course) -> int:
        """Take the cost and write the row, in one unit of work. Whatever it raises keeps the request from leaving."""

        def work(connection: Connection) -> int:
            calls = 0 if course.requests else 1
            now = self._clock.now()
            quota.take(connection, course.payer, self._limits, calls=calls, tokens=sendable.tokens, now=now)
            return egress.record(connection, replace(sendable.departure, size=size))

        try:
            egress_id = await self._database.write(work)
        except quota.QuotaSpent as spent:
            self._refused(spent.which.value)
            raise
        course.requests += 1
        return egress_id

    async def _settle(self, row: int, outcome: Outcome, tokens: int, sendable: _Sendable, course: _Course) -> None:
        """Write what became of the request, and put right what it cost."""

        def work(connection: Connection) -> None:
            egress.settle(connection, row, outcome)
            quota.charge(connection, course.payer, tokens=tokens - sendable.tokens)

        course.tokens += tokens
        await self._database.write(work)

    async def _send(self, messages: tuple[ChatMessage, ...], prompt: Prompt, course: _Course) -> str:
        """Hand one request to the SDK and return the body of the answer."""
        length = self._endpoint.max_tokens
        in_words = prompt.answer_schema is None or course.schema_in_words
        response = await self._sdk.chat.completions.with_raw_response.create(
            model=self._endpoint.model,
            messages=[_parameter(message) for message in messages],
            max_tokens=omit if course.newer_max_tokens else length,
            max_completion_tokens=length if course.newer_max_tokens else omit,
            response_format=omit if in_words else _response_format(prompt),
        )
        return response.text


def _parameter(message: ChatMessage) -> ChatCompletionMessageParam:
    if message.role == "system":
        return {"role": "system", "content": message.content}
    return {"role": "user", "content": message.content}


def _response_format(prompt: Prompt) -> ResponseFormatJSONSchema:
    schema = dict(prompt.answer_schema or {})
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": answers.is_strict(schema)},
    }


def _log(row: int, outcome: Outcome, tokens: int, sendable: _Sendable, seconds: float) -> None:
    departure = sendable.departure
    logger.info(
        "A request to the model ended.",
        extra={
            "action": "model_request_ended",
            "egress": row,
            "outcome": outcome.value,
            "room_id": departure.room_id,
            "purpose": departure.purpose,
            "messages": len(departure.events),
            "tokens": tokens,
            "seconds": round(seconds, 3),
        },
    )


def _log_failure(failure: Failure, row: list[int]) -> None:
    level = logging.ERROR if failure.cause in (Cause.OPERATOR, Cause.NOT_UNDERSTOOD) else logging.WARNING
    logger.log(
        level,
        "The model's server gave no answer.",
        extra={
            "action": "model_request_failed",
            "egress": row[0] if row else None,
            "cause": failure.cause.name.lower(),
            "status": failure.status,
            "code": failure.code,
        },
    )
