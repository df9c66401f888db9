"""Tenants are known by name, API keys can be rotated and limited, and quotas and rates are counted in the database."""

import sqlalchemy as sa
from alembic import op

from api.clock import timestamp

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

DEFAULT = "default"
"""The tenant that every instance has."""
KEY_COLUMNS = ("rotated_from", "rate")

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("rotated_from", sa.String(64)))
    op.add_column("api_keys", sa.Column("rate", sa.Integer()))
    _tenants()
    op.create_table(
        "quota_uses",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("used", sa.Integer(), nullable=False),
    )
    # A counter that is lost with the power may start anew: on PostgreSQL it need not be flushed.
    prefixes = ["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else []
    op.create_table(
        "rate_counters",
        sa.Column("key", sa.String(160), primary_key=True),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("expires_at", Number, nullable=False),
        prefixes=prefixes,
    )


def _tenants() -> None:
    """The table, and a row for whoever has a key already."""
    op.create_table(
        "tenants",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("suspended_at", sa.String(24)),
        sa.Column("jurisdiction", sa.String(16)),
        sa.Column("daily_generations", sa.Integer()),
        sa.Column("rate", sa.Integer()),
    )
    holders = set(op.get_bind().execute(sa.text("SELECT DISTINCT tenant FROM api_keys")).scalars())
    tenants = sa.table("tenants", sa.column("id"), sa.column("created_at"))
    op.bulk_insert(tenants, [{"id": name, "created_at": timestamp()} for name in sorted(holders | {DEFAULT})])


def downgrade() -> None:
    for table in ("rate_counters", "quota_uses", "tenants"):
        op.drop_table(table)
    for column in KEY_COLUMNS:
        op.drop_column("api_keys", column)
