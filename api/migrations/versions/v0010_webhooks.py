"""Addresses that are told when work has ended; their secrets are derived and stand nowhere."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("ended_at", sa.String(24)),
    )
    op.create_index("ix_webhooks_tenant", "webhooks", ["tenant"])


def downgrade() -> None:
    op.drop_table("webhooks")
