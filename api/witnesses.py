"""Witnesses: others who saw a head of the log, found it consistent with what they had seen, and signed that.

Notes and keys are those of C2SP signed-note, signatures those of C2SP tlog-cosignature with Ed25519. Who counts as a
witness is set by the operator; a cosignature shows that nobody can rewrite the log up to its head unnoticed.
"""

import hashlib
import struct
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.checkpoints import KEY_HASH_BYTES, SIGNATURE_MARK
from api.errors import KeyUnusable

ALGORITHM_COSIGNATURE: Final = b"\x04"
"""Type of a time-stamped Ed25519 cosignature in key ids and verifier keys."""
STAMP: Final = struct.Struct(">Q")
LATEST: Final = 2**63 - 1
"""Largest time-stamp that the format allows, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Cosignature:
    """That `witness` signed a head at `time` (seconds since 1970); `line` is its line in the note, without its end."""

    witness: str
    key_id: bytes
    time: int
    line: str


class Witness:
    """A witness's name and public key; `str()` is its C2SP verifier key."""

    def __init__(self, name: str, key: Ed25519PublicKey) -> None:
        self.name = name
        self._key = key
        self._typed = ALGORITHM_COSIGNATURE + key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(name.encode() + b"\n" + self._typed).digest()[:KEY_HASH_BYTES]

    @classmethod
    def parse(cls, text: str) -> "Witness":
        """From `<name>+<key id>+<base64 key>`; raises `KeyUnusable` if anything in it is wrong."""
        try:
            name, stated, encoded = text.strip().split("+", 2)
            raw = b64decode(encoded, validate=True)
            if raw[:1] != ALGORITHM_COSIGNATURE or not name or any(letter.isspace() for letter in name):
                raise ValueError("not a cosignature key")
            witness = cls(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
        except (ValueError, Base64Error) as error:
            raise KeyUnusable("This is no key of a witness (C2SP vkey of type 4).") from error
        if witness.key_id.hex() != stated:
            raise KeyUnusable("The key of the witness does not fit its own name.")
        return witness

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(self._typed).decode()}"

    def claims(self, line: str) -> bool:
        """Whether `line` has this witness's name and key id, whatever is signed."""
        if not line.startswith(f"{SIGNATURE_MARK}{self.name} "):
            return False
        try:
            return b64decode(line.rpartition(" ")[2], validate=True)[:KEY_HASH_BYTES] == self.key_id
        except (Base64Error, ValueError):
            return False

    def read(self, text: str, line: str) -> Cosignature | None:
        """The cosignature in `line` of the checkpoint body `text`; null unless it is this witness's and good."""
        if not self.claims(line):
            return None
        try:
            blob = b64decode(line.rpartition(" ")[2], validate=True)
            (time,) = STAMP.unpack_from(blob, KEY_HASH_BYTES)
            self._key.verify(blob[KEY_HASH_BYTES + STAMP.size :], cosigned(text, time))
        except (Base64Error, ValueError, struct.error, InvalidSignature):
            return None
        return Cosignature(self.name, self.key_id, time, line) if time <= LATEST else None


def cosigned(text: str, time: int) -> bytes:
    """The message that a witness signs: a head's body `text`, with its final newline, as seen at `time`."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosign(name: str, key: Ed25519PrivateKey, text: str, time: int) -> str:
    """The line of a witness under a checkpoint body; what a witness does, for tests and for whoever runs one."""
    witness = Witness(name, key.public_key())
    blob = witness.key_id + STAMP.pack(time) + key.sign(cosigned(text, time))
    return f"{SIGNATURE_MARK}{name} {b64encode(blob).decode()}"


def parse_witnesses(keys: Iterable[str]) -> tuple[Witness, ...]:
    """Raises `KeyUnusable` if one is wrong."""
    return tuple(Witness.parse(key) for key in keys)


def split_note(note: str) -> tuple[str, tuple[str, ...]]:
    """The body of a signed note, with its final newline, and its signature lines."""
    text, _, signatures = note.partition("\n\n")
    return f"{text}\n", tuple(line for line in signatures.split("\n") if line)


def read_cosignatures(note: str, witnesses: Iterable[Witness]) -> tuple[Cosignature, ...]:
    """The good cosignatures of `witnesses` in `note`; signatures of others are ignored, as the format asks."""
    text, lines = split_note(note)
    by_key: Mapping[bytes, Witness] = {witness.key_id: witness for witness in witnesses}
    found = (witness.read(text, line) for line in lines for witness in by_key.values())
    return tuple({one.key_id: one for one in found if one is not None}.values())
