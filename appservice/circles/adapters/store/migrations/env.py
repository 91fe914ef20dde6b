"""Alembic's environment: runs the migrations on the connection it is handed. Tables come from the registry's
imports.
"""

from __future__ import annotations

from alembic import context

from circles.adapters.store import egress, tables
from circles.facts.tables import metadata
from circles.registry import FEATURES

DEFINED_IN = (egress, tables, FEATURES)
"""Importing these, the features among them, is what defines the tables."""

NOT_OURS = ("messages_text",)
"""The full-text index and its shadow tables are written by hand, for each database."""


def _is_ours(name: str | None, _type: str, _names: object) -> bool:
    return not (name or "").startswith(NOT_OURS)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=_is_ours,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
