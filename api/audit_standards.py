"""What an audit log is held against beside itself: its key, heads that were kept, witnesses, time-stamp authorities."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from api.audit_repository import CheckpointRow
from api.checkpoints import Checkpoint, Verifier, load_verifier
from api.merkle import EMPTY_ROOT, Frontier
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


def standards_of(settings: Settings, *, verifier: Verifier | None = None, kept: Sequence[Checkpoint] = ()) -> Standards:
    """What this instance knows: its own key unless another is given, its witnesses, the time-stamp authorities that it
    trusts. Raises `KeyUnusable` or `ProvenanceError`."""
    lists = TrustStore.load(settings.home).lists()
    roots = [pem for kept_list in lists if kept_list.kind is ListKind.TSA for pem in kept_list.certificates]
    return Standards(verifier or load_verifier(settings), parse_witnesses(settings.witnesses), roots, kept)


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
