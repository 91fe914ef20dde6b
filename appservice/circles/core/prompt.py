"""What the model port accepts: our own instructions, and permitted text. Nothing else can become a request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from circles.core.ids import RoomID, UserID
from circles.core.permitted import Permitted


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to a model.

    Attributes:
        purpose: the feature's purpose key ("summary", "ask" …), for the egress row and the budgets.
        room_id, asker: who is charged and whose policy is asked.
        instructions: words of ours, from a feature's `prompts.py`; never message text.
        talk: the messages to work on, oldest first; the adapter numbers them [1], [2] … in this order and says who
            spoke.
        question: what the asker wants, in their words, or None.
        answer_schema: a JSON schema for a structured answer, or None for plain words.
        names: how people are called, for the lines of the talk.
    """

    purpose: str
    room_id: RoomID
    asker: UserID
    instructions: str
    talk: tuple[Permitted, ...] = ()
    question: Permitted | None = None
    answer_schema: Mapping[str, Any] | None = None
    names: Mapping[UserID, str] = field(default_factory=dict[UserID, str])


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer. `data` is the parsed object where the prompt had a schema (already validated against it)."""

    text: str
    data: Mapping[str, Any] | None
    model: str
    tokens: int
