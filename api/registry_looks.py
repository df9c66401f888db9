"""How releases look, as the database has it: for the index of fingerprints, and for comparing a picture with a release.

Units of work that are plain functions.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select

from api.tables import HASH_CHARACTERS, generations, records, session_frames

_FINGERPRINTS = select(records.c.record_id, records.c.fingerprint, records.c.entry)
_FINGERPRINTS = _FINGERPRINTS.where(records.c.entry > bindparam("after"))
_FINGERPRINTS = _FINGERPRINTS.order_by(records.c.entry).limit(bindparam("most"))


def fingerprints_after(connection: Connection, entry: int, *, limit: int) -> Sequence[tuple[str, str, int]]:
    """Record id, fingerprint and audit entry of up to `limit` records whose entry is later, in its order."""
    found = connection.execute(_FINGERPRINTS, {"after": entry, "most": limit})
    return [(row[0], row[1], row[2]) for row in found]


def blob_of_record(connection: Connection, record_id: str) -> str | None:
    """The blob of the file that was released; null where none is kept."""
    released = records.join(generations, records.c.generation_id == generations.c.id)
    query = select(generations.c.blob).select_from(released).where(records.c.record_id == record_id)
    return connection.execute(query).scalar_one_or_none()


def add_session_frames(connection: Connection, record_id: str, number: int, fingerprints: Sequence[str]) -> None:
    """Of frames from `number` on that bear the mark of a live session."""
    packed = bytes.fromhex("".join(fingerprints))
    values = {"record_id": record_id, "number": number, "fingerprints": packed}
    connection.execute(insert(session_frames).values(values))


def fingerprints_of_session(connection: Connection, record_id: str) -> Sequence[str]:
    """Of all frames that bear the mark of this record, in no order; none of a release that was no live session."""
    query = select(session_frames.c.fingerprints).where(session_frames.c.record_id == record_id)
    chunks = (bytes(chunk).hex() for chunk in connection.execute(query).scalars())
    return [chunk[at : at + HASH_CHARACTERS] for chunk in chunks for at in range(0, len(chunk), HASH_CHARACTERS)]
