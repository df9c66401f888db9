"""Checks a whole audit log against itself, its signed heads and what others kept; names the first wrong entry."""

from collections.abc import Mapping, Sequence

import rfc8785

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
    standards_of,
)
from api.checkpoints import Checkpoint, Verifier
from api.db import Database, sqlite_file
from api.entries import entry_json
from api.errors import AuditBroken, DatabaseUnavailable
from api.merkle import Frontier, Node, leaf_hash
from api.settings import Settings


async def verify_database(
    source: Settings | str, *, verifier: Verifier | None = None, kept: Sequence[Checkpoint] = ()
) -> AuditCheck:
    """Checks the log in the database of `source`, settings or a URL, and holds it against heads `kept` elsewhere.

    Settings bring the instance's own public key and witnesses; with a URL and no `verifier` the heads' signatures go
    unchecked. Every leaf is hashed anew, the tree rebuilt, and each stored leaf hash, subtree and signed head compared,
    so an entry that was changed, deleted, moved or cut off is found whatever else was made to fit. Raises
    `DatabaseUnavailable` if there is no database and `KeyUnusable` if there is no public key.
    """
    if isinstance(source, Settings):
        return await _verify(source.database_url, standards_of(source, verifier=verifier, kept=kept))
    return await _verify(source, Standards(verifier, kept=kept))


async def _verify(url: str, standards: Standards) -> AuditCheck:
    file = sqlite_file(url)
    if file is not None and not file.exists():
        raise DatabaseUnavailable("There is no database yet, so there is no audit log to check.")
    database = Database(url)
    try:
        return await database.look(
            lambda connection: check_log(AuditRepository(connection), AttestationRepository(connection), standards)
        )
    finally:
        await database.close()


def check_log(repository: AuditRepository, attestations: AttestationRepository, standards: Standards) -> AuditCheck:
    """Checks the log that these read."""
    progress = Progress()
    try:
        _check_attested(repository, attestations, progress, standards)
        reach = repository.reach()
        if reach > progress.frontier.size:
            raise Fault(f"missing: the log once had {reach} entries")
        check_reach(progress, standards)
    except Fault as fault:
        return progress.result(standards, fault)
    return progress.result(standards)


def _check_attested(
    repository: AuditRepository, attestations: AttestationRepository, progress: Progress, standards: Standards
) -> None:
    anchors = {anchor.size: anchor.reply for anchor in attestations.anchors()}
    for page in repository.pages():
        first, last = progress.frontier.size, page[-1].entry
        heads = repository.checkpoints(first + 1, last + 1)
        nodes = repository.nodes(first, last)
        lines = attestations.lines(first + 1, last + 1)
        for row in page:
            grown, head = _check_entry(row, progress, heads, nodes, standards)
            check_kept(progress, grown, standards)
            if head.size in lines:
                check_cosignatures(progress, head, lines[head.size], standards)
            if head.size in anchors:
                check_anchor(progress, head, anchors[head.size], standards)
            progress.frontier = grown


def _check_entry(
    row: EntryRow,
    progress: Progress,
    heads: Mapping[int, CheckpointRow],
    nodes: Mapping[Node, bytes],
    standards: Standards,
) -> tuple[Frontier, CheckpointRow]:
    """The tree that `row` makes, and its head; raises `Fault` if the entry is wrong."""
    # 1 in its place  2 unchanged since it was hashed  3 tree grown from it as stored  4 head as signed
    frontier = progress.frontier
    if row.entry != frontier.size:  # 1
        raise Fault(f"missing: entry {row.entry} follows {frontier.size - 1}")
    try:
        leaf = leaf_hash(entry_json(row.entry, row.ts, row.kind, row.body))
    except (TypeError, ValueError, rfc8785.CanonicalizationError) as error:
        raise Fault("changed: it holds something that no entry can") from error
    if leaf != row.leaf_hash:  # 2
        raise Fault("changed: it no longer hashes to its leaf")
    grown = frontier.copy()
    if any(nodes.get(node) != digest for node, digest in grown.append(leaf)):  # 3
        raise Fault("changed or moved: the tree above it is another")
    return grown, _check_head(heads.get(grown.size), grown.root(), standards.verifier)  # 4


def _check_head(head: CheckpointRow | None, root: bytes, verifier: Verifier | None) -> CheckpointRow:
    if head is None:
        raise Fault("without its signed head")
    if head.root != root:
        raise Fault("changed or moved: its signed head has another root")
    if verifier is None:
        return head
    try:
        signed = verifier.open(head.note)
    except AuditBroken as error:
        raise Fault("under a head that this log did not sign") from error
    if (signed.size, signed.root) != (head.size, root):
        raise Fault("changed or moved: the head that was signed has another root")
    return head
