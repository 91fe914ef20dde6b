"""What is counted. Labels are codes of ours and bounded in number; no id, name or word is ever one."""

from __future__ import annotations

import re
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_CODE: Final = re.compile(r"[a-z][a-z0-9_.]{0,39}")
_MOST: Final = 64
"""How many values one label may take; all further ones count as "other"."""


class Metrics:
    """All counters of one process, in a registry of its own, so that a test or a second service starts from zero."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seen: dict[str, set[str]] = {}
        ProcessCollector(registry=self.registry)
        self._transactions = self._counter("transactions", "Deliveries of the homeserver", "outcome")
        self._transaction_seconds = self._histogram("transaction_seconds", "Time until a delivery is committed")
        self._events = self._counter("events_received", "Events received, by what the gate said", "verdict", "kind")
        self._denied = self._counter("decisions_denied", "Decisions that said no", "right", "reason")
        self._refused = self._counter("refused", "Calls that a limit left unanswered or without the model", "limit")
        self._outbox = self._counter("outbox", "What the outbox carried out", "kind", "outcome")
        self._model_requests = self._counter("model_requests", "Requests to the model", "outcome")
        self._model_tokens = self._counter("model_tokens", "Tokens used")
        self._model_seconds = self._histogram("model_seconds", "Time the model took", 0.5, 1, 2, 5, 10, 20, 40, 80, 160)
        self._egress_bytes = self._counter("egress_bytes", "Bytes of permitted text that left for a model")
        self._wakes = self._counter("wakes_fired", "Wakes fired", "punctuality")
        self.ready = self._gauge("ready", "1 once the service does its work, or stands by to do it")
        self.leader = self._gauge("leader", "1 where this process does the work; others on the same database stand by")
        self._trouble = self._gauge("trouble", "1 while it stands wrong between us and the homeserver", "trouble")
        self.homeserver_up = self._gauge("homeserver_up", "1 if the homeserver answered when it was asked last")
        self.database_up = self._gauge("database_up", "1 if the database answered when it was asked last")
        self.journal_pending = self._gauge("journal_pending", "Events not settled yet")
        self.journal_oldest_seconds = self._gauge("journal_oldest_seconds", "Age of the oldest of them, 0 for none")
        self.journal_parked = self._gauge("journal_parked", "Encrypted events that wait for their key")
        self.quarantined = self._gauge("quarantined", "Events set aside because they broke us")
        self.outbox_pending = self._gauge("outbox_pending", "Effects not carried out yet")
        self.outbox_oldest_seconds = self._gauge("outbox_oldest_seconds", "Age of the oldest of them, 0 for none")
        self.wakes_pending = self._gauge("wakes_pending", "Reminders, digests and chores still to come")
        self.wakes_due = self._gauge("wakes_due", "Those whose hour has come")
        self.wakes_oldest_seconds = self._gauge("wakes_oldest_seconds", "For how long the oldest is due, 0 for none")
        self.rooms = self._gauge("rooms", "Rooms the AI is in")
        self.rooms_lost = self._gauge("rooms_lost", "Rooms it was in that the homeserver knows nothing of")
        self.rooms_shut_out = self._gauge("rooms_shut_out", "Rooms whose server ACL denies our homeserver")
        self.answers_today = self._gauge("answers_today", "Answers given since midnight UTC")
        self.model_calls_today = self._gauge("model_calls_today", "Calls of the model since midnight UTC")
        self.model_tokens_today = self._gauge("model_tokens_today", "Tokens used since midnight UTC")
        self.database_bytes = self._gauge("database_bytes", "Size of the database: its files, or what its server says")
        self.disk_free_bytes = self._gauge("disk_free_bytes", "Free space where the data folder is")
        self._build = self._gauge("build_info", "1; what runs here", "version", "database", "mode")

    def transaction(self, outcome: str, seconds: float) -> None:
        """Count a delivery: stored, failed, unauthorised, unreadable, too_large, stalled."""
        self._transactions.labels(self._bounded("outcome", outcome)).inc()
        self._transaction_seconds.observe(seconds)

    def event(self, verdict: str, kind: str, times: int = 1) -> None:
        """Count an event by what the gate said about it and what kind it is."""
        self._events.labels(self._bounded("verdict", verdict), self._bounded("event", kind)).inc(times)

    def denied(self, reason: str, right: str = "receive", times: int = 1) -> None:
        """Count a decision that said no, by its reason code: `receive`: the event was dropped when it came."""
        self._denied.labels(self._bounded("right", right), self._bounded("reason", reason)).inc(times)

    def trouble(self, code: str, *, stands: bool) -> None:
        """Note whether something stands wrong, by its code."""
        self._trouble.labels(self._bounded("trouble", code)).set(stands)

    def build(self, version: str, database: str, mode: str) -> None:
        """Note what runs here; the version as far as it is digits and dots."""
        numbers = re.match(r"[0-9]+(\.[0-9]+){0,3}", version)
        said = numbers.group() if numbers else "unknown"
        self._build.labels(said, self._bounded("database", database), self._bounded("mode", mode)).set(1)

    def refused(self, limit: str) -> None:
        """Count a call that a limit of the operator's left without an answer, or without the model."""
        self._refused.labels(self._bounded("limit", limit)).inc()

    def sent(self, kind: str, outcome: str) -> None:
        """Count an effect that the outbox carried out: sent, retried, refused."""
        self._outbox.labels(self._bounded("effect", kind), self._bounded("outcome", outcome)).inc()

    def model(self, outcome: str, seconds: float, tokens: int = 0, egress_bytes: int = 0) -> None:
        """Count a request to the model."""
        self._model_requests.labels(self._bounded("outcome", outcome)).inc()
        self._model_seconds.observe(seconds)
        self._model_tokens.inc(tokens)
        self._egress_bytes.inc(egress_bytes)

    def wake(self, *, late: bool, times: int = 1) -> None:
        """Count a wake that fired."""
        self._wakes.labels("late" if late else "on_time").inc(times)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _bounded(self, label: str, value: str) -> str:
        seen = self._seen.setdefault(label, set())
        if value not in seen:
            if len(seen) >= _MOST or not _CODE.fullmatch(value):
                return "other"
            seen.add(value)
        return value

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"circles_{name}", meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"circles_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, *buckets: float) -> Histogram:
        return Histogram(
            f"circles_{name}", meaning, registry=self.registry, buckets=buckets or (0.002, 0.01, 0.05, 0.2, 1, 5)
        )
