"""The dashboard and the alerts ask for metrics that exist, in expressions that Prometheus reads."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from circles.metrics import Metrics
from circles_docs.dashboard import WIDTH

ROOT = Path(__file__).parents[1]
BOARD: dict[str, Any] = json.loads((ROOT / "contrib/grafana/circles.json").read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "contrib/prometheus/circles.rules.yml").read_text())["groups"][0][
    "rules"
]
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
    *(rule["expr"] for rule in RULES),
]
NOT_OURS = {"up", "process_resident_memory_bytes"}


def series() -> set[str]:
    """Return every series that a scrape has, by name, and its labels as `name{label}`."""
    found: set[str] = set()
    for family in Metrics().registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        found |= {family.name + suffix for suffix in suffixes}
    return found


def labels() -> dict[str, set[str]]:
    """Return the labels of each of our metrics, by its name without a suffix."""
    metrics = Metrics()
    collectors: list[Any] = [value for value in vars(metrics).values() if hasattr(value, "_labelnames")]
    return {collector._name: set(collector._labelnames) for collector in collectors}


def parsed(expression: str) -> promql_parser.Expr:
    """Return what Prometheus makes of an expression, with Grafana's variables filled in."""
    return promql_parser.parse(expression.replace("$__rate_interval", "5m").replace("$__all", ".*"))


def names(expression: str) -> Iterator[str]:
    """Return the metrics an expression asks for."""
    yield from re.findall(r"\b(?:circles|process)_[a-z_]+|\bup\b", re.sub(r'"[^"]*"', '""', expression))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_expression_is_read_and_asks_for_what_there_is(expression: str) -> None:
    """Under the very name that a scrape has, with the suffix of its kind; a counter only as a rate or an increase."""
    parsed(expression)
    asked = set(names(expression))

    assert asked
    assert asked - NOT_OURS <= series()
    for counter in (name for name in asked if name.endswith(("_total", "_bucket"))):
        assert re.search(rf"(rate|increase)\({counter}[{{\[]", expression), counter


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_label_in_an_expression_is_one_of_the_metric(expression: str) -> None:
    """What is grouped by, and what is asked for."""
    known = labels()
    allowed = {"job", "instance", "le"}
    for name in names(expression):
        allowed |= known.get(re.sub(r"_(total|bucket)$", "", name), set())
    grouped = re.findall(r"by \(([^)]*)\)", expression)
    used = {label.strip() for group in grouped for label in group.split(",")}
    used |= set(re.findall(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"', expression))

    assert used <= allowed


def test_each_of_our_metrics_is_on_the_dashboard() -> None:
    """But what only says what runs here; a new metric gets a panel."""
    shown = {name for panel in PANELS for target in panel["targets"] for name in names(target["expr"])}
    missing = {name for name in labels() if not any(re.fullmatch(rf"{name}(_total|_bucket)?", one) for one in shown)}

    assert missing == {"circles_build_info"}


def test_the_dashboard_can_be_imported() -> None:
    """A data source to choose, ids of its own, a title for each panel, and panels that do not overlap."""
    assert BOARD["__inputs"][0]["pluginId"] == "prometheus"
    assert BOARD["schemaVersion"] >= 36
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert all(panel["title"] and panel["description"] for panel in PANELS)
    assert all(panel["datasource"]["uid"] == "${DS_PROMETHEUS}" for panel in PANELS)
    places = [
        (x, y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < WIDTH
    used = set(re.findall(r"\$([a-z]+)\b", " ".join(target["expr"] for panel in PANELS for target in panel["targets"])))
    assert used == {variable["name"] for variable in BOARD["templating"]["list"]}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_says_what_is_wrong_and_where_to_read_on(rule: dict[str, Any]) -> None:
    """Each has a section of its name in the how-to."""
    page = (ROOT / "docs/howto/monitor.md").read_text(encoding="utf-8")

    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"]["summary"].endswith(".")
    assert f"See {rule['alert']}." in rule["annotations"]["description"]
    assert f"\n### {rule['alert']}\n" in page


def test_no_alert_is_explained_that_there_is_not() -> None:
    """The page and the rules name the same ones."""
    page = (ROOT / "docs/howto/monitor.md").read_text(encoding="utf-8")

    assert set(re.findall(r"\n### (\w+)\n", page)) == {rule["alert"] for rule in RULES}
