"""The audit log: every decision and outcome is a leaf of a Merkle tree with a signed head for each size it ever had."""

import hmac
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from api.audit_check import AuditCheck as AuditCheck
from api.audit_check import verify_database as verify_database
from api.audit_repository import AuditRepository, CheckpointRow, EntryRow
from api.checkpoints import Signer, Verifier
from api.clock import timestamp
from api.entries import PERSONAL, Entry, new_entry, pseudonym
from api.errors import AuditBroken, NotFound
from api.merkle import Frontier, Span, consistency_spans, inclusion_spans, join, perfect_nodes
from api.receipts import Receipt
from api.receipts import verify_receipt as verify_receipt
from api.settings import Settings

SALT_BYTES = 32


class AuditLog:
    """Appends to, and proves things about, the log of one instance, in whatever session the caller has open."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.appended: Counter[str] = Counter()
        """Entries that this process committed, by kind."""

    @classmethod
    def open(cls, settings: Settings) -> "AuditLog":
        """With this instance's signing key, made on first use."""
        return cls(Signer.open(settings))

    @property
    def verifier(self) -> Verifier:
        """The public key of the log; `str()` of it is what `verify_receipt` takes."""
        return self._signer.verifier

    async def append(
        self,
        session: AsyncSession,
        kind: str,
        body: Mapping[str, Any],
        *,
        personal: Mapping[str, str] | None = None,
    ) -> Entry:
        """Adds an entry to the caller's transaction: it is in the log if and only if that commits.

        `kind` is a dotted lower-case name such as `policy.decided`. `body` holds JSON values and nothing about a
        person; what does, such as a prompt or a file name, goes into `personal` and only its HMAC under a salt of
        this entry's own is kept, until `forget`. Raises `InvalidRequest` for a body that has no canonical form.
        """
        repository = AuditRepository(session)
        await repository.lock()
        frontier = await _frontier(repository)
        size, salt = frontier.size, secrets.token_bytes(SALT_BYTES)
        entry = new_entry(size, timestamp(), kind, body, personal, salt)
        nodes = frontier.append(entry.leaf_hash)
        root = frontier.root()
        head = CheckpointRow(frontier.size, root, self._signer.sign(frontier.size, root))
        await repository.add(EntryRow(size, entry.ts, kind, entry.body, entry.leaf_hash), nodes, head)
        if personal:
            await repository.add_salt(size, salt)
        event.listen(session.sync_session, "after_commit", lambda _: self.appended.update([kind]), once=True)
        return entry

    async def receipt(self, session: AsyncSession, index: int) -> Receipt:
        """Proof that entry `index` is under the newest head; raises `NotFound` if there is no such entry."""
        repository = AuditRepository(session)
        head = await repository.checkpoint()
        if head is None or not 0 <= index < head.size:
            raise NotFound(f"The audit log has no entry {index}.")
        own, *proof = await _roots(repository, [(index, index + 1), *inclusion_spans(index, head.size)])
        return Receipt(self.verifier.origin, index, own, head.size, head.root, tuple(proof), head.note)

    async def consistency(self, session: AsyncSession, old: int, new: int) -> tuple[bytes, ...]:
        """Proof that the log of `old` entries is a prefix of that of `new`; raises `NotFound` if it never was."""
        repository = AuditRepository(session)
        if not 0 < old <= new <= await repository.size():
            raise NotFound(f"The audit log never grew from {old} to {new} entries.")
        return await _roots(repository, consistency_spans(old, new))

    async def checkpoint(self, session: AsyncSession, size: int | None = None) -> str:
        """The signed head (a C2SP note) at `size` entries, or the newest; raises `NotFound` if there is none."""
        head = await AuditRepository(session).checkpoint(size)
        if head is None:
            raise NotFound("The audit log has no such checkpoint.")
        return head.note

    async def size(self, session: AsyncSession) -> int:
        return await AuditRepository(session).size()

    async def get(self, session: AsyncSession, index: int) -> Entry:
        """Raises `NotFound` if there is no such entry."""
        row = await AuditRepository(session).get(index)
        if row is None:
            raise NotFound(f"The audit log has no entry {index}.")
        return _entry(row)

    async def page(self, session: AsyncSession, *, start: int = 0, limit: int = 100) -> Sequence[Entry]:
        """Up to `limit` entries from number `start` on."""
        return [_entry(row) for row in await AuditRepository(session).page(start=start, limit=limit)]

    async def recognises(self, session: AsyncSession, index: int, field: str, value: str) -> bool:
        """Whether `value` is what entry `index` was given as personal `field`; False once that was forgotten."""
        repository = AuditRepository(session)
        row, salt = await repository.get(index), await repository.salt(index)
        if row is None or salt is None:
            return False
        stored = _entry(row).content.get(PERSONAL, {}).get(field, "")
        return hmac.compare_digest(stored, pseudonym(salt, field, value))

    async def forget(self, session: AsyncSession, index: int) -> bool:
        """Makes the personal data of an entry unrecognisable for good; the log stays whole. Whether there was any."""
        return await AuditRepository(session).drop_salt(index)


async def _frontier(repository: AuditRepository) -> Frontier:
    size = await repository.size()
    nodes = perfect_nodes((0, size))
    found = await repository.hashes(nodes)
    try:
        return Frontier(size, [found[node] for node in nodes])
    except KeyError as error:
        raise AuditBroken("The audit log has lost part of its tree; check it.") from error


async def _roots(repository: AuditRepository, spans: Sequence[Span]) -> tuple[bytes, ...]:
    """Tree hash of each span, from one look-up of all the subtrees they are made of."""
    tiles = [perfect_nodes(span) for span in spans]
    found = await repository.hashes([node for tile in tiles for node in tile])
    try:
        return tuple(join([found[node] for node in tile]) for tile in tiles)
    except KeyError as error:
        raise AuditBroken("The audit log has lost part of its tree; check it.") from error


def _entry(row: EntryRow) -> Entry:
    return Entry(row.entry, row.ts, row.kind, row.body, row.leaf_hash)
