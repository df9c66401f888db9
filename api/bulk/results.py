"""The results of a bulk scan: a folder of Parquet files that is a data set at any moment, however the scan ended."""

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from api.commands.outcome import OutputUnwritable

NAME_BYTES: Final = 8
STRINGS: Final = ("input", "sha256", "kind", "error", "label", "action", "record_id", "document")


class ResultFolder:
    """Each part is written beside its place and then moved into it, so a reader never sees half of one."""

    def __init__(self, path: Path) -> None:
        """Raises `OutputUnwritable` if `path` is a file, or cannot be made."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputUnwritable(f"Cannot make the folder {path}: {error.strerror}.") from error

    def parts(self) -> Iterator[Path]:
        return (part for part in sorted(self.path.glob("*.parquet")))

    def finished(self) -> set[str]:
        """The inputs that have a row; raises `OutputUnwritable` for a part that is none of ours."""
        from pyarrow import ArrowException, parquet

        try:
            return {
                name
                for part in self.parts()
                for name in parquet.read_table(part, columns=["input"]).column("input").to_pylist()
            }
        except (OSError, ArrowException, KeyError) as error:
            raise OutputUnwritable(f"{self.path} holds files that are not results of a scan.") from error

    def add(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Writes `rows` as a part of their own; its SHA-256 in hexadecimal."""
        import pyarrow
        from pyarrow import parquet

        text = [(name, pyarrow.string()) for name in STRINGS]
        schema = pyarrow.schema(
            [*text, ("probability", pyarrow.float64()), ("reasons", pyarrow.list_(pyarrow.string()))]
        )
        name = f"part-{secrets.token_hex(NAME_BYTES)}.parquet"
        draft = self.path / f".{name}"
        try:
            parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows], schema=schema), draft)
            with draft.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                os.fsync(file.fileno())
            os.replace(draft, self.path / name)
        except OSError as error:
            raise OutputUnwritable(f"Cannot write to {self.path}: {error.strerror}.") from error
        return digest
