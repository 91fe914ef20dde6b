"""The first schema.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from alembic import op

from circles.facts.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind())
    op.execute("CREATE VIRTUAL TABLE messages_text USING fts5(terms, tokenize='unicode61')")
