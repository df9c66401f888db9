"""Tenants bring policies of their own, in versions, and keep records of the consents that they were given."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "policy_bundles",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("bundle_hash", sa.String(64), nullable=False),
        sa.Column("files", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry"), nullable=False),
    )
    op.create_table(
        "policy_activations",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry"), nullable=False),
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("salt", sa.LargeBinary(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("expires_at", sa.String(24), nullable=False),
        sa.Column("revoked_at", sa.String(24)),
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry"), nullable=False),
    )
    op.create_index("ix_consents_tenant_created_at", "consents", ["tenant", "created_at"])


def downgrade() -> None:
    for table in ("consents", "policy_activations", "policy_bundles"):
        op.drop_table(table)
