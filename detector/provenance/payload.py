"""What a mark says, as bits on the wire: version, key id, record id and a check, under error correction."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.errors import ProvenanceError
from detector.provenance import convolution
from detector.provenance.keys import MAX_KEY_ID

VERSION = 1
VERSION_BITS = 3
KEY_ID_BITS = 8
RECORD_BITS = 48
CRC_BITS = 21
CRC_POLYNOMIAL = 0x102899  # CRC-21 of ISO 11898-1 (CAN FD)
INFORMATION_BITS = VERSION_BITS + KEY_ID_BITS + RECORD_BITS + CRC_BITS
CODED_BITS = convolution.coded_length(INFORMATION_BITS)
CHECK_BITS = VERSION_BITS + KEY_ID_BITS + CRC_BITS
"""Decoded bits that must be right by chance before a random input passes for a mark of one given key."""

OWN_BITS = slice(convolution.RATE * (VERSION_BITS + KEY_ID_BITS), CODED_BITS)
"""Coded bits that depend on the record; those before are alike in all marks of a key."""

_RECORD_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Payload:
    """`record_id` is 12 lowercase hex digits (48 bits) of the release record, `key_id` names the mark key."""

    record_id: str
    key_id: int

    def __post_init__(self) -> None:
        if not _RECORD_ID.fullmatch(self.record_id):
            raise ProvenanceError("A record id has 12 lowercase hex digits.")
        if not 0 <= self.key_id <= MAX_KEY_ID:
            raise ProvenanceError(f"A mark key id lies between 0 and {MAX_KEY_ID}.")


def encode(payload: Payload) -> NDArray[np.uint8]:
    """Return the `CODED_BITS` coded bits (0 or 1) of `payload`."""
    body = (VERSION << KEY_ID_BITS | payload.key_id) << RECORD_BITS | int(payload.record_id, 16)
    word = body << CRC_BITS | _crc(body)
    return convolution.encode(_to_bits(word))


def decode(soft: NDArray[np.float32], *, words: int = 1) -> tuple[Payload, int] | None:
    """Return the payload and how many of the `CODED_BITS` soft bits had the wrong sign, or None if the check fails.

    `soft` is positive for a coded 1; its size says how surely. The first of the `words` likeliest words that passes
    the check is taken. Of a random input each passes with probability 2 ** -(VERSION_BITS + CRC_BITS), and with
    2 ** -CHECK_BITS if it must name one given key as well.
    """
    if soft.shape != (CODED_BITS,) or not np.isfinite(soft).all() or not soft.any():
        return None
    for bits in _words(soft, words):
        payload = _parse(int("".join(map(str, bits)), 2))
        if payload is not None:
            return payload, int(np.count_nonzero((soft > 0) != (convolution.encode(bits) > 0)))
    return None


def _words(soft: NDArray[np.float32], count: int) -> list[NDArray[np.uint8]]:
    if count == 1:
        return [convolution.decode(soft, size=INFORMATION_BITS)]
    return convolution.likeliest(soft, size=INFORMATION_BITS, count=count)


def _parse(word: int) -> Payload | None:
    body, check = word >> CRC_BITS, word & (1 << CRC_BITS) - 1
    version = body >> KEY_ID_BITS + RECORD_BITS
    if check != _crc(body) or version != VERSION:
        return None
    record = body & (1 << RECORD_BITS) - 1
    return Payload(f"{record:012x}", body >> RECORD_BITS & MAX_KEY_ID)


def _to_bits(word: int) -> NDArray[np.uint8]:
    return np.array([word >> place & 1 for place in range(INFORMATION_BITS - 1, -1, -1)], np.uint8)


def _crc(body: int) -> int:
    rest = body << CRC_BITS
    for place in range(INFORMATION_BITS - 1, CRC_BITS - 1, -1):
        if rest >> place & 1:
            rest ^= (1 << CRC_BITS | CRC_POLYNOMIAL) << place - CRC_BITS
    return rest
