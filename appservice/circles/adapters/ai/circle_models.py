"""Which of the operator's models answers a circle: the one its policy in force names, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from circles.core.prompt import Completion, Prompt
from circles.errors import ModelMissing
from circles.facts import rooms
from circles.ports import CompletesChat, Database


class HoldsConnections(CompletesChat, Protocol):
    """The model port of one model."""

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class CircleModels:
    """Implements `ports.CompletesChat` over one model port for each model.

    Each port asks for itself whether it is still the one: a change between here and there sends nothing.
    """

    def __init__(self, database: Database, models: Mapping[str | None, HoldsConnections]) -> None:
        """Take the ports by name; None is the model that serves where a circle chose none."""
        self._database = database
        self._models = models

    async def aclose(self) -> None:
        """Close the connections."""
        for model in self._models.values():
            await model.aclose()

    async def complete(self, prompt: Prompt) -> Completion:
        """Ask the model of the circle that the prompt is about.

        Raises:
            ModelError: the model did not answer in the form asked for; ModelMissing: there is none of that name.
            BudgetSpent: the room's or the asker's budget for today is used up; nothing left.
        """
        name = await self._database.read(lambda connection: rooms.model(connection, prompt.room_id))
        model = self._models.get(name)
        if model is None:
            raise ModelMissing
        return await model.complete(prompt)
