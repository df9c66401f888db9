"""The first schema: audit log, registry, answers, keys; and the triggers that make the log append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = {"audit_entries": "entry", "audit_nodes": "level, position", "audit_checkpoints": "size"}
"""Table and its primary key."""
REFUSAL = "the audit log is append-only"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _audit()
    _answers()
    _registry()
    _keys()
    if op.get_bind().dialect.name == "postgresql":
        _refuse_on_postgresql()
    else:
        _refuse_on_sqlite()


def _audit() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("entry", Number, primary_key=True, autoincrement=False),
        sa.Column("ts", sa.String(24), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
    )
    op.create_index("ix_audit_entries_kind_entry", "audit_entries", ["kind", "entry"])
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("position", Number, primary_key=True, autoincrement=False),
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry"), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )
    op.create_index("ix_audit_nodes_entry", "audit_nodes", ["entry"])
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", Number, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
    )
    op.create_table(
        "audit_salts",
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry"), primary_key=True, autoincrement=False),
        sa.Column("salt", sa.LargeBinary(32), nullable=False),
    )


def _answers() -> None:
    op.create_table(
        "inspections",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("product", sa.String(16), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry"), nullable=False),
    )
    op.create_index("ix_inspections_sha256", "inspections", ["sha256"])
    op.create_index("ix_inspections_tenant_product_created_at", "inspections", ["tenant", "product", "created_at"])
    op.create_table(
        "idempotency",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])


def _registry() -> None:
    op.create_table(
        "generations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry"), nullable=False),
    )
    op.create_index("ix_generations_tenant_created_at", "generations", ["tenant", "created_at"])
    op.create_table(
        "records",
        sa.Column("record_id", sa.String(12), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("generation_id", sa.String(64), sa.ForeignKey("generations.id")),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("backend", sa.String(64), nullable=False),
        sa.Column("seed", sa.BigInteger()),
        sa.Column("purpose", sa.Text()),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry"), nullable=False),
    )
    op.create_index("ix_records_generation_id", "records", ["generation_id"])
    op.create_index("ix_records_sha256", "records", ["sha256"])
    op.create_index("ix_records_tenant_created_at", "records", ["tenant", "created_at"])


def _keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(24), nullable=False),
        sa.Column("expires_at", sa.String(24)),
        sa.Column("revoked_at", sa.String(24)),
        sa.Column("last_used_at", sa.String(24)),
    )
    op.create_index("ix_api_keys_tenant", "api_keys", ["tenant"])


def _refuse_on_sqlite() -> None:
    """The third trigger stops `INSERT OR REPLACE`, which removes a row without a DELETE if the client says so."""
    for table, key in APPEND_ONLY.items():
        same = " AND ".join(f"{column} = NEW.{column}" for column in key.split(", "))
        for name, when in (
            ("update", f"BEFORE UPDATE ON {table}"),
            ("delete", f"BEFORE DELETE ON {table}"),
            ("replace", f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})"),  # noqa: S608
        ):
            op.execute(f"CREATE TRIGGER {table}_{name} {when} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")


def _refuse_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    for table in APPEND_ONLY:
        for name, when, each in (
            ("change", "UPDATE OR DELETE", "ROW"),
            ("truncate", "TRUNCATE", "STATEMENT"),
        ):
            op.execute(
                f"CREATE TRIGGER {table}_{name} BEFORE {when} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION refuse_audit_change()"
            )
