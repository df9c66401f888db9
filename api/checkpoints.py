"""Signed heads of the audit log: C2SP tlog-checkpoint bodies in C2SP signed notes, with Ed25519."""

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from api.errors import AuditBroken, KeyUnusable
from api.keyfiles import read_or_create
from api.settings import Settings

ALGORITHM_ED25519 = b"\x01"
KEY_HASH_BYTES = 4
HASH_BYTES = 32
SIGNATURE_MARK = "\u2014 "
"""An em dash and a space start a signature line (C2SP signed-note)."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """That the log named `origin` had `size` entries with this tree `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


class Verifier:
    """Checks checkpoints of one log; `str()` is its public key as a C2SP verifier key."""

    def __init__(self, origin: str, key: Ed25519PublicKey) -> None:
        self.origin = origin
        self._key = key
        self._raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """From `<origin>+<key hash>+<base64 key>`; raises `KeyUnusable` if anything in it is wrong."""
        try:
            origin, stated, encoded = text.strip().split("+", 2)
            raw = b64decode(encoded, validate=True)
            if raw[:1] != ALGORITHM_ED25519:
                raise ValueError("not an Ed25519 key")
            verifier = cls(origin, Ed25519PublicKey.from_public_bytes(raw[1:]))
            key_hash = verifier.key_hash  # not of half a surrogate pair
        except (ValueError, Base64Error) as error:
            raise KeyUnusable("This is no public key of an audit log.") from error
        if key_hash.hex() != stated:
            raise KeyUnusable("The public key of the audit log does not fit its own name.")
        return verifier

    def __str__(self) -> str:
        return f"{self.origin}+{self.key_hash.hex()}+{b64encode(ALGORITHM_ED25519 + self._raw).decode()}"

    @property
    def key_hash(self) -> bytes:
        named = self.origin.encode() + b"\n" + ALGORITHM_ED25519 + self._raw
        return hashlib.sha256(named).digest()[:KEY_HASH_BYTES]

    def open(self, note: str) -> Checkpoint:
        """The checkpoint in `note`; raises `AuditBroken` unless this log's key signed it.

        Signatures of others, a witness say, are allowed and not looked at.
        """
        text, _, signatures = note.partition("\n\n")
        text += "\n"
        if not any(self._signed(text, line) for line in signatures.split("\n")):
            raise AuditBroken("The checkpoint is not signed by this log.")
        checkpoint = parse_checkpoint(text)
        if checkpoint.origin != self.origin:
            raise AuditBroken("The checkpoint belongs to another log.")
        return checkpoint

    def _signed(self, text: str, line: str) -> bool:
        if not line.startswith(f"{SIGNATURE_MARK}{self.origin} "):
            return False
        try:
            blob = b64decode(line.rpartition(" ")[2], validate=True)
            if blob[:KEY_HASH_BYTES] != self.key_hash:
                return False
            self._key.verify(blob[KEY_HASH_BYTES:], text.encode())
        except (Base64Error, ValueError, InvalidSignature):
            return False
        return True


class Signer:
    """Signs the checkpoints of one log."""

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = Verifier(origin, key.public_key())

    @classmethod
    def open(cls, settings: Settings) -> "Signer":
        """With this instance's key, made on first start in `keys/audit.key`; `keys/audit.pub` is for everybody.

        Raises `KeyUnusable` if either is unreadable, or they do not belong together.
        """
        signer = cls(settings.log_origin, _load(read_or_create(settings.keys / "audit.key", _new_key)))
        public = f"{signer.verifier}\n".encode()
        if read_or_create(settings.keys / "audit.pub", lambda: public) != public:
            raise KeyUnusable("The audit log has another name or key than when it was begun.")
        return signer

    def sign(self, size: int, root: bytes) -> str:
        """The signed note of the head at `size` entries."""
        origin = self.verifier.origin
        text = Checkpoint(origin, size, root).text()
        blob = self.verifier.key_hash + self._key.sign(text.encode())
        return f"{text}\n{SIGNATURE_MARK}{origin} {b64encode(blob).decode()}\n"


def load_verifier(settings: Settings) -> Verifier:
    """This instance's public key, from `keys/audit.pub`; raises `KeyUnusable` if the log never had one."""
    path = settings.home / "keys" / "audit.pub"
    try:
        return Verifier.parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable("This instance has no public key for its audit log.") from error


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text, unproven; raises `AuditBroken` if it has another form."""
    try:
        origin, size, root, rest = text.split("\n", 3)
        checkpoint = Checkpoint(origin, int(size), b64decode(root, validate=True))
    except (ValueError, Base64Error) as error:
        raise AuditBroken("This is no checkpoint of an audit log.") from error
    if not origin or len(checkpoint.root) != HASH_BYTES or str(checkpoint.size) != size or rest or checkpoint.size < 0:
        raise AuditBroken("This is no checkpoint of an audit log.")
    return checkpoint


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise KeyUnusable("The signing key of the audit log cannot be read.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable("The signing key of the audit log is not an Ed25519 key.")
    return key
