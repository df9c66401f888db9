"""Checks a whole audit log against itself and its signed heads, and names the first entry that was tampered with."""

from collections.abc import Mapping
from dataclasses import dataclass

import rfc8785

from api.audit_repository import AuditRepository, CheckpointRow, EntryRow
from api.checkpoints import Verifier, load_verifier
from api.db import Database, sqlite_file
from api.entries import entry_json
from api.errors import AuditBroken, DatabaseUnavailable
from api.merkle import Frontier, Node, leaf_hash
from api.settings import Settings


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Result of a check: `size` entries were sound; if not `ok`, `first_bad` is the number of the first that is not.

    `root` is that of the sound entries. `signed` tells whether the heads' signatures were checked too.
    """

    ok: bool
    size: int
    first_bad: int | None
    detail: str
    root: bytes
    signed: bool


class _Fault(Exception):
    """What is wrong with the entry at hand."""


async def verify_database(source: Settings | str, *, verifier: Verifier | None = None) -> AuditCheck:
    """Checks the log in the database of `source`, settings or a URL.

    Settings bring the instance's own public key; with a URL and no `verifier` the heads' signatures go unchecked.
    Every leaf is hashed anew, the tree rebuilt, and each stored leaf hash, subtree and signed head compared, so an
    entry that was changed, deleted, moved or cut off is found whatever else was made to fit. Raises
    `DatabaseUnavailable` if there is no database and `KeyUnusable` if there is no public key.
    """
    if isinstance(source, Settings):
        return await verify_database(source.database_url, verifier=verifier or load_verifier(source))
    file = sqlite_file(source)
    if file is not None and not file.exists():
        raise DatabaseUnavailable("There is no database yet, so there is no audit log to check.")
    database = Database(source)
    try:
        return await database.look(lambda connection: check_log(AuditRepository(connection), verifier))
    finally:
        await database.close()


def check_log(repository: AuditRepository, verifier: Verifier | None) -> AuditCheck:
    """Checks the log that `repository` reads."""
    frontier = Frontier()
    try:
        for page in repository.pages():
            first, last = frontier.size, page[-1].entry
            heads = repository.checkpoints(first + 1, last + 1)
            nodes = repository.nodes(first, last)
            for row in page:
                _check_entry(row, frontier, heads, nodes, verifier)
        reach = repository.reach()
        if reach > frontier.size:
            raise _Fault(f"missing: the log once had {reach} entries")
    except _Fault as fault:
        return AuditCheck(
            False, frontier.size, frontier.size, f"Entry {frontier.size} is {fault}.", frontier.root(), bool(verifier)
        )
    return AuditCheck(True, frontier.size, None, "The log is whole.", frontier.root(), bool(verifier))


def _check_entry(
    row: EntryRow,
    frontier: Frontier,
    heads: Mapping[int, CheckpointRow],
    nodes: Mapping[Node, bytes],
    verifier: Verifier | None,
) -> None:
    """Takes `row` into `frontier` if it is sound; raises `_Fault` and leaves `frontier` as it was if it is not."""
    # 1 in its place  2 unchanged since it was hashed  3 tree grown from it as stored  4 head as signed
    if row.entry != frontier.size:  # 1
        raise _Fault(f"missing: entry {row.entry} follows {frontier.size - 1}")
    try:
        leaf = leaf_hash(entry_json(row.entry, row.ts, row.kind, row.body))
    except (TypeError, ValueError, rfc8785.CanonicalizationError) as error:
        raise _Fault("changed: it holds something that no entry can") from error
    if leaf != row.leaf_hash:  # 2
        raise _Fault("changed: it no longer hashes to its leaf")
    grown = frontier.copy()
    if any(nodes.get(node) != digest for node, digest in grown.append(leaf)):  # 3
        raise _Fault("changed or moved: the tree above it is another")
    _check_head(heads.get(grown.size), grown.root(), verifier)  # 4
    frontier.append(leaf)


def _check_head(head: CheckpointRow | None, root: bytes, verifier: Verifier | None) -> None:
    if head is None:
        raise _Fault("without its signed head")
    if head.root != root:
        raise _Fault("changed or moved: its signed head has another root")
    if verifier is None:
        return
    try:
        signed = verifier.open(head.note)
    except AuditBroken as error:
        raise _Fault("under a head that this log did not sign") from error
    if (signed.size, signed.root) != (head.size, root):
        raise _Fault("changed or moved: the head that was signed has another root")
