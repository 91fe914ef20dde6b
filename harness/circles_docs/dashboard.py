"""contrib/grafana/circles.json: the dashboard, from one list of panels, so that no metric in it is misspelt by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 24
HEIGHT: Final = 7


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: a number now (`stat`) or lines over time (`timeseries`).

    Attributes:
        queries: (PromQL, legend).
        bad: from which value on it is shown in red; negative: up to which.
    """

    title: str
    meaning: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    bad: float | None = None


def _rate(metric: str, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{{_WHERE}}}[$__rate_interval]))"


def _now(metric: str, how: str = "max") -> str:
    return f"{how}({metric}{{{_WHERE}}})"


def _quantile(of: float, metric: str) -> str:
    return f"histogram_quantile({of}, {_rate(metric + '_bucket', 'le')})"


_WHERE: Final = 'job=~"$job", instance=~"$instance"'

ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Is it healthy",
        (
            Panel(
                "Ready",
                "1: the service does its work",
                ((_now("circles_ready", "min"), ""),),
                "bool_yes_no",
                "stat",
                4,
                -0.5,
            ),
            Panel(
                "Homeserver",
                "Whether Synapse answered last",
                ((_now("circles_homeserver_up", "min"), ""),),
                "bool_yes_no",
                "stat",
                4,
                -0.5,
            ),
            Panel(
                "Database",
                "Whether it answered last",
                ((_now("circles_database_up", "min"), ""),),
                "bool_yes_no",
                "stat",
                4,
                -0.5,
            ),
            Panel(
                "Leaders",
                "Processes that take deliveries in: exactly one",
                ((_now("circles_leader", "sum"), ""),),
                "short",
                "stat",
                4,
                -0.5,
            ),
            Panel(
                "Set aside",
                "Events that broke us; look at them",
                ((_now("circles_quarantined"), ""),),
                "short",
                "stat",
                4,
                1,
            ),
            Panel(
                "Free disk",
                "Where the data folder is",
                ((_now("circles_disk_free_bytes", "min"), ""),),
                "bytes",
                "stat",
                4,
                -1e9,
            ),
            Panel(
                "Rooms lost",
                "The homeserver knows nothing of them",
                ((_now("circles_rooms_lost"), ""),),
                "short",
                "stat",
                4,
                1,
            ),
            Panel(
                "Rooms shut",
                "Rooms that deny our homeserver",
                ((_now("circles_rooms_shut_out"), ""),),
                "short",
                "stat",
                4,
            ),
            Panel(
                "Troubles",
                "What stands wrong between Circles and the homeserver, by its code",
                (("max by (trouble) (circles_trouble{" + _WHERE + "})", "{{trouble}}"),),
                width=16,
            ),
        ),
    ),
    (
        "Is it behind",
        (
            Panel(
                "Age of the oldest",
                "What has waited longest: an event, an effect, a wake",
                (
                    (_now("circles_journal_oldest_seconds"), "event"),
                    (_now("circles_outbox_oldest_seconds"), "effect"),
                    (_now("circles_wakes_oldest_seconds"), "wake"),
                ),
                "s",
            ),
            Panel(
                "Waiting",
                "How much waits",
                (
                    (_now("circles_journal_pending"), "events"),
                    (_now("circles_journal_parked"), "parked without a key"),
                    (_now("circles_outbox_pending"), "effects"),
                    (_now("circles_wakes_due"), "wakes due"),
                    (_now("circles_wakes_pending"), "wakes to come"),
                ),
            ),
            Panel(
                "Wakes fired",
                "Reminders, digests and chores, and whether in time",
                ((_rate("circles_wakes_fired_total", "punctuality"), "{{punctuality}}"),),
                "ops",
            ),
            Panel(
                "Time to take a delivery in",
                "Until it is committed",
                (
                    (_quantile(0.5, "circles_transaction_seconds"), "half"),
                    (_quantile(0.99, "circles_transaction_seconds"), "99 %"),
                ),
                "s",
            ),
            Panel(
                "Deliveries",
                "By what became of them",
                ((_rate("circles_transactions_total", "outcome"), "{{outcome}}"),),
                "ops",
            ),
            Panel(
                "Outbox",
                "What was sent, tried again, refused",
                ((_rate("circles_outbox_total", "outcome"), "{{outcome}}"),),
                "ops",
            ),
        ),
    ),
    (
        "What does it cost",
        (
            Panel("Rooms", "Where the AI is", ((_now("circles_rooms"), ""),), "short", "stat", 4),
            Panel("Answers today", "Since midnight UTC", ((_now("circles_answers_today"), ""),), "short", "stat", 4),
            Panel(
                "Tokens today", "Since midnight UTC", ((_now("circles_model_tokens_today"), ""),), "short", "stat", 4
            ),
            Panel(
                "Model calls today",
                "Since midnight UTC",
                ((_now("circles_model_calls_today"), ""),),
                "short",
                "stat",
                4,
            ),
            Panel(
                "Database",
                "Its files, or what its server says",
                ((_now("circles_database_bytes"), ""),),
                "bytes",
                "stat",
                4,
            ),
            Panel("Memory", "Of the process", ((_now("process_resident_memory_bytes"), ""),), "bytes", "stat", 4),
            Panel(
                "Requests to the model",
                "By what became of them",
                ((_rate("circles_model_requests_total", "outcome"), "{{outcome}}"),),
                "ops",
            ),
            Panel(
                "Time the model takes",
                "Half of the answers, and nearly all",
                ((_quantile(0.5, "circles_model_seconds"), "half"), (_quantile(0.95, "circles_model_seconds"), "95 %")),
                "s",
            ),
            Panel(
                "Tokens and bytes that left",
                "Each second",
                (
                    (_rate("circles_model_tokens_total"), "tokens"),
                    (_rate("circles_egress_bytes_total"), "bytes of text"),
                ),
            ),
        ),
    ),
    (
        "What is denied and why",
        (
            Panel(
                "Denied",
                "Decisions that said no, by right and reason",
                ((_rate("circles_decisions_denied_total", "right, reason"), "{{right}}: {{reason}}"),),
                "ops",
                width=12,
            ),
            Panel(
                "Refused by a limit",
                "Calls left unanswered, or without the model",
                ((_rate("circles_refused_total", "limit"), "{{limit}}"),),
                "ops",
                width=6,
            ),
            Panel(
                "Events",
                "What the gate said of them",
                ((_rate("circles_events_received_total", "verdict"), "{{verdict}}"),),
                "ops",
                width=6,
            ),
        ),
    ),
)


