"""A row that the readiness check writes, so that it finds out whether the database takes writes."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "probes",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("written_at", sa.String(24), nullable=False),
    )
    op.bulk_insert(table, [{"name": "readiness", "token": "", "written_at": ""}])


def downgrade() -> None:
    op.drop_table("probes")
