"""Alembic's environment: runs the migrations on the connection it is handed. Tables come from the registry's
imports.
"""

from __future__ import annotations

from alembic import context

from circles.adapters.store import egress, purges, quarantine, tables
from circles.adapters.store.migrate import is_ours
from circles.facts.tables import metadata
from circles.registry import FEATURES

DEFINED_IN = (egress, purges, quarantine, tables, FEATURES)
"""Importing these, the features among them, is what defines the tables."""

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=is_ours,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
