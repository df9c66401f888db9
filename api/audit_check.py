"""Checks a whole audit log against itself, its signed heads and what others kept; names the first wrong entry."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import rfc8785

from api.attestations import AttestationRepository
from api.audit_repository import AuditRepository, CheckpointRow, EntryRow
from api.checkpoints import Checkpoint, Verifier, load_verifier
from api.db import Database, sqlite_file
from api.entries import entry_json
from api.errors import AuditBroken, DatabaseUnavailable
from api.merkle import EMPTY_ROOT, Frontier, Node, leaf_hash
from api.settings import Settings
from api.time_stamps import read_stamp, vouched
from api.witnesses import Witness, parse_witnesses, read_cosignatures, split_note
from detector.provenance.trust import ListKind, TrustStore


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """Result of a check: `size` entries were sound; if not `ok`, `first_bad` is the number of the first that is not.

    `root` is that of the sound entries. `signed` tells whether the heads' signatures were checked too. `cosigned` and
    `anchored` are the largest sizes that a known witness signed and that a trusted authority stamped; null for none.
    """

    ok: bool
    size: int
    first_bad: int | None
    detail: str
    root: bytes
    signed: bool
    cosigned: int | None = None
    anchored: int | None = None


@dataclass(frozen=True, slots=True)
class Standards:
    """What a log is held against: its own key, the keys of witnesses, the roots of time-stamp authorities (PEM), and
    heads that somebody kept elsewhere."""

    verifier: Verifier | None = None
    witnesses: Sequence[Witness] = ()
    authorities: Sequence[str] = ()
    kept: Sequence[Checkpoint] = ()


class Fault(Exception):
    """What is wrong with the entry at hand."""


@dataclass(slots=True)
class Progress:
    """The sound part so far: its tree, the heads kept elsewhere that agreed with it, and what others attest of it."""

    frontier: Frontier = field(default_factory=Frontier)
    agreed: int = 0
    agreed_root: bytes = EMPTY_ROOT
    cosigned: int | None = None
    anchored: int | None = None

    def result(self, standards: Standards, fault: Fault | None = None) -> AuditCheck:
        size, root = self.frontier.size, self.frontier.root()
        if isinstance(fault, Rewritten):
            size, root = self.agreed, self.agreed_root
        detail = "The log is whole." if fault is None else f"Entry {size} is {fault}."
        first_bad, signed = None if fault is None else size, standards.verifier is not None
        return AuditCheck(fault is None, size, first_bad, detail, root, signed, self.cosigned, self.anchored)


class Rewritten(Fault):
    """The log fits itself and is not the one that somebody kept a head of: whoever wrote it had the key."""


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


def standards_of(settings: Settings, *, verifier: Verifier | None = None, kept: Sequence[Checkpoint] = ()) -> Standards:
    """What this instance knows: its own key unless another is given, its witnesses, the time-stamp authorities that it
    trusts. Raises `KeyUnusable` or `ProvenanceError`."""
    lists = TrustStore.load(settings.home).lists()
    roots = [pem for kept_list in lists if kept_list.kind is ListKind.TSA for pem in kept_list.certificates]
    return Standards(verifier or load_verifier(settings), parse_witnesses(settings.witnesses), roots, kept)


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


def check_kept(progress: Progress, grown: Frontier, standards: Standards) -> None:
    """Holds the tree that the next entry makes against heads that were kept elsewhere."""
    for head in _kept_at(grown.size, standards):
        if head.root != grown.root():
            wrong = (
                f"the first that may differ: up to entry {grown.size - 1} the log was rewritten since a head was kept"
            )
            raise Rewritten(wrong)
        progress.agreed, progress.agreed_root = grown.size, head.root


def _kept_at(size: int, standards: Standards) -> Iterator[Checkpoint]:
    return (head for head in standards.kept if head.size == size)


def check_reach(progress: Progress, standards: Standards) -> None:
    """Raises `Fault` if a head that was kept elsewhere is of more entries than there are."""
    longest = max((head.size for head in standards.kept), default=0)
    if longest > progress.frontier.size:
        raise Fault(f"missing: a head that was kept is of {longest} entries")


def check_cosignatures(progress: Progress, head: CheckpointRow, lines: Sequence[str], standards: Standards) -> None:
    """Lines of witnesses that are not known count for nothing; a known one's must be good."""
    text, _ = split_note(head.note)
    found = read_cosignatures(f"{text}\n" + "\n".join(lines), standards.witnesses)
    claimed = [line for line in lines if any(witness.claims(line) for witness in standards.witnesses)]
    if len(found) < len(claimed):
        raise Fault("under a head whose cosignature is not good")
    if found:
        progress.cosigned = head.size


def check_anchor(progress: Progress, head: CheckpointRow, reply: bytes, standards: Standards) -> None:
    """A stamp must be about the head that it is kept with, and counts if an authority of a trusted list gave it."""
    stamp = read_stamp(reply)
    if stamp is None or stamp.digest != hashlib.sha256(head.note.encode()).digest():
        raise Fault("under a head whose time-stamp is of another")
    if vouched(reply, head.note.encode(), roots=standards.authorities):
        progress.anchored = head.size
