"""docs/reference/metrics.md and log.md: what an operator can watch, from the code that counts and logs."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circles.metrics import Metrics
from circles_docs.markdown import code, codes, head, table

_METRICS = """\
`GET /metrics` on the address of the section `health`, in Prometheus' text format.
Labels are codes of ours; no id, name or word is ever one.
Besides these there are the usual `process_…` ones.
A metric marked *not counted yet* is there and stays at its first value in this version.

`GET /health` on the same address answers 200 and `{"status": "ok"}` once the service works, else 503."""

_LOG = """\
One line an event, to standard error; `log.format: json` makes each line a JSON object.
A line holds ids, codes, counts and durations, never what people wrote; `action` is the key to search for.
A `reference` is also in the words the person got, so that a report finds its line.
`uncaught` stands for an error that ended the program or one of its threads; please report it."""

_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Line:
    """One place that logs."""

    action: str
    level: str
    message: str
    with_: tuple[str, ...]


def metrics_page(root: Path) -> str:
    """Return the page about metrics."""
    return (
        head("Metrics and health", _METRICS) + "\n" + table(("metric", "type", "labels", "what it counts"), _rows(root))
    )


def metric_names() -> list[str]:
    """Return the names Prometheus sees, without the suffixes it adds."""
    return [name for name, *_ in _families(Metrics())]


def _rows(root: Path) -> Iterator[tuple[str, str, str, str]]:
    metrics = Metrics()
    counted = _counted(metrics, root)
    for name, kind, labels, meaning in _families(metrics):
        shown = f"{name}_total" if kind == "counter" else name
        yield code(shown), kind, codes(labels), meaning + ("" if name in counted else " *Not counted yet.*")


def _families(metrics: Metrics) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for collector in _collectors(metrics):
        for family in collector.describe():
            yield family.name, family.type, tuple(collector._labelnames), family.documentation


def _collectors(metrics: Metrics) -> Iterator[Any]:
    return (value for value in vars(metrics).values() if hasattr(value, "_labelnames"))


def _counted(metrics: Metrics, root: Path) -> set[str]:
    """Return the metrics that some part of the service counts."""
    elsewhere = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted((root / "appservice").rglob("*.py"))
        if path.name != "metrics.py"
    )
    used: set[str] = set()
    for name, value in inspect.getmembers(metrics):
        if name.startswith("_") or not re.search(rf"metrics\.{name}\b", elsewhere):
            continue
        touched = re.findall(r"self\.(_\w+)\.", inspect.getsource(value)) if inspect.ismethod(value) else [name]
        for attribute in touched:
            collector: Any = getattr(metrics, attribute, None)
            if hasattr(collector, "_labelnames"):
                used |= {family.name for family in collector.describe()}
    return used


def log_page(root: Path) -> str:
    """Return the page about the log."""
    rows = sorted({(code(line.action), line.level, line.message, codes(line.with_)) for line in log_lines(root)})
    return head("Log", _LOG) + "\n" + table(("action", "level", "message", "with"), rows)


def log_lines(root: Path) -> list[Line]:
    """Return every place that logs with an action."""
    found: list[Line] = []
    for path in sorted((root / "appservice/circles").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            line = _line(node)
            if line is not None:
                found.append(line)
    return found


def _line(node: ast.AST) -> Line | None:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    level, said = node.func.attr, node.args
    if level == "log":
        # The level depends on what happened.
        level, said = "warning or error", node.args[1:]
    elif level not in _LEVELS:
        return None
    extra = next((word.value for word in node.keywords if word.arg == "extra"), None)
    if not isinstance(extra, ast.Dict) or not said or not isinstance(said[0], ast.Constant):
        return None
    keys = [key.value if isinstance(key, ast.Constant) else None for key in extra.keys]
    pairs = {str(key): value for key, value in zip(keys, extra.values, strict=True) if key is not None}
    action = pairs.pop("action", None)
    if not isinstance(action, ast.Constant):
        return None
    return Line(str(action.value), level.upper().replace(" OR ", " or "), str(said[0].value), tuple(sorted(pairs)))
