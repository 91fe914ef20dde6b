"""Leaner indexes.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up."""
    unsettled = sa.text("state != 'settled'")
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_journal_state_room_id_seq"))
        batch_op.create_index(
            batch_op.f("ix_journal_state_room_id_seq"),
            ["state", "room_id", "seq"],
            unique=False,
            sqlite_where=unsettled,
            postgresql_where=unsettled,
        )

    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_transactions_received_at"), ["received_at"], unique=False)
