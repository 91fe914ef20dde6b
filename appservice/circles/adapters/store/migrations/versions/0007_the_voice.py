"""How much a room wants to hear unasked, and what was left unsaid.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up."""
    with op.batch_alter_table("rooms") as rooms:
        rooms.add_column(sa.Column("dial", sa.String(), nullable=True))
    op.create_table(
        "unsaid",
        sa.Column("effect_id", sa.String(), nullable=False),
        sa.Column("brief", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["effect_id"], ["posts.effect_id"], name=op.f("fk_unsaid_effect_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("effect_id", name=op.f("pk_unsaid")),
    )
