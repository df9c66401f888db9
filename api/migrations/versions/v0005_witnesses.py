"""The log keeps what others attest of its heads: cosignatures of witnesses and time-stamps; and salts never change."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APPEND_ONLY = {"audit_cosignatures": "size, witness, key_id", "audit_anchors": "size"}
"""Table and its primary key."""
REFUSAL = "the audit log is append-only"

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_cosignatures",
        sa.Column("size", Number, sa.ForeignKey("audit_checkpoints.size"), primary_key=True, autoincrement=False),
        sa.Column("witness", sa.String(255), primary_key=True),
        sa.Column("key_id", sa.String(8), primary_key=True),
        sa.Column("line", sa.Text(), nullable=False),
    )
    op.create_table(
        "audit_anchors",
        sa.Column("size", Number, sa.ForeignKey("audit_checkpoints.size"), primary_key=True, autoincrement=False),
        sa.Column("stamped_at", sa.String(24), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        _refuse_on_postgresql()
    else:
        _refuse_on_sqlite()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_salts_update ON audit_salts")
    else:
        op.execute("DROP TRIGGER audit_salts_update")
    for table in APPEND_ONLY:
        op.drop_table(table)


def _refuse_on_sqlite() -> None:
    for table, key in APPEND_ONLY.items():
        same = " AND ".join(f"{column} = NEW.{column}" for column in key.split(", "))
        _trigger(f"{table}_update", f"BEFORE UPDATE ON {table}")
        _trigger(f"{table}_delete", f"BEFORE DELETE ON {table}")
        _trigger(f"{table}_replace", f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})")  # noqa: S608
    _trigger("audit_salts_update", "BEFORE UPDATE ON audit_salts")


def _trigger(name: str, when: str) -> None:
    op.execute(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")


def _refuse_on_postgresql() -> None:
    kinds = [("change", "UPDATE OR DELETE", "ROW"), ("truncate", "TRUNCATE", "STATEMENT")]
    made = [(table, *kind) for table in APPEND_ONLY for kind in kinds]
    for table, name, when, each in [*made, ("audit_salts", "update", "UPDATE", "ROW")]:
        op.execute(
            f"CREATE TRIGGER {table}_{name} BEFORE {when} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION refuse_audit_change()"
        )
