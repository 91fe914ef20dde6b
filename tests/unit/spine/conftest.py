"""What the tests of the spine share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from knocks import Knocks, knocking


@pytest.fixture
async def knocks(tmp_path: Path) -> AsyncIterator[Knocks]:
    """Return a door with a policy behind it."""
    async with knocking(tmp_path) as open_door:
        yield open_door
