"""The audit log within one open transaction, as plain functions: appends entries, and proves things about them."""

import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection

from api.after_commit import after_commit
from api.attestations import AttestationRepository
from api.audit_repository import AuditRepository, CheckpointRow, EntryRow
from api.checkpoints import Signer
from api.clock import timestamp
from api.entries import PERSONAL, Entry, new_entry, pseudonym
from api.errors import AuditBroken, NotFound
from api.merkle import Frontier, Node, Span, consistency_spans, inclusion_spans, join, perfect_nodes
from api.receipts import Receipt

SALT_BYTES: Final = 32
FORGOTTEN: Final = "audit.forgotten"
LOST: Final = "The audit log has lost part of its tree; check it."


@dataclass(frozen=True, slots=True)
class Fact:
    """What shall become an entry; see `AuditLog.append`."""

    kind: str
    body: Mapping[str, Any]
    personal: Mapping[str, str] = field(default_factory=dict)


class Edge:
    """The tree's right edge as this process last wrote it, which may have been rolled back or outgrown since: it holds
    if its root is that of the log's head."""

    def __init__(self) -> None:
        self.frontier: Frontier | None = None
        self.appended: Counter[str] = Counter()
        """Entries that this process committed, by kind."""


class Ledger:
    """Reads and extends the log by way of `connection`; the caller's transaction decides whether that stays."""

    def __init__(self, connection: Connection, signer: Signer, edge: Edge) -> None:
        self._edge, self._connection = edge, connection
        self._repository = AuditRepository(connection)
        self._attestations = AttestationRepository(connection)
        self._signer = signer

    def append(self, facts: Sequence[Fact]) -> tuple[tuple[Entry, ...], Receipt]:
        """The entries of `facts`, of which there is one at least, and the receipt of the last of them."""
        self._repository.lock()
        grown = _Growth(self._frontier(), self._signer)
        for fact in facts:
            grown.add(fact)
        self._repository.add(grown.rows, grown.nodes, grown.heads, grown.salts)
        self._edge.frontier = grown.frontier
        kinds = [fact.kind for fact in facts]
        after_commit(self._connection, lambda: self._edge.appended.update(kinds))
        return tuple(grown.entries), grown.receipt()

    def head(self, size: int | None = None, *, cosigned: bool = False, attested: bool = True) -> CheckpointRow:
        """The head at `size` entries, or the newest, or the newest that is `cosigned`; if `attested` with cosignatures.

        Raises `NotFound` if there is none.
        """
        wanted = self._attestations.newest_cosigned() if cosigned else size
        row = None if cosigned and wanted is None else self._repository.checkpoint(wanted)
        if row is None:
            raise NotFound("The audit log has no such checkpoint.")
        lines = self._attestations.lines(row.size, row.size).get(row.size, ()) if attested else ()
        return replace(row, note=row.note + "".join(f"{line}\n" for line in lines))

    def receipt(self, index: int, *, size: int | None = None) -> Receipt:
        """Proof that entry `index` is under the head at `size` entries, or the newest; raises `NotFound`."""
        head = self.head(size)
        if not 0 <= index < head.size:
            raise NotFound(f"The audit log has no entry {index} under this head.")
        own, *proof = self._roots([(index, index + 1), *inclusion_spans(index, head.size)])
        return Receipt(self._signer.verifier.origin, index, own, head.size, head.root, tuple(proof), head.note)

    def forget(self, indices: Sequence[int], *, actor: str) -> tuple[int, ...]:
        """Makes the personal data of entries unrecognisable, and says so in the log; those that had any."""
        gone = tuple(index for index in indices if self._repository.drop_salt(index))
        if gone:
            self.append([Fact(FORGOTTEN, {"actor": actor, "entries": list(gone)})])
        return gone

    def entries_about(self, field: str, value: str) -> tuple[int, ...]:
        """Entries that were given `value` as personal `field` and still know it; reads every salt that is left."""
        return tuple(
            row.entry
            for row, salt in self._repository.salted()
            if pseudonym(salt, field, value) == json.loads(row.body).get(PERSONAL, {}).get(field)
        )

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Proof that the log of `old` entries is a prefix of that of `new`; raises `NotFound` if it never was."""
        if not 0 < old <= new <= self._repository.size():
            raise NotFound(f"The audit log never grew from {old} to {new} entries.")
        return self._roots(consistency_spans(old, new))

    def _frontier(self) -> Frontier:
        (size, root), known = self._repository.state(), self._edge.frontier
        if known is not None and known.size == size and known.root() == root:
            return known.copy()
        nodes = perfect_nodes((0, size))
        found = self._repository.hashes(nodes)
        try:
            return Frontier(size, [found[node] for node in nodes])
        except KeyError as error:
            raise AuditBroken(LOST) from error

    def _roots(self, spans: Sequence[Span]) -> tuple[bytes, ...]:
        """Tree hash of each span, from one look-up of all the subtrees they are made of."""
        tiles = [perfect_nodes(span) for span in spans]
        found = self._repository.hashes([node for tile in tiles for node in tile])
        try:
            return tuple(join([found[node] for node in tile]) for tile in tiles)
        except KeyError as error:
            raise AuditBroken(LOST) from error


class _Growth:
    """What is added to a tree, step by step, before it is written at once."""

    def __init__(self, frontier: Frontier, signer: Signer) -> None:
        self.frontier, self._signer = frontier, signer
        self._proof: tuple[bytes, ...] = ()
        self.entries: list[Entry] = []
        self.nodes: list[tuple[Node, bytes]] = []
        self.heads: list[CheckpointRow] = []
        self.salts: dict[int, bytes] = {}

    @property
    def rows(self) -> list[EntryRow]:
        return [EntryRow(one.index, one.ts, one.kind, one.body, one.leaf_hash) for one in self.entries]

    def add(self, fact: Fact) -> None:
        index, salt = self.frontier.size, secrets.token_bytes(SALT_BYTES)
        entry = new_entry(index, timestamp(), fact.kind, fact.body, fact.personal, salt)
        self._proof = self.frontier.last_proof()
        self.nodes += self.frontier.append(entry.leaf_hash)
        size, root = self.frontier.size, self.frontier.root()
        self.entries.append(entry)
        self.heads.append(CheckpointRow(size, root, self._signer.sign(size, root)))
        if fact.personal:
            self.salts[index] = salt

    def receipt(self) -> Receipt:
        entry, head = self.entries[-1], self.heads[-1]
        origin = self._signer.verifier.origin
        return Receipt(origin, entry.index, entry.leaf_hash, head.size, head.root, self._proof, head.note)
