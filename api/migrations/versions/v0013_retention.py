"""How long each tenant's answers and files are kept; and which blob belongs to which answer, so that it can go."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCH = 500


def upgrade() -> None:
    for name, content in (("inspections", "report"), ("generations", "answer")):
        op.add_column(name, sa.Column("blob", sa.String(64)))
        op.create_index(f"ix_{name}_blob", name, ["blob"])
        _fill(name, content)
    op.create_table(
        "retention",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("answer_days", sa.Integer()),
        sa.Column("file_days", sa.Integer()),
        sa.Column("zero", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.String(24), nullable=False),
        sa.Column("entry", Number, sa.ForeignKey("audit_entries.entry"), nullable=False),
    )


def _fill(name: str, content: str) -> None:
    """Lifts the blob's name out of the stored JSON: a preview's of an inspection, the file's of a release."""
    table = sa.table(name, sa.column("id"), sa.column(content), sa.column("blob"))
    connection, last = op.get_bind(), ""
    while True:
        query = sa.select(table.c.id, table.c[content]).where(table.c.id > last).order_by(table.c.id).limit(BATCH)
        rows = connection.execute(query).all()
        if not rows:
            return
        for key, text in rows:
            held = json.loads(text)
            blob = held.get("blob") or (held.get("preview") or {}).get("blob")
            if blob:
                connection.execute(sa.update(table).where(table.c.id == key).values(blob=blob))
        last = rows[-1][0]


def downgrade() -> None:
    op.drop_table("retention")
    for name in ("inspections", "generations"):
        op.drop_index(f"ix_{name}_blob", name)
        op.drop_column(name, "blob")
