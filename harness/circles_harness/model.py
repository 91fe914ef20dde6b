"""A model endpoint that says what a test wrote down, and remembers every request it got."""

import dataclasses
import json
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from llmock.scenarios import (
    Behavior,
    Delay,
    Fail,
    Match,
    Plan,
    Reply,
    RequestInfo,
    ScenarioQueue,
    StreamFault,
    ToolCall,
)
from llmock.simulation import MockResponseSettings
from llmock.testing import LLMockServer

from circles_harness.process import free_port

__all__ = ["Delay", "Fail", "Match", "ModelServer", "Reply", "StreamFault", "ToolCall"]

# How long to wait for a request whose answer the client has read but the server has not yet noted.
_SETTLE_SECONDS = 2.0


# One scripted step: a text, a mapping sent as JSON text (a structured answer), a tool call, or llmock's own.
Step = str | Mapping[str, Any] | ToolCall | Behavior


class ModelServer:
    """An OpenAI-compatible server on a loopback socket, in a thread of this process.

    Where the script is used up and nothing is set by `always`, it says something of its own: JSON that fits the
    schema if the request asks for one.

    Attributes:
        model: A model name for the configuration; the server answers to any.
        api_key: A key for the configuration; the server takes any.
    """

    def __init__(self, *, model: str = "scripted") -> None:
        """Prepare the server; `model` is the name to configure the program with."""
        self.model = model
        self.api_key = "not-a-real-key"
        self._steps = _Steps()
        self._port = free_port()
        self._server = self._new()

    @property
    def base_url(self) -> str:
        """What to configure as the endpoint; it ends in /v1."""
        return self._server.base_url("openai")

    def script(self, *steps: Step | tuple[Step, ...]) -> Self:
        """Queue what the next requests get, one each, in order.

        Args:
            steps: What to answer; a tuple gives one request several things, such as `(Delay(2), "at last")`.
        """
        self._steps.queue(steps)
        return self

    def always(self, step: Step | tuple[Step, ...]) -> Self:
        """Answer every request the script does not cover the same, from now on; a tuple: several things at once."""
        steps = step if isinstance(step, tuple) else (step,)
        self._steps.add(*(_repeated(_behavior(each)) for each in steps))
        return self

    def requests(self) -> list[dict[str, Any]]:
        """The body of every completed request so far, in order of arrival."""
        return [record.body for record in self._server.state.journal.records(wait=_SETTLE_SECONDS)]

    def sent_text(self) -> str:
        """All that left the program, as one text to search for what must not have."""
        return json.dumps(self.requests(), ensure_ascii=False)

    def unused(self) -> int:
        """How many scripted steps nobody has asked for yet."""
        return self._steps.left()

    def reset(self) -> Self:
        """Forget script and requests."""
        self._server.state.reset()
        return self

    def start(self) -> Self:
        """Listen; a later start takes the same port and the same script."""
        self._server = self._new()
        with warnings.catch_warnings():
            # The server's own imports use deprecated parts of websockets; not ours to mend.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._server.start()
        return self

    def stop(self) -> None:
        """Stop listening: the endpoint is unreachable until the next start. The record of requests is lost."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _new(self) -> LLMockServer:
        server = LLMockServer(port=self._port, responses=MockResponseSettings(tool_mode="off"))
        server.state.scenarios = self._steps
        return server


class _Steps(ScenarioQueue):
    """llmock picks by category, errors first; a script is an order, so each request takes exactly one step."""

    def __init__(self) -> None:
        super().__init__()
        self._script: deque[tuple[Behavior, ...]] = deque()

    def queue(self, steps: Sequence[Step | tuple[Step, ...]]) -> None:
        for step in steps:
            self._script.append(tuple(map(_behavior, step if isinstance(step, tuple) else (step,))))

    def left(self) -> int:
        return len(self._script)

    def clear(self) -> None:
        self._script.clear()
        super().clear()

    def plan_for(self, info: RequestInfo) -> Plan:
        # Listing the models is a question about the endpoint, not a turn of the conversation.
        if info.method != "POST":
            return Plan()
        try:
            step = self._script.popleft()
        except IndexError:
            return super().plan_for(info)
        once = ScenarioQueue()
        once.add(*step)
        return once.plan_for(info)


def _repeated(behavior: Behavior) -> Behavior:
    return dataclasses.replace(behavior, times=None)


def _behavior(step: Step) -> Behavior:
    if isinstance(step, str):
        return Reply(text=step)
    if isinstance(step, ToolCall):
        return Reply(tool_calls=(step,))
    if isinstance(step, Mapping):
        return Reply(text=json.dumps(step, ensure_ascii=False))
    return step
