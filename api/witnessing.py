"""Takes the cosignature of a witness: checked, stored beside the head that it is about, and on record."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from api.attestations import AttestationRepository
from api.audit_repository import AuditRepository
from api.auth import Actor
from api.checkpoints import parse_checkpoint
from api.errors import AuditBroken, Conflict, InvalidRequest, NotFound
from api.ledger import Fact
from api.witnesses import Cosignature, read_cosignatures, split_note
from api.workplace import Workplace

COSIGNED: Final = "audit.cosigned"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Which witnesses' cosignatures of the head at `size` are stored; `new` are those that were not before."""

    size: int
    witnesses: tuple[str, ...]
    new: tuple[str, ...]


async def accept(workplace: Workplace, actor: Actor, note: str) -> Cosigned:
    """Takes the cosignatures of known witnesses in `note`, a checkpoint of this log with their lines under it.

    Raises `InvalidRequest` if it is no checkpoint or no known witness signed it, `NotFound` if the log has no head of
    its size, and `Conflict` if that head is another: then a witness saw what this log did not say.
    """
    text, _ = split_note(note)
    try:
        claim = parse_checkpoint(text)
    except AuditBroken as error:
        raise InvalidRequest("Send a checkpoint with signature lines (C2SP tlog-cosignature).") from error
    found = read_cosignatures(note, workplace.audit.witnesses)
    if not found:
        raise InvalidRequest("No witness that this instance knows has signed this checkpoint.")

    def keep(connection: Connection) -> Cosigned:
        head = AuditRepository(connection).checkpoint(claim.size)
        if head is None:
            raise NotFound("The audit log has no such checkpoint.")
        if split_note(head.note)[0] != text:
            raise Conflict("The witness signed another head of this size than the log's own.")
        new = _store(connection, claim.size, found)
        if new:
            facts = {"actor": actor.id, "tenant": actor.tenant, "size": claim.size, "witnesses": list(new)}
            workplace.audit.within(connection).append([Fact(COSIGNED, facts)])
        return Cosigned(claim.size, tuple(one.witness for one in found), new)

    return await workplace.database.change(keep)


def _store(connection: Connection, size: int, found: tuple[Cosignature, ...]) -> tuple[str, ...]:
    attestations = AttestationRepository(connection)
    return tuple(one.witness for one in found if attestations.add_cosignature(size, one))
