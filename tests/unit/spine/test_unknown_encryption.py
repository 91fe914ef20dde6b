"""Where it cannot be found out whether a room is encrypted, nothing may be said in it."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from circles.adapters.clock import SystemClock
from circles.adapters.matrix.client import MatrixClient
from circles.adapters.matrix.crypto.client import Crypto
from circles.adapters.matrix.crypto.sealing import Sealing
from circles.errors import MatrixError
from circles.testing import AI, ROOM
from circles_harness.wire import Answer, Cut, Fault, Wire
from rows import MEI, opened
from standin import standing_in

HTML = {"Content-Type": "text/html"}
STATE = "/state/m.room.encryption"
UNKNOWN: dict[str, Fault] = {
    "an error": Answer(500, b'{"errcode": "M_UNKNOWN"}'),
    "no access": Answer(403, b'{"errcode": "M_FORBIDDEN"}'),
    "a proxy's 404": Answer(404, b"<html>nothing here</html>", HTML),
    "a proxy's 200": Answer(200, b"<html>welcome</html>", HTML),
    "another algorithm": Answer(200, b'{"algorithm": "org.example.own"}'),
    "an empty answer": Answer(200, b"{}"),
    "a broken connection": Cut(),
}


@pytest.mark.parametrize("fault", UNKNOWN.values(), ids=UNKNOWN)
async def test_what_cannot_be_found_out_is_an_error_and_never_a_no(fault: Fault, tmp_path: Path) -> None:
    """So what was to be said waits; once the homeserver says that the room is plain, it is plain."""
    async with AsyncExitStack() as stack:
        rows = await stack.enter_async_context(opened(tmp_path))
        homeserver = await stack.enter_async_context(standing_in())
        homeserver.room(ROOM, MEI, AI)
        wire = await stack.enter_async_context(Wire(homeserver.url))
        client = MatrixClient(wire.url, AI, homeserver.as_token, "CIRCLES")
        stack.push_async_callback(client.close)
        crypto = Crypto(rows.database, client, tmp_path, tmp_path, "CIRCLES", "Circle", SystemClock())
        sealing = Sealing(rows.database, client, crypto)
        wire.fail(fault, times=float("inf"), path=STATE)

        with pytest.raises(MatrixError):
            await sealing.is_encrypted(ROOM)

        wire.mend()
        assert not await sealing.is_encrypted(ROOM)
