"""Lists of known pictures by PDQ fingerprint, as CSV like those of Meta's Hasher-Matcher-Actioner."""

import csv
import hashlib
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.errors import ProvenanceError
from detector.provenance.fingerprint import BITS, HEX_DIGITS, is_fingerprint
from detector.types import KnownMatch

MAX_DISTANCE = 31
"""Bits of 256 within which two fingerprints are of one picture: the threshold that Meta's PDQ paper advises."""
MAX_MATCHES = 50
"""Of one list, the nearest: one that holds a picture a million times must not make an answer of a million lines."""
NAME = re.compile(r"[\w-][\w .-]{0,63}")
"""What a list may be called: it is the name of a file as well."""
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

    @cached_property
    def _index(self) -> Any:  # noqa: ANN401  (a library without types)
        import faiss  # a tenth of a second, which whoever has no list can save

        index = faiss.IndexBinaryFlat(BITS)
        index.add(self._hashes)
        return index

    @classmethod
    def load(cls, path: Path, *, name: str | None = None) -> "KnownMediaList":
        """Read the CSV at `path`, as `parse` does; it is called as its file is unless a `name` is given."""
        try:
            return cls.parse(path.read_bytes(), name=name or path.stem)
        except OSError as error:
            raise ProvenanceError(f"Cannot read the known-media list {path.name}.") from error

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> "KnownMediaList":
        """Read a CSV: a column `hash`, `pdq` or `signal_value`, one `entry` or `id`, or a bare column.

        Rows of another `signal_type` than PDQ are passed over. Raises `ProvenanceError` naming the bad row.
        """
        raw, entries = bytearray(), []
        try:
            for entry, fingerprint in _rows(data.decode("utf-8-sig")):
                raw += bytes.fromhex(fingerprint)
                entries.append(entry)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ProvenanceError(f"Cannot read the known-media list {name}.") from error
        hashes = np.frombuffer(bytes(raw), dtype=np.uint8).reshape(len(entries), HEX_DIGITS // 2)
        return cls(name, tuple(entries), hashes, sha256=hashlib.sha256(data).hexdigest())

    def match(self, fingerprint: str) -> tuple[KnownMatch, ...]:
        """The nearest entries within 31 bits of `fingerprint`, 50 at most; 3 ms among a million (measured).

        Raises `ProvenanceError` if it is no PDQ hash.
        """
        if not is_fingerprint(fingerprint):
            raise ProvenanceError(f"A PDQ fingerprint has {HEX_DIGITS} hexadecimal digits.")
        asked = np.frombuffer(bytes.fromhex(fingerprint), dtype=np.uint8)[None]
        _, distances, places = self._index.range_search(asked, MAX_DISTANCE + 1)
        near = sorted(zip(distances.astype(int).tolist(), places.tolist(), strict=True))[:MAX_MATCHES]
        return tuple(KnownMatch(self.name, self._entries[place], distance) for distance, place in near)


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """Entry and fingerprint of every row of a CSV with or without a header."""
    lines = csv.reader(text.splitlines())
    first = next(lines, [])
    header = [cell.strip().lower() for cell in first]
    hash_at = _column(header, HASH_COLUMNS)
    rows, start = (lines, 2) if hash_at is not None else (chain([first], lines), 1)
    if hash_at is None:
        header, hash_at = [], 0
    name_at = _column(header, NAME_COLUMNS)
    type_at = _column(header, (TYPE_COLUMN,))
    for number, cells in enumerate(rows, start=start):
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
