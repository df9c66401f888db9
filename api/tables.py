"""The tables, as SQLAlchemy Core knows them; `migrations/` makes them and a test holds the two together."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

HASH_CHARACTERS = 64
TIME_CHARACTERS = 24
NAMES_BLOB = {"names_blob": True}
"""Marks a column that holds a blob's name: a blob goes when no such column names it any more (`api.retention`)."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class LoggedBytes(LargeBinary):
    """Bytes of the log as they lie there. Whoever tampers may write text over them, which SQLite allows; the check of
    the log must then see a changed entry and not fail on its type."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], bytes]:
        return as_bytes


def as_bytes(value: object) -> bytes:
    """`value` as bytes: text in UTF-8, and anything else that is not bytes by what it prints as."""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()


Number = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite gives a row number only to columns declared INTEGER."""

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("entry", Number, primary_key=True, autoincrement=False),
    Column("ts", String(TIME_CHARACTERS), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("body", LoggedBytes, nullable=False),
    Column("leaf_hash", LoggedBytes(32), nullable=False),
    Index(None, "kind", "entry"),
)
"""The log itself; `body` is canonical JSON (RFC 8785). A trigger refuses to change or delete a row."""

audit_nodes = Table(
    "audit_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", Number, primary_key=True, autoincrement=False),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False, index=True),
    Column("hash", LoggedBytes(32), nullable=False),
)
"""Roots of the perfect subtrees above the leaves; `entry` is the last leaf under one, which completed it."""

audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("root", LoggedBytes(32), nullable=False),
    Column("note", Text, nullable=False),
)
"""A signed head for every size that the log ever had, so that a rewritten past is named to the entry."""

audit_salts = Table(
    "audit_salts",
    metadata,
    Column("entry", Number, ForeignKey("audit_entries.entry"), primary_key=True, autoincrement=False),
    Column("salt", LargeBinary(32), nullable=False),
)
"""Salt of the personal data in an entry: deleting the row makes that data unrecognisable and leaves the log whole."""

inspections = Table(
    "inspections",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("product", String(16), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("sha256", String(HASH_CHARACTERS), nullable=False, index=True),
    Column("report", LargeBinary, nullable=False),
    Column("blob", String(HASH_CHARACTERS), index=True, info=NAMES_BLOB),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False),
    Index(None, "tenant", "product", "created_at"),
)
"""Answers to inspections and verifications; `entry` is the audit entry of the outcome."""

generations = Table(
    "generations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("blob", String(HASH_CHARACTERS), index=True, info=NAMES_BLOB),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False),
    Index(None, "tenant", "created_at"),
)

records = Table(
    "records",
    metadata,
    Column("record_id", String(12), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("generation_id", String(64), ForeignKey("generations.id"), index=True),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("sha256", String(HASH_CHARACTERS), nullable=False, index=True),
    Column("manifest_sha256", String(HASH_CHARACTERS), nullable=False),
    Column("fingerprint", String(HASH_CHARACTERS), nullable=False),
    Column("backend", String(64), nullable=False),
    Column("seed", BigInteger),
    Column("purpose", Text),
    Column("manifest", LargeBinary, nullable=False),
    Column("manifest_id", String(128), index=True),
    Column("stamped", Boolean),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False, index=True),
    Index(None, "tenant", "created_at"),
)
"""The registry: what was released, and the manifest that a stripped copy gets back."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("expires_at", String(TIME_CHARACTERS)),
    Column("revoked_at", String(TIME_CHARACTERS)),
    Column("last_used_at", String(TIME_CHARACTERS)),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_sha256", String(HASH_CHARACTERS), nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False, index=True),
)

known_media = Table(
    "known_media",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("sha256", String(HASH_CHARACTERS), nullable=False),
    Column("entries", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False),
)
"""Lists of known pictures, each of one tenant, as they were brought in (`content`, CSV)."""

probes = Table(
    "probes",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("token", String(32), nullable=False),
    Column("written_at", String(TIME_CHARACTERS), nullable=False),
)
"""One row, which the readiness check writes (`api.readiness`)."""

retention = Table(
    "retention",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("answer_days", Integer),
    Column("file_days", Integer),
    Column("zero", Boolean, nullable=False),
    Column("updated_at", String(TIME_CHARACTERS), nullable=False),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False),
)
"""How long a tenant's answers and files are kept, in days (null: for ever), and whether files are kept at all."""
