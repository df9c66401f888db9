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

audit_cosignatures = Table(
    "audit_cosignatures",
    metadata,
    Column("size", Number, ForeignKey("audit_checkpoints.size"), primary_key=True, autoincrement=False),
    Column("witness", String(255), primary_key=True),
    Column("key_id", String(8), primary_key=True),
    Column("line", Text, nullable=False),
)
"""Signature lines of witnesses under heads (C2SP tlog-cosignature)."""

audit_anchors = Table(
    "audit_anchors",
    metadata,
    Column("size", Number, ForeignKey("audit_checkpoints.size"), primary_key=True, autoincrement=False),
    Column("stamped_at", String(TIME_CHARACTERS), nullable=False),
    Column("reply", LoggedBytes, nullable=False),
)
"""Replies of a time-stamp authority (RFC 3161) about the notes of heads."""

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
    Column("looks", Text),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False, index=True),
    Index(None, "tenant", "created_at"),
)
"""The registry: what was released, and the manifest that a stripped copy gets back."""

session_frames = Table(
    "session_frames",
    metadata,
    Column("record_id", String(12), ForeignKey("records.record_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("fingerprints", LargeBinary, nullable=False),
)
"""Fingerprints (32 bytes each) of the frames from `number` on that a live session gave out under its one record."""

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
    Column("rotated_from", String(64)),
    Column("rate", Integer),
)

tenants = Table(
    "tenants",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("suspended_at", String(TIME_CHARACTERS)),
    Column("jurisdiction", String(16)),
    Column("daily_generations", Integer),
    Column("rate", Integer),
)
"""Who shares data; null terms are the instance's own."""

quota_uses = Table(
    "quota_uses",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("used", Integer, nullable=False),
)
"""Releases that a tenant was allowed in a UTC day; the row is the lock that parallel calls queue at."""

rate_counters = Table(
    "rate_counters",
    metadata,
    Column("key", String(160), primary_key=True),
    Column("hits", Integer, nullable=False),
    Column("expires_at", Number, nullable=False),
)
"""Requests in the window that ends at `expires_at` (seconds since 1970)."""

policy_bundles = Table(
    "policy_bundles",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("bundle_hash", String(HASH_CHARACTERS), nullable=False),
    Column("files", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False),
)
"""Cedar bundles that tenants brought in; `files` is JSON, text by file name."""

policy_activations = Table(
    "policy_activations",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False),
)
"""Which version a tenant was put on, in order; the last one holds, and 0 is none of its own."""

consents = Table(
    "consents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("salt", LargeBinary(32), nullable=False),
    Column("subject", String(HASH_CHARACTERS), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("expires_at", String(TIME_CHARACTERS), nullable=False),
    Column("revoked_at", String(TIME_CHARACTERS)),
    Column("entry", Number, ForeignKey("audit_entries.entry"), nullable=False),
    Index(None, "tenant", "created_at"),
)
"""Consents of people who are shown; `subject` is the HMAC of who that is, under `salt`."""

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

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("updated_at", String(TIME_CHARACTERS), nullable=False),
    Column("parent", String(64), ForeignKey("jobs.id"), index=True),
    Column("request", LargeBinary, nullable=False),
    Column("error", LargeBinary),
    Column("parts", Integer, nullable=False),
    Column("parts_left", Integer, nullable=False),
    Column("run", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", String(TIME_CHARACTERS)),
    Column("queued_at", String(TIME_CHARACTERS)),
    Column("entry", Number, ForeignKey("audit_entries.entry")),
    Index(None, "state", "due_at"),
    Index(None, "tenant", "kind", "created_at"),
)
"""Accepted work and what became of it; `entry` is the audit entry of the acceptance. The queue knows less than this."""

workers = Table(
    "workers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("seen_at", String(TIME_CHARACTERS), nullable=False),
)
"""Processes that do jobs, and when each last said so."""

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(64), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("created_at", String(TIME_CHARACTERS), nullable=False),
    Column("ended_at", String(TIME_CHARACTERS)),
)
"""Addresses that are told when work has ended."""
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
