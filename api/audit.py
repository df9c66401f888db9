"""The audit log: every decision and outcome is a leaf of a Merkle tree with a signed head for each size it ever had."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from api.audit_check import verify_database as verify_database
from api.audit_repository import AuditRepository, EntryRow
from api.audit_standards import AuditCheck as AuditCheck
from api.checkpoints import Signer, Verifier
from api.entries import PERSONAL, Entry, pseudonym
from api.errors import NotFound
from api.ledger import Edge, Fact, Ledger
from api.receipts import ENTRY_JSON, Receipt
from api.receipts import verify_receipt as verify_receipt
from api.settings import Settings
from api.witnesses import Witness, parse_witnesses

T = TypeVar("T")


class AuditLog:
    """Appends to, and proves things about, the log of one instance, in whatever session the caller has open."""

    def __init__(self, signer: Signer, witnesses: tuple[Witness, ...] = ()) -> None:
        self._signer = signer
        self.witnesses = witnesses
        self._edge = Edge()

    @classmethod
    def open(cls, settings: Settings) -> "AuditLog":
        """With this instance's signing key, made on first use, and the witnesses that its operator knows."""
        return cls(Signer.open(settings), parse_witnesses(settings.witnesses))

    @property
    def verifier(self) -> Verifier:
        """The public key of the log; `str()` of it is what `verify_receipt` takes."""
        return self._signer.verifier

    @property
    def appended(self) -> Mapping[str, int]:
        """Entries that this process committed, by kind."""
        return self._edge.appended

    def within(self, connection: Connection) -> Ledger:
        """The log for a unit of work that is a plain function (`Database.change`)."""
        return Ledger(connection, self._signer, self._edge)

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
        fact = Fact(kind, body, personal or {})
        entries, _ = await self._on(session, lambda ledger: ledger.append([fact]))
        return entries[0]

    async def receipt(self, session: AsyncSession, index: int, *, size: int | None = None) -> Receipt:
        """Proof that entry `index` is under the head at `size` entries, or the newest; raises `NotFound`."""
        return await self._on(session, lambda ledger: ledger.receipt(index, size=size))

    async def handed_on(self, session: AsyncSession, index: int) -> dict[str, Any]:
        """The receipt of entry `index` as JSON with the entry in it, so that an answer can be compared with that by
        whoever has both and the log's key; raises `NotFound`."""
        receipt, entry = await self.receipt(session, index), await self.get(session, index)
        return receipt.as_dict() | {ENTRY_JSON: entry.json.decode()}

    async def consistency(self, session: AsyncSession, old: int, new: int) -> tuple[bytes, ...]:
        """Proof that the log of `old` entries is a prefix of that of `new`; raises `NotFound` if it never was."""
        return await self._on(session, lambda ledger: ledger.consistency(old, new))

    async def checkpoint(self, session: AsyncSession, size: int | None = None, *, cosigned: bool = False) -> str:
        """The signed head (a C2SP note) at `size` entries, or the newest, or the newest that a witness signed too.

        Cosignatures stand under the log's own signature. Raises `NotFound` if there is none.
        """
        return await self._on(session, lambda ledger: ledger.head(size, cosigned=cosigned).note)

    async def size(self, session: AsyncSession) -> int:
        return await _stored(session, lambda repository: repository.size())

    async def get(self, session: AsyncSession, index: int) -> Entry:
        """Raises `NotFound` if there is no such entry."""
        row = await _stored(session, lambda repository: repository.get(index))
        if row is None:
            raise NotFound(f"The audit log has no entry {index}.")
        return _entry(row)

    async def page(self, session: AsyncSession, *, start: int = 0, limit: int = 100) -> Sequence[Entry]:
        """Up to `limit` entries from number `start` on."""
        rows = await _stored(session, lambda repository: repository.page(start=start, limit=limit))
        return [_entry(row) for row in rows]

    async def recognises(self, session: AsyncSession, index: int, field: str, value: str) -> bool:
        """Whether `value` is what entry `index` was given as personal `field`; False once that was forgotten."""
        row, salt = await _stored(session, lambda repository: (repository.get(index), repository.salt(index)))
        if row is None or salt is None:
            return False
        stored = _entry(row).content.get(PERSONAL, {}).get(field, "")
        return hmac.compare_digest(stored, pseudonym(salt, field, value))

    async def forget(self, session: AsyncSession, index: int, *, actor: str = "local") -> bool:
        """Makes the personal data of an entry unrecognisable for good, which is on record; the log stays whole.

        Whether there was any.
        """
        return bool(await self._on(session, lambda ledger: ledger.forget([index], actor=actor)))

    async def _on(self, session: AsyncSession, work: Callable[[Ledger], T]) -> T:
        return await session.run_sync(lambda plain: work(self.within(plain.connection())))


async def _stored(session: AsyncSession, work: Callable[[AuditRepository], T]) -> T:
    return await session.run_sync(lambda plain: work(AuditRepository(plain.connection())))


def _entry(row: EntryRow) -> Entry:
    return Entry(row.entry, row.ts, row.kind, row.body, row.leaf_hash)
