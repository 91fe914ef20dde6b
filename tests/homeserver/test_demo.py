"""The demo on two real homeservers: every conversation that is shipped, a promise not kept, and a polite kill."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from circles_demo.__main__ import CONVERSATIONS, INTERRUPTED
from circles_demo.conversation import Conversation, load, parse
from circles_demo.play import Play
from circles_demo.stage import Stage, started
from circles_demo.telling import Record, Teller
from circles_harness import Homeserver, Service

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 90


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(federation: tuple[Homeserver, Homeserver]) -> AsyncIterator[Stage]:
    """One service on the session's homeservers, for all conversations of this module."""
    # The promise is a minute; a test need not wait for the usual interval.
    service = Service(federation[0], localpart="demo", config={"timing": {"checkpoint_seconds": 1}})
    try:
        yield await started(federation, service)
    finally:
        await service.close()


async def played(stage: Stage, conversation: Conversation, output: Path) -> tuple[Play, str]:
    """Play a conversation as fast as it goes, without the digest's full minute."""
    told = io.StringIO()
    with closing(Record(output)) as record:
        play = Play(stage, conversation, Teller(out=told), record, without={"digest"}, unique=True)
        await play.run()
    return play, told.getvalue()


@pytest.mark.timeout(DEADLINE_SECONDS, func_only=True)
@pytest.mark.parametrize("path", sorted(CONVERSATIONS.glob("*.jsonl")), ids=lambda path: path.stem)
async def test_a_conversation_plays_and_every_promise_is_kept(shared: Stage, path: Path, tmp_path: Path) -> None:
    """Consent, linked answers, a reminder, taking back, `why`, `me`, the scan; and the record can be fetched."""
    output = tmp_path / "demo.jsonl"

    play, told = await played(shared, load(path), output)

    assert play.failures == [], told
    steps = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert {"admission", "consent", "reminder", "taken-back", "said-again", "me", "scan"} <= {s["step"] for s in steps}
    scans = [step for step in steps if step["step"] == "scan"]
    assert [(each["found"], each["requests_after"]) for each in scans] == [(0, 0)] * len(scans)
    for step in steps:
        for event_id in step.get("events", ())[-1:]:
            assert (await play.admin.event(step["room"] or play.room, event_id))["room_id"] == play.room
    assert any(step.get("private") for step in steps)


async def test_a_step_that_does_not_happen_is_named(shared: Stage, tmp_path: Path) -> None:
    """The demo cannot only say yes: an expectation that does not hold fails its step, and the rest goes on."""
    people = [{"id": "mei", "name": "Mei"}, {"id": "li", "name": "Li", "homeserver": "away"}]
    rows = [
        {"conversation": 1, "title": "No", "room": "No", "admin": "mei", "people": people},
        {"who": "mei", "ask": "help", "how": "command", "expect": {"contains": ["a sentence nobody ever says"]}},
        {"who": "li", "text": "Still here"},
    ]
    conversation = parse("\n".join(json.dumps(row) for row in rows))

    play, told = await played(shared, conversation, tmp_path / "demo.jsonl")

    assert play.failures == ["Mei asks: help"]
    assert "does not say “a sentence nobody ever says”" in told
    assert "Still here" in told


@pytest.mark.timeout(DEADLINE_SECONDS, func_only=True)
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which processes it started")
def test_a_polite_kill_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM in the middle: exit code 130, no process and no folder of its own remains."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    environment = {
        **os.environ,
        "TMPDIR": str(folder),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "demo"), str(ROOT / "harness")]),
        "PYTHONUNBUFFERED": "1",
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "circles_demo", "--output", str(tmp_path / "demo.jsonl")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        for line in program.stdout:
            if line.strip().startswith("1  "):
                break
        children = _children(program.pid)
        program.send_signal(signal.SIGTERM)
        rest, _ = program.communicate(timeout=30)
    finally:
        program.kill()

    assert program.returncode == INTERRUPTED
    assert "Everything is stopped and removed." in rest
    assert len(children) == 3
    assert [pid for pid in children if _is_alive(pid)] == []
    assert list(folder.iterdir()) == []


def _children(parent: int) -> list[int]:
    """Return the processes a process started."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()]


def _is_alive(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True
