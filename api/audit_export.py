"""The log as a file of JSON lines (`shingan.audit.1`) that can be checked without this service, to the entry.

The first line names the log, its key and its size. Each further one has an entry as it is hashed, the line with which
the log signed the head after it, and whatever others attest of that head.
"""

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from api.attestations import AttestationRepository
from api.audit_repository import AuditRepository, CheckpointRow, EntryRow
from api.audit_standards import (
    AuditCheck,
    Fault,
    Progress,
    Standards,
    check_anchor,
    check_cosignatures,
    check_kept,
    check_reach,
)
from api.checkpoints import Checkpoint, Verifier
from api.entries import entry_json
from api.errors import AuditBroken, InvalidRequest, KeyUnusable
from api.merkle import leaf_hash
from api.witnesses import split_note
from api.workplace import Workplace

SCHEMA: Final = "shingan.audit.1"
Line = Mapping[str, Any]


async def exported(workplace: Workplace) -> list[str]:
    """The lines of the log as it is now, each with its end."""
    verifier = workplace.audit.verifier
    return await workplace.database.look(
        lambda connection: [f"{json.dumps(line, ensure_ascii=False)}\n" for line in export_lines(connection, verifier)]
    )


def export_lines(connection: Connection, verifier: Verifier) -> Iterator[Line]:
    """The log that `connection` reads, whose key is `verifier`; raises `AuditBroken` if a head is missing."""
    repository, attestations = AuditRepository(connection), AttestationRepository(connection)
    yield {"schema": SCHEMA, "log": verifier.origin, "key": str(verifier), "size": repository.size()}
    anchors = {anchor.size: anchor.reply for anchor in attestations.anchors()}
    for page in repository.pages():
        first, last = page[0].entry + 1, page[-1].entry + 1
        heads, lines = repository.checkpoints(first, last), attestations.lines(first, last)
        for row in page:
            head = heads.get(row.entry + 1)
            if head is None:
                raise AuditBroken("The audit log has lost a signed head; check it.")
            yield _line(row, head, lines.get(head.size, ()), anchors.get(head.size))


def _line(row: EntryRow, head: CheckpointRow, cosignatures: tuple[str, ...], stamp: bytes | None) -> Line:
    line: dict[str, Any] = {
        "entry": row.entry,
        "json": entry_json(row.entry, row.ts, row.kind, row.body).decode(),
        "signature": split_note(head.note)[1][0],
    }
    if cosignatures:
        line["cosignatures"] = list(cosignatures)
    if stamp is not None:
        line["stamp"] = b64encode(stamp).decode()
    return line


def check_export(lines: Iterable[str], standards: Standards) -> AuditCheck:
    """Checks an exported log; without a key in `standards` its own one is used, and `signed` is false.

    Raises `InvalidRequest` if this is no export, and `KeyUnusable` if it is one of another log.
    """
    source = iter(lines)
    header = _header(next(source, ""))
    verifier = Verifier.parse(str(header["key"]))
    if standards.verifier is not None and str(standards.verifier) != str(verifier):
        raise KeyUnusable("The export is of another log than that of the key.")
    progress = Progress()
    try:
        for line in source:
            _check_line(line, progress, verifier, standards)
        if header["size"] > progress.frontier.size:
            raise Fault(f"missing: the export was of {header['size']} entries")
        check_reach(progress, standards)
    except Fault as fault:
        return progress.result(standards, fault)
    return progress.result(standards)


def _header(line: str) -> Mapping[str, Any]:
    try:
        header: Mapping[str, Any] = json.loads(line)
        if header["schema"] == SCHEMA and isinstance(header["size"], int) and isinstance(header["key"], str):
            return header
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise InvalidRequest("This is no export of an audit log.") from error
    raise InvalidRequest("This is no export of an audit log.")


def _check_line(line: str, progress: Progress, verifier: Verifier, standards: Standards) -> None:
    """Takes an entry into the sound part; raises `Fault` and leaves that as it was if the line is wrong."""
    # 1 well-formed  2 in its place  3 under the head that was signed after it  4 as others attest
    try:
        fields = json.loads(line)
        number, text, signature = int(fields["entry"]), str(fields["json"]), str(fields["signature"])
        leaf = leaf_hash(text.encode())  # half a surrogate pair is a ValueError, here and in the signature
        signature.encode()
        inside = json.loads(text)["entry"]
        stamp = b64decode(fields["stamp"], validate=True) if "stamp" in fields else None
        cosignatures = [str(each) for each in fields.get("cosignatures", ())]
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, Base64Error) as error:
        raise Fault("changed: its line cannot be read") from error  # 1
    place = progress.frontier.size
    if number != place or inside != place:  # 2
        raise Fault(f"missing or moved: entry {number} stands in its place" if number != place else "changed")
    grown = progress.frontier.copy()
    grown.append(leaf)
    body = Checkpoint(verifier.origin, grown.size, grown.root()).text()
    head = CheckpointRow(grown.size, grown.root(), f"{body}\n{signature}\n")
    try:
        verifier.open(head.note)  # 3
    except AuditBroken as error:
        raise Fault("changed, missing or moved: the head that was signed after it is of another tree") from error
    check_kept(progress, grown, standards)  # 4
    check_cosignatures(progress, head, cosignatures, standards)
    if stamp is not None:
        check_anchor(progress, head, stamp, standards)
    progress.frontier = grown
