"""The registry keeps what was read from each release as it left, so that an untouched one need not be decoded again."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("records", sa.Column("looks", sa.Text()))


def downgrade() -> None:
    op.drop_column("records", "looks")
