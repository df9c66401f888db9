"""All SQL of the audit log: entries, tree nodes, checkpoints and the erasable salts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text

from api.merkle import Node
from api.tables import audit_checkpoints, audit_entries, audit_nodes, audit_salts

LOCK = 0x5348_494E_4741_4E
"""PostgreSQL advisory lock that makes the log a single file of writers ("SHINGAN" in ASCII)."""
BATCH = 1000


@dataclass(frozen=True, slots=True)
class EntryRow:
    entry: int
    ts: str
    kind: str
    body: bytes
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    size: int
    root: bytes
    note: str


# Every entry asks these: putting a statement together takes as long as running it.
_LAST = select(func.max(audit_entries.c.entry))
_NEWEST = _LAST.subquery()
_STATE = select(
    _NEWEST.c[0], select(audit_checkpoints.c.root).where(audit_checkpoints.c.size == _NEWEST.c[0] + 1).scalar_subquery()
)
_ADD_ENTRIES, _ADD_NODES = insert(audit_entries), insert(audit_nodes)
_ADD_HEADS, _ADD_SALTS = insert(audit_checkpoints), insert(audit_salts)


class AuditRepository:
    """Plain functions: asynchronous callers come by `run_sync`, and a unit of work that is one function needs none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        """Waits to be the log's only writer until the transaction ends; SQLite's write transactions already are."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})

    def size(self) -> int:
        """Number of entries."""
        last = self._connection.execute(_LAST).scalar_one()
        return 0 if last is None else int(last) + 1

    def state(self) -> tuple[int, bytes | None]:
        """Number of entries, and the root that the head over all of them states."""
        last, root = self._connection.execute(_STATE).one()
        return (0, None) if last is None else (int(last) + 1, root)

    def add(
        self,
        rows: Sequence[EntryRow],
        nodes: Sequence[tuple[Node, bytes]],
        heads: Sequence[CheckpointRow],
        salts: Mapping[int, bytes],
    ) -> None:
        """Entries in order, the subtrees that they completed, the head after each, and salts by entry."""
        self._connection.execute(_ADD_ENTRIES, [_values(row) for row in rows])
        if nodes:
            places = [
                {"level": node.level, "position": node.position, "entry": node.last_leaf, "hash": digest}
                for node, digest in nodes
            ]
            self._connection.execute(_ADD_NODES, places)
        self._connection.execute(_ADD_HEADS, [_values(head) for head in heads])
        if salts:
            kept = [{"entry": entry, "salt": salt} for entry, salt in salts.items()]
            self._connection.execute(_ADD_SALTS, kept)

    def hashes(self, nodes: Sequence[Node]) -> Mapping[Node, bytes]:
        """Roots of the perfect subtrees `nodes`; those that are not stored are left out."""
        leaves = [node.position for node in nodes if node.level == 0]
        inner = {node for node in nodes if node.level > 0}
        found: dict[Node, bytes] = {}
        if leaves:
            query = select(audit_entries.c.entry, audit_entries.c.leaf_hash).where(audit_entries.c.entry.in_(leaves))
            found |= {Node(0, entry): digest for entry, digest in self._connection.execute(query)}
        if inner:  # by the leaf that completed each: for pairs of level and position SQLite would read the whole table
            table = audit_nodes.c
            query_inner = select(table.level, table.position, table.hash)
            query_inner = query_inner.where(table.entry.in_({node.last_leaf for node in inner}))
            stored = {Node(level, at): digest for level, at, digest in self._connection.execute(query_inner)}
            found |= {node: stored[node] for node in inner if node in stored}
        return found

    def get(self, entry: int) -> EntryRow | None:
        row = (self._connection.execute(select(audit_entries).where(audit_entries.c.entry == entry))).one_or_none()
        return EntryRow(*row) if row else None

    def page(self, *, start: int, limit: int) -> Sequence[EntryRow]:
        """Entries from number `start` on, in order."""
        query = select(audit_entries).where(audit_entries.c.entry >= start).order_by(audit_entries.c.entry).limit(limit)
        return [EntryRow(*row) for row in self._connection.execute(query)]

    def pages(self) -> Iterator[Sequence[EntryRow]]:
        """The whole log, page by page."""
        page = self.page(start=0, limit=BATCH)
        while page:
            yield page
            page = self.page(start=page[-1].entry + 1, limit=BATCH)

    def checkpoint(self, size: int | None = None) -> CheckpointRow | None:
        """The head at `size` entries, or the newest."""
        query = select(audit_checkpoints).order_by(audit_checkpoints.c.size.desc()).limit(1)
        if size is not None:
            query = query.where(audit_checkpoints.c.size == size)
        row = (self._connection.execute(query)).one_or_none()
        return CheckpointRow(*row) if row else None

    def checkpoints(self, first: int, last: int) -> Mapping[int, CheckpointRow]:
        """Heads of sizes `first` to `last`, both included, by size."""
        query = select(audit_checkpoints).where(audit_checkpoints.c.size.between(first, last))
        return {row.size: CheckpointRow(*row) for row in self._connection.execute(query)}

    def nodes(self, first: int, last: int) -> Mapping[Node, bytes]:
        """Stored subtrees that entries `first` to `last`, both included, completed."""
        query = select(audit_nodes).where(audit_nodes.c.entry.between(first, last))
        return {Node(row.level, row.position): row.hash for row in self._connection.execute(query)}

    def reach(self) -> int:
        """The largest size that checkpoints or subtrees speak of; more than `size` if the log's end was cut off."""
        head = (self._connection.execute(select(func.max(audit_checkpoints.c.size)))).scalar_one()
        node = (self._connection.execute(select(func.max(audit_nodes.c.entry)))).scalar_one()
        return max(head or 0, 0 if node is None else node + 1)

    def salt(self, entry: int) -> bytes | None:
        return (self._connection.execute(select(audit_salts.c.salt).where(audit_salts.c.entry == entry))).scalar()

    def salted(self) -> Iterator[tuple[EntryRow, bytes]]:
        """Entries whose personal data is still recognisable, with their salts, in order."""
        query = select(audit_entries, audit_salts.c.salt).join(
            audit_salts, audit_salts.c.entry == audit_entries.c.entry
        )
        for row in self._connection.execute(query.order_by(audit_entries.c.entry)):
            values = dict(row._mapping)
            salt = bytes(values.pop("salt"))
            yield EntryRow(**values), salt

    def drop_salt(self, entry: int) -> bool:
        """Whether there was one."""
        query = delete(audit_salts).where(audit_salts.c.entry == entry).returning(audit_salts.c.entry)
        return (self._connection.execute(query)).one_or_none() is not None


def _values(row: EntryRow | CheckpointRow) -> dict[str, Any]:
    """As `asdict`, which copies each value deeply and takes ten times as long."""
    return {field.name: getattr(row, field.name) for field in fields(row)}
