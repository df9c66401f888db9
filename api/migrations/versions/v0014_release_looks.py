"""The registry keeps what was read from each release as it left, so that an untouched one need not be decoded again;
and how the frames of a live session look, which are no copies of the release that bears their record."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("records", sa.Column("looks", sa.Text()))
    op.create_table(
        "session_frames",
        sa.Column("record_id", sa.String(12), sa.ForeignKey("records.record_id"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("fingerprints", sa.LargeBinary(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("session_frames")
    op.drop_column("records", "looks")
