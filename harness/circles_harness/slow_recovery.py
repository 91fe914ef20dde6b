"""A module for a Synapse of the tests, by which it notes as late as one likes that an application service is up again.

Between its last retry and that note it counts the service as down and retries nothing: what is said then stays unsent
(synapse.appservice.scheduler). On a busy machine this takes long by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from synapse.appservice.scheduler import _TransactionController  # pyright: ignore[reportPrivateUsage]  # its own
from synapse.module_api import ModuleApi

HELD = "held"
"""What the file says once a recovery is held."""


class SlowRecovery:
    """Holds a recovery up while a file exists; `config` names it: `{"while": path}`."""

    def __init__(self, config: Mapping[str, str], api: ModuleApi) -> None:
        """Wrap what Synapse does at the end of a recovery."""
        sign = Path(config["while"])
        original: Callable[[Any, Any], Awaitable[None]] = _TransactionController.on_recovered

        def is_held() -> bool:
            try:
                # Never made here: else it could outlive the test.
                with sign.open("r+", encoding="utf-8") as file:
                    file.write(HELD)
            except FileNotFoundError:
                return False
            return True

        async def on_recovered(controller: Any, recoverer: Any) -> None:
            while is_held():
                await api.sleep(0.05)
            await original(controller, recoverer)

        _TransactionController.on_recovered = on_recovered  # type: ignore[method-assign,assignment]  # the test's point
