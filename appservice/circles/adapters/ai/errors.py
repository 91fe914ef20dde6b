"""The SDK's exceptions become ours here, and nowhere else.

An endpoint's own words are compared, never kept: they may repeat what was sent. So ours are raised `from None`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Final

from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError

from circles.adapters.store.egress import Outcome
from circles.errors import (
    ContextWindowExceeded,
    ModelBadAnswer,
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
)

_OVERFLOW: Final = re.compile(
    r"context_length_exceeded|exceed_context_size|context (?:length|size|window)|prompt is too long|too many tokens"
    r"|maximum (?:input|prompt) length|input is too long",
    re.IGNORECASE,
)
"""As OpenAI, vLLM, llama.cpp, LiteLLM and Mistral put it."""
_FILTERED: Final = re.compile(r"content_filter|content_policy|content management policy", re.IGNORECASE)
_MAX_TOKENS: Final = re.compile(r"max_completion_tokens")
_CODES: Final = frozenset(
    {"content_filter", "context_length_exceeded", "insufficient_quota", "invalid_api_key", "invalid_request_error"}
    | {"model_not_found", "rate_limit_exceeded", "unsupported_parameter", "unsupported_value"}
)
"""The codes that may stand in a log; any other could be a piece of what was sent."""


class SendDenied(ModelUnavailable):
    """The policy lets nothing of this request leave."""


class EndpointNotAllowed(ModelUnavailable):
    """A request tried to leave for another place than the configured endpoint."""


class Cause(Enum):
    """Why no answer came; decides what is tried next."""

    DOWN = auto()
    SLOW = auto()
    LIMITED = auto()
    OVERFLOW = auto()
    FILTERED = auto()
    MAX_TOKENS_NAME = auto()
    """The endpoint wants the length of the answer under its newer name."""
    NOT_UNDERSTOOD = auto()
    OPERATOR = auto()
    """Only who runs Circles can mend it: the key, the model's name, the account."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that brought no answer, in our words. `code` is one of the known codes, or ''."""

    cause: Cause
    error: ModelError
    outcome: Outcome
    status: int = 0
    code: str = ""


def understood(problem: OpenAIError | TimeoutError, now: datetime) -> Failure:
    """Return what a failed request means. Total: what is unknown counts as down."""
    if isinstance(problem, APITimeoutError | TimeoutError):
        return Failure(Cause.SLOW, ModelUnavailable("The model took too long to answer."), Outcome.NO_ANSWER)
    if isinstance(problem, APIConnectionError):
        return Failure(Cause.DOWN, ModelUnavailable("The model cannot be reached."), Outcome.NO_ANSWER)
    if isinstance(problem, APIStatusError):
        return _of_status(problem, now)
    return Failure(Cause.DOWN, ModelUnavailable(), Outcome.NO_ANSWER)


def _of_status(problem: APIStatusError, now: datetime) -> Failure:
    status = problem.status_code
    said = f"{problem.code or ''} {problem.type or ''} {problem.message}"
    wait = _retry_after(
        problem.response.headers.get("retry-after-ms"), problem.response.headers.get("retry-after"), now
    )
    code = problem.code if problem.code and problem.code in _CODES else ""

    def failure(cause: Cause, error: ModelError) -> Failure:
        return Failure(cause, error, Outcome.REJECTED, status, code)

    if status == 413 or (status in (400, 422, 500) and _OVERFLOW.search(said)):
        return failure(Cause.OVERFLOW, ContextWindowExceeded())
    if status == 400 and _FILTERED.search(said):
        return failure(Cause.FILTERED, ModelRefused())
    if status == 429 and code != "insufficient_quota":
        return failure(Cause.LIMITED, ModelRateLimited(retry_after=wait))
    if status >= 500 or status == 408:
        return failure(Cause.DOWN, ModelUnavailable("The model's server failed.", retry_after=wait))
    if status in (400, 422):
        cause = Cause.MAX_TOKENS_NAME if _MAX_TOKENS.search(said) else Cause.NOT_UNDERSTOOD
        return failure(cause, ModelUnavailable("The model's server did not understand the request."))
    return failure(Cause.OPERATOR, ModelUnavailable("The model's server turned us away."))


def outcome_of(error: ModelError) -> Outcome:
    """Return what to write into the ledger for an answer that came and could not be used."""
    if isinstance(error, ModelRefused):
        return Outcome.REFUSED
    return Outcome.BAD_ANSWER if isinstance(error, ModelBadAnswer) else Outcome.NO_ANSWER


def _retry_after(milliseconds: str | None, header: str | None, now: datetime) -> timedelta | None:
    """Read how long to wait: milliseconds as some send, else seconds or a date (RFC 9110, 10.2.3)."""
    try:
        if milliseconds is not None:
            return max(timedelta(), timedelta(milliseconds=float(milliseconds)))
        if header is None:
            return None
        if header.strip().replace(".", "", 1).isdecimal():
            return timedelta(seconds=float(header))
        date = parsedate_to_datetime(header)
        return max(timedelta(), (date if date.tzinfo else date.replace(tzinfo=UTC)) - now)
    except (ValueError, OverflowError):
        return None
