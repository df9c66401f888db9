"""Work that is done after it was accepted: jobs, and the workers that are alive to do them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("updated_at", sa.String(24), nullable=False),
        sa.Column("parent", sa.String(64), sa.ForeignKey("jobs.id")),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("error", sa.LargeBinary()),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("parts_left", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.String(24)),
        sa.Column("queued_at", sa.String(24)),
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry")),
    )
    op.create_index("ix_jobs_parent", "jobs", ["parent"])
    op.create_index("ix_jobs_state_due_at", "jobs", ["state", "due_at"])
    op.create_index("ix_jobs_tenant_kind_created_at", "jobs", ["tenant", "kind", "created_at"])
    op.create_table(
        "workers",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("seen_at", sa.String(24), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("workers")
    op.drop_table("jobs")
