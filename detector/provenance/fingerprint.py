"""Perceptual fingerprint: finds a picture again after re-encoding and scaling (PDQ, Meta 2019)."""

import numpy as np
import pdqhash

from detector.errors import ProvenanceError
from detector.types import Pixels

BITS = 256
HEX_DIGITS = BITS // 4


def pdq(pixels: Pixels) -> tuple[str, int]:
    """PDQ hash as 64 hexadecimal digits, most significant bit first, and its quality, 0 (featureless) to 100."""
    bits, quality = pdqhash.compute(np.ascontiguousarray(pixels))
    return np.packbits(np.asarray(bits, dtype=np.uint8)).tobytes().hex(), int(quality)


def distance(first: str, second: str) -> int:
    """How many of 256 bits differ. Raises `ProvenanceError` if either is no PDQ hash."""
    return (_number(first) ^ _number(second)).bit_count()


def is_fingerprint(text: str) -> bool:
    """Whether `text` is a PDQ hash in hexadecimal."""
    return len(text) == HEX_DIGITS and all(digit in "0123456789abcdefABCDEF" for digit in text)


def _number(fingerprint: str) -> int:
    if not is_fingerprint(fingerprint):
        raise ProvenanceError(f"A PDQ fingerprint has {HEX_DIGITS} hexadecimal digits.")
    return int(fingerprint, 16)