def dashboard() -> str:
    """Return the dashboard as Grafana imports it (Dashboards, New, Import)."""
    board: dict[str, Any] = {
        "__inputs": [
            {
                "name": "DS_PROMETHEUS",
                "label": "Prometheus",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "10.0.0"},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        ],
        "uid": "matrix-circles",
        "title": "Circles",
        "description": "Is it healthy, is it behind, what does it cost, what is denied and why.",
        "tags": ["matrix", "circles"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [_variable("job", "circles_ready"), _variable("instance", 'circles_ready{job=~"$job"}')]
        },
        "annotations": {"list": []},
        "panels": list(_panels()),
    }
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"


def _variable(label: str, of: str) -> dict[str, Any]:
    query = f"label_values({of}, {label})"
    return {
        "name": label,
        "label": label.capitalize(),
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": label},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
    }


_SOURCE: Final = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}


def _panels() -> Iterator[dict[str, Any]]:
    number, y = 0, 0
    for title, panels in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": _at(0, y, WIDTH, 1),
        }
        x, y = 0, y + 1
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y = 0, y + HEIGHT
            number += 1
            yield _panel(panel, number, _at(x, y, panel.width, HEIGHT))
            x += panel.width
        y += HEIGHT


def _at(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.bad is not None and panel.bad >= 0:
        steps.append({"color": "red", "value": panel.bad})
    elif panel.bad is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": -panel.bad}]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [
            {"refId": chr(65 + place), "expr": expression, "legendFormat": legend or "__auto", "datasource": _SOURCE}
            for place, (expression, legend) in enumerate(panel.queries)
        ],
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}}
        if panel.kind == "stat"
        else {"legend": {"showLegend": True}},
    }
