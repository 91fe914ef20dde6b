"""The gate's look at Synapse's tables."""

import logging
import sqlite3
from unittest.mock import AsyncMock, Mock

import pytest

from circles_plugin.config import GateConfig, GateTokens
from circles_plugin.gate.resource import Gate
from circles_plugin.room_facts import LOOK_AGAIN_MS

from .conftest import NOW


async def test_the_gate_shuts_while_tables_cannot_be_read_and_opens_again(caplog: pytest.LogCaptureFixture) -> None:
    """A database that is away for a moment shuts it for ten seconds, in one line of the log each way, without a word
    of the statement.
    """
    api, now = Mock(), [NOW]
    api.get_current_time_msec.side_effect = lambda: now[0]
    api.run_db_interaction = AsyncMock(side_effect=sqlite3.OperationalError("canary"))
    config, tokens = Mock(spec=GateConfig), Mock(spec=GateTokens)
    config.port, config.homeserver_url, config.service_url = 1, "http://h", "http://s"
    tokens.as_token = tokens.service_hs_token = "t"
    gate = Gate(api, config, tokens, Mock(), Mock(), Mock())

    assert not await gate.self_check()
    now[0] += LOOK_AGAIN_MS
    assert not await gate.self_check()
    api.run_db_interaction.side_effect = None
    now[0] += LOOK_AGAIN_MS - 1
    assert not await gate.self_check()
    now[0] += 1
    assert await gate.self_check()
    api.run_db_interaction.side_effect = sqlite3.OperationalError("canary")
    assert await gate.self_check(), "what was readable stays so: a request that fails is answered by itself"

    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "The gate is shut: cannot read Synapse's tables (OperationalError)",
        "The gate is open again",
    ]
