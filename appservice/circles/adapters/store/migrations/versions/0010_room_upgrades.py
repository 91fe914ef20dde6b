"""Room upgrades.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up."""
    op.create_table(
        "upgrades",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("replacement", sa.String(), nullable=False),
        sa.Column("tombstone", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("followed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_upgrades")),
    )
    with op.batch_alter_table("upgrades", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_upgrades_tombstone"), ["tombstone"], unique=False)

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("origin", sa.String(), nullable=True))

    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("origin", sa.String(), nullable=True))

    with op.batch_alter_table("reminders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("origin", sa.String(), nullable=True))

    with op.batch_alter_table("sources", schema=None) as batch_op:
        batch_op.add_column(sa.Column("room_id", sa.String(), nullable=True))

    # Until now any tombstone was noted, whoever sent it: none of them counts.
    op.execute("UPDATE rooms SET successor = NULL")
