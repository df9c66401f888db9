"""The registry knows which releases have no time-stamp, so that one can be asked for again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("records", sa.Column("stamped", sa.Boolean()))


def downgrade() -> None:
    op.drop_column("records", "stamped")
