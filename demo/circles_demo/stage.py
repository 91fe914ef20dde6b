"""Where the demo plays: two homeservers that federate, the service on the first, and an account for everybody."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from circles_demo.conversation import Conversation
from circles_harness import Homeserver, Person, Service

MODEL_PREFIX: Final = "CIRCLES_MODEL__"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs. `model` is what the service was told of one in the environment, '' for no model."""

    home: Homeserver
    away: Homeserver
    service: Service
    model: str = ""

    def homeserver(self, person_home: str) -> Homeserver:
        """Return a homeserver by the name the conversation file has for it."""
        return self.home if person_home == "home" else self.away

    @property
    def kept_in(self) -> tuple[Path, ...]:
        """Where the service writes: its folder with the database, its WAL and everything else, and its log."""
        return (self.service.data_dir, self.service.directory / "circles.log")

    async def people(self, conversation: Conversation, *, unique: bool = False) -> dict[str, Person]:
        """Make the accounts of a conversation.

        Args:
            conversation: who takes part.
            unique: let several conversations share these homeservers.
        """
        found: dict[str, Person] = {}
        for someone in conversation.header.people:
            where = self.homeserver(someone.homeserver)
            found[someone.id] = await where.person(someone.id, display_name=someone.name, unique=unique)
        return found


@contextlib.asynccontextmanager
async def stage(config: Mapping[str, Any] | None = None) -> AsyncGenerator[Stage]:
    """Start everything, and take everything away at the end, whatever happens in between."""
    keep_only_the_model(os.environ)
    async with contextlib.AsyncExitStack() as stack:
        # Registered before the first start, so that no homeserver has to be started twice.
        pair = Homeserver(federation=True), Homeserver(federation=True)
        for homeserver in pair:
            stack.push_async_callback(homeserver.close)
        service = Service(pair[0], config=config)
        stack.push_async_callback(service.close)
        yield await started(pair, service)


async def started(pair: tuple[Homeserver, Homeserver], service: Service) -> Stage:
    """Start what does not run yet, the homeservers at the same time."""
    async with asyncio.TaskGroup() as boots:
        for homeserver in pair:
            if not homeserver.is_running:
                boots.create_task(homeserver.start())
    await service.start()
    return Stage(*pair, service, os.environ.get(f"{MODEL_PREFIX}MODEL", ""))


def keep_only_the_model(environment: MutableMapping[str, str]) -> None:
    """Leave out of the environment what would make the service another one than the demo's; a model is welcome."""
    for name in [name for name in environment if name.startswith("CIRCLES_") and not name.startswith(MODEL_PREFIX)]:
        del environment[name]
