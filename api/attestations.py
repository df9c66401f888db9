"""All SQL of what others attest of the log's heads: cosignatures of witnesses, and time-stamps of an authority."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, insert, select

from api.tables import audit_anchors, audit_cosignatures
from api.witnesses import Cosignature


@dataclass(frozen=True, slots=True)
class Anchor:
    """That an authority stamped the head at `size` entries at `stamped_at`; `reply` is RFC 3161's TimeStampResp."""

    size: int
    stamped_at: str
    reply: bytes


class AttestationRepository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_cosignature(self, size: int, found: Cosignature) -> bool:
        """Whether it was not there yet: a witness's first one of a head stays."""
        key = {"size": size, "witness": found.witness, "key_id": found.key_id.hex()}
        same = [audit_cosignatures.c[name] == value for name, value in key.items()]
        if self._connection.execute(select(audit_cosignatures.c.size).where(*same)).one_or_none() is not None:
            return False
        self._connection.execute(insert(audit_cosignatures), key | {"line": found.line})
        return True

    def lines(self, first: int, last: int) -> Mapping[int, tuple[str, ...]]:
        """Signature lines under the heads of sizes `first` to `last`, both included, by size."""
        query = select(audit_cosignatures.c.size, audit_cosignatures.c.line)
        query = query.where(audit_cosignatures.c.size.between(first, last))
        found: dict[int, tuple[str, ...]] = {}
        for size, line in self._connection.execute(query.order_by(*audit_cosignatures.primary_key.columns)):
            found[size] = (*found.get(size, ()), line)
        return found

    def newest_cosigned(self) -> int | None:
        """Size of the newest head that a witness signed."""
        size: int | None = self._connection.execute(select(func.max(audit_cosignatures.c.size))).scalar_one()
        return size

    def add_anchor(self, anchor: Anchor) -> None:
        self._connection.execute(insert(audit_anchors), asdict(anchor))

    def anchors(self) -> Sequence[Anchor]:
        """Oldest first."""
        rows = self._connection.execute(select(audit_anchors).order_by(audit_anchors.c.size))
        return [Anchor(**row._mapping) for row in rows]

    def newest_anchor(self) -> Anchor | None:
        query = select(audit_anchors).order_by(audit_anchors.c.size.desc()).limit(1)
        row = self._connection.execute(query).one_or_none()
        return Anchor(**row._mapping) if row else None
