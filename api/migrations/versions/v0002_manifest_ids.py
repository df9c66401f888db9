"""The registry knows each manifest by its own name, under which others may ask for it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INDEX = "ix_records_manifest_id"


def upgrade() -> None:
    op.add_column("records", sa.Column("manifest_id", sa.String(128)))
    op.create_index(INDEX, "records", ["manifest_id"])


def downgrade() -> None:
    op.drop_index(INDEX, "records")
    op.drop_column("records", "manifest_id")
