"""The registry knows each manifest by its own name, under which others may ask for it, and is read by audit entry."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INDEXES = {"ix_records_manifest_id": "manifest_id", "ix_records_entry": "entry"}


def upgrade() -> None:
    op.add_column("records", sa.Column("manifest_id", sa.String(128)))
    for name, column in INDEXES.items():
        op.create_index(name, "records", [column])


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "records")
    op.drop_column("records", "manifest_id")
