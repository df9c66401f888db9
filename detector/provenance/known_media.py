"""Lists of known pictures by PDQ fingerprint, as CSV like those of Meta's Hasher-Matcher-Actioner."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.errors import ProvenanceError
from detector.provenance.fingerprint import HEX_DIGITS, is_fingerprint
from detector.types import KnownMatch

MAX_DISTANCE = 31
"""Bits of 256 within which two fingerprints are of one picture: the threshold that Meta's PDQ paper advises."""
HASH_COLUMNS = ("hash", "pdq", "signal_value", "fingerprint")
NAME_COLUMNS = ("entry", "id", "signal_id", "name")
TYPE_COLUMN = "signal_type"


class KnownMediaList:
    """A list named `name`: fingerprints as rows of 32 bytes beside the `entries` that they belong to."""

    def __init__(self, name: str, entries: tuple[str, ...], hashes: NDArray[np.uint8], *, sha256: str) -> None:
        self.name = name
        self.sha256 = sha256
        self._entries = entries
        self._hashes = hashes  # N 32

    def __len__(self) -> int:
        return len(self._entries)

    @classmethod
    def load(cls, path: Path, *, name: str | None = None) -> "KnownMediaList":
        """Read the CSV at `path`: a column `hash`, `pdq` or `signal_value`, one `entry` or `id`, or a bare column.

        Rows of another `signal_type` than PDQ are passed over. Raises `ProvenanceError` naming the bad row.
        """
        try:
            data = path.read_bytes()
            rows = list(_rows(data.decode("utf-8-sig")))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ProvenanceError(f"Cannot read the known-media list {path.name}.") from error
        raw = b"".join(bytes.fromhex(fingerprint) for _, fingerprint in rows)
        hashes = np.frombuffer(raw, dtype=np.uint8).reshape(len(rows), HEX_DIGITS // 2)
        entries = tuple(entry for entry, _ in rows)
        return cls(name or path.stem, entries, hashes, sha256=hashlib.sha256(data).hexdigest())

    def match(self, fingerprint: str) -> tuple[KnownMatch, ...]:
        """Entries within 31 bits of `fingerprint`, nearest first. Raises `ProvenanceError` if it is no PDQ hash."""
        if not is_fingerprint(fingerprint):
            raise ProvenanceError(f"A PDQ fingerprint has {HEX_DIGITS} hexadecimal digits.")
        asked = np.frombuffer(bytes.fromhex(fingerprint), dtype=np.uint8)
        distances = np.bitwise_count(self._hashes ^ asked).sum(axis=1, dtype=np.int64)
        near = np.flatnonzero(distances <= MAX_DISTANCE)
        nearest_first = near[np.argsort(distances[near], kind="stable")]
        return tuple(KnownMatch(self.name, self._entries[i], int(distances[i])) for i in nearest_first)


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """Entry and fingerprint of every row of a CSV with or without a header."""
    lines = list(csv.reader(text.splitlines()))
    header = [cell.strip().lower() for cell in lines[0]] if lines else []
    hash_at = _column(header, HASH_COLUMNS)
    if hash_at is None:
        header, hash_at, first = [], 0, 1
    else:
        lines, first = lines[1:], 2
    name_at = _column(header, NAME_COLUMNS)
    type_at = _column(header, (TYPE_COLUMN,))
    for number, cells in enumerate(lines, start=first):
        if not cells or (type_at is not None and _cell(cells, type_at).lower() != "pdq"):
            continue
        fingerprint = _cell(cells, hash_at)
        if not is_fingerprint(fingerprint):
            raise ProvenanceError(f"Row {number} holds no PDQ fingerprint.")
        yield (_cell(cells, name_at) if name_at is not None else "") or f"row {number}", fingerprint


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _cell(cells: list[str], index: int) -> str:
    return cells[index].strip() if index < len(cells) else ""
