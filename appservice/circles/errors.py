"""Every error of ours. A policy's deny is not among them: that is a value.

CirclesError                      the docstring is the default message
├─ RequestProblem                 the person's: told to them in words, logged at INFO
│  ├─ CommandProblem
│  ├─ NotFound
│  └─ LimitReached
├─ UpstreamError                  theirs: retried; `retry_after` where they said so
│  ├─ MatrixError                 MatrixForbidden · MatrixNotFound · MatrixRateLimited · MatrixUnknownToken ·
MatrixUnavailable · MatrixBadRequest
│  └─ ModelError                  ModelUnavailable · ModelRateLimited · ContextWindowExceeded · ModelRefused ·
ModelBadAnswer
├─ BudgetSpent                    the room's or the person's quota is used up
├─ NotAlone                       another process has the database: ends ours, exit code 75
│  └─ LeadLost
├─ MachineFailed                  the machine's, for now: told at the start, exit code 75
├─ DatabaseDamaged                the machine's, for good: nothing more is read or written
├─ Stale                          nobody's: what was decided rests on rows that changed meanwhile; decided again
└─ ConfigurationError             the operator's: key path and what to write instead; exit code 78
"""

from __future__ import annotations

from datetime import timedelta


class CirclesError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class RequestProblem(CirclesError):
    """What was asked cannot be done as it was asked."""


class CommandProblem(RequestProblem):
    """The words of the command are not understood."""


class NotFound(RequestProblem):
    """There is nothing of that kind."""


class LimitReached(RequestProblem):
    """A limit is reached."""


class UpstreamError(CirclesError):
    """Another program did not do its part."""

    def __init__(self, message: str | None = None, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class MatrixError(UpstreamError):
    """The homeserver refused or failed."""

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: timedelta | None = None,
        errcode: str = "",
        status: int = 0,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.errcode = errcode
        self.status = status


class MatrixForbidden(MatrixError):
    """The homeserver says this is not allowed."""


class MatrixNotFound(MatrixError):
    """The homeserver knows no such thing."""


class MatrixBadRequest(MatrixError):
    """The homeserver says the request is wrong; sending it again will not help."""


class MatrixRateLimited(MatrixError):
    """The homeserver asks us to wait."""


class MatrixUnknownToken(MatrixError):
    """The homeserver does not know our token."""


class MatrixUnavailable(MatrixError):
    """The homeserver cannot be reached or failed."""


class ModelError(UpstreamError):
    """The model did not answer."""


class ModelUnavailable(ModelError):
    """The model cannot be reached or failed."""


class ModelMissing(ModelError):
    """The circle chose a model that the operator does not have."""


class ModelRateLimited(ModelError):
    """The model asks us to wait."""


class ContextWindowExceeded(ModelError):
    """It was too much text for the model."""


class ModelRefused(ModelError):
    """The model declined to answer."""


class ModelBadAnswer(ModelError):
    """The model's answer was empty, cut off, or not in the form asked for."""


class BudgetSpent(CirclesError):
    """The budget for today is used up.

    Attributes:
        of_room: whether it is the room's; else the asker's own.
        hours: in how many it is back.
        told: whether the asker heard of it today.
    """

    def __init__(
        self, message: str | None = None, *, of_room: bool = False, hours: int = 24, told: bool = False
    ) -> None:
        super().__init__(message)
        self.of_room = of_room
        self.hours = hours
        self.told = told


class DatabaseDamaged(CirclesError):
    """The database is damaged: nothing is read from it or written to it any more."""


class Stale(CirclesError):
    """What was decided rests on rows that changed meanwhile: it is decided again, and nobody is told."""


class NotAlone(CirclesError):
    """Another process works on this database."""


class LeadLost(NotAlone):
    """Another process leads now."""


class MachineFailed(CirclesError):
    """The disk or the database cannot be used just now."""


class ConfigurationError(CirclesError):
    """The configuration is wrong."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        """Take (key path, what to write instead) pairs; no value of the configuration may be in them."""
        super().__init__("\n".join(f"{path}: {advice}" for path, advice in problems))
        self.problems = problems
