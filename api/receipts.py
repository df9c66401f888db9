"""Receipts: proof, to be checked without this service, that an entry is in the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from api.checkpoints import Verifier
from api.errors import AuditBroken
from api.merkle import leaf_hash, verify_inclusion

T = TypeVar("T")
ENTRY_JSON: Final = "entry_json"
"""The key under which a receipt that is to be handed on holds the entry's canonical JSON as well."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that leaf `entry` is in the tree of `tree_size` entries whose head the signed note `checkpoint` states."""

    log: str
    entry: int
    leaf_hash: bytes
    tree_size: int
    root: bytes
    proof: tuple[bytes, ...]
    checkpoint: str

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of every answer; hashes in hexadecimal."""
        return {
            "log": self.log,
            "entry": self.entry,
            "leaf_hash": self.leaf_hash.hex(),
            "tree_size": self.tree_size,
            "root": self.root.hex(),
            "proof": [sibling.hex() for sibling in self.proof],
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Receipt":
        """The inverse of `as_dict`; raises `AuditBroken` for anything else."""
        try:
            return cls(
                log=_typed(data["log"], str),
                entry=_typed(data["entry"], int),
                leaf_hash=bytes.fromhex(data["leaf_hash"]),
                tree_size=_typed(data["tree_size"], int),
                root=bytes.fromhex(data["root"]),
                proof=tuple(bytes.fromhex(sibling) for sibling in data["proof"]),
                checkpoint=_typed(data["checkpoint"], str),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise AuditBroken("This is no receipt of an audit log.") from error


def verify_receipt(receipt: Mapping[str, Any], entry_json: bytes | str | None, public_key: Verifier | str) -> bool:
    """Whether `receipt` is true, with nothing but the log's public key.

    `entry_json` is the entry's canonical JSON as `GET /v1/audit/entries` gives it; without it, only the leaf hash in
    the receipt is proven to be in the log. `public_key` is a `Verifier` or the text of `keys/audit.pub`. Anything
    malformed in the receipt is False; raises `KeyUnusable` if the public key is.
    """
    verifier = Verifier.parse(public_key) if isinstance(public_key, str) else public_key
    return receipt_fault(receipt, entry_json, verifier) is None


def receipt_fault(receipt: Mapping[str, Any], entry_json: bytes | str | None, verifier: Verifier) -> str | None:
    """What is wrong with `receipt`, in words that follow `Entry 7 is`; null if it is true. See `verify_receipt`."""
    # 1 well-formed  2 head signed by the log  3 head is the one that the proof is for
    # 4 entry hashes to the leaf  5 leaf is under the root
    try:
        claim = Receipt.from_dict(receipt)
    except AuditBroken:
        return "without a receipt that can be read"  # 1
    try:
        head = verifier.open(claim.checkpoint)
    except AuditBroken:
        return "under a head that this log did not sign"  # 2
    if (head.origin, head.size, head.root) != (claim.log, claim.tree_size, claim.root):
        return "proven for another head than the one that was signed"  # 3
    if entry_json is not None and leaf_hash(_bytes(entry_json)) != claim.leaf_hash:
        return "changed: it does not hash to the leaf that is proven"  # 4
    proven = verify_inclusion(
        leaf=claim.leaf_hash, index=claim.entry, size=claim.tree_size, proof=claim.proof, root=claim.root
    )
    return None if proven else "not under the head that was signed"  # 5


def _bytes(text: bytes | str) -> bytes:
    # Half a surrogate pair, which JSON can say and no entry has, makes another leaf.
    return text.encode(errors="surrogatepass") if isinstance(text, str) else text


def _typed(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"not a {kind.__name__}")
    return value
