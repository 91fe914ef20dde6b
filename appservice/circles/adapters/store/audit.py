"""What the service did, in totals per day (UTC): how much was looked at, sent, said and removed. Never what or whose.

Nothing here tells rooms or people apart, and nothing counts choices or denials: an operator can show it to anybody.
Synchronous.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, FromClause, func, select

from circles.adapters.store.egress import Outcome, egress, egress_events
from circles.adapters.store.purges import purges
from circles.facts.tables import policies, posts, quota, sources

DAY_MS: Final = 86_400_000
_ALL: Final = func.count()


@dataclass(frozen=True, slots=True)
class Day:
    """One day's totals.

    Attributes:
        day: the day in UTC.
        commands, model_calls: what people asked for, and for how much of that a model was asked.
        posts: what the AI put into rooms and direct messages.
        rests_on: messages that those posts rest on; one that two posts rest on counts twice.
        requests, unanswered: what left for a model, each retry too, and what of that brought no usable answer.
        messages_sent, bytes_sent: what was in those requests.
        hosts: where they went.
        policies: policies that somebody asked for.
        removed: kept messages that were removed: taken back, or their time was over.
    """

    day: date
    commands: int = 0
    model_calls: int = 0
    posts: int = 0
    rests_on: int = 0
    requests: int = 0
    unanswered: int = 0
    messages_sent: int = 0
    bytes_sent: int = 0
    hosts: tuple[str, ...] = ()
    policies: int = 0
    removed: int = 0


def totals(connection: Connection, first: date) -> list[Day]:
    """Return the totals of every day from `first` on (UTC) on which there was anything, in order."""
    days: defaultdict[date, dict[str, Any]] = defaultdict(dict)

    def count(
        at: ColumnElement[int],
        columns: Mapping[str, ColumnElement[Any]],
        *where: ColumnElement[bool],
        among: FromClause | None = None,
    ) -> None:
        start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)
        number = (at - at % DAY_MS).label("number")
        query = select(number, *columns.values()).where(at >= start, *where).group_by(number)
        for row in connection.execute(query.select_from(among) if among is not None else query):
            days[datetime.fromtimestamp(row[0] / 1000, UTC).date()] |= dict(zip(columns, row[1:], strict=True))

    count(posts.c.at, {"posts": _ALL})
    count(posts.c.at, {"rests_on": _ALL}, among=sources.join(posts, posts.c.effect_id == sources.c.effect_id))
    count(egress.c.at, {"requests": _ALL, "bytes_sent": func.sum(egress.c.bytes)})
    count(egress.c.at, {"unanswered": _ALL}, egress.c.outcome != Outcome.ANSWERED.value)
    count(
        egress.c.at, {"messages_sent": _ALL}, among=egress.join(egress_events, egress_events.c.egress_id == egress.c.id)
    )
    count(policies.c.asked_at, {"policies": _ALL})
    count(purges.c.at, {"removed": _ALL}, purges.c.place == "messages")
    for host in connection.execute(select(egress.c.host).distinct()).scalars().all():
        count(egress.c.at, {host: _ALL}, egress.c.host == host)
    spent = select(quota.c.day, func.sum(quota.c.commands), func.sum(quota.c.model_calls)).group_by(quota.c.day)
    for iso, commands, calls in connection.execute(spent.where(quota.c.day >= first.isoformat())):
        days[date.fromisoformat(iso)] |= {"commands": commands, "model_calls": calls}
    return [_day(day, found) for day, found in sorted(days.items())]


def _day(day: date, found: Mapping[str, Any]) -> Day:
    named = {key: int(value) for key, value in found.items() if key in Day.__dataclass_fields__}
    return Day(day, **named, hosts=tuple(sorted(found.keys() - named.keys())))
