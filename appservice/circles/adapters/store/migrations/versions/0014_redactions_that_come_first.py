"""Redactions that come before what they name are remembered, and edits know whose words they replace.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up."""
    op.create_table(
        "redactions",
        sa.Column("redaction", sa.String(), nullable=False),
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("redacts", sa.String(), nullable=False),
        sa.Column("by_power", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("redaction", name=op.f("pk_redactions")),
    )
    with op.batch_alter_table("redactions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_redactions_received_at"), ["received_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_redactions_room_id_redacts"), ["room_id", "redacts"], unique=False)

    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.add_column(sa.Column("edits", sa.String(), nullable=True))
        batch_op.create_index(
            "ix_journal_edits",
            ["edits"],
            unique=False,
            sqlite_where=sa.text("edits IS NOT NULL"),
            postgresql_where=sa.text("edits IS NOT NULL"),
        )
