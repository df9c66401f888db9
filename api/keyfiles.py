"""Secret files under the home folder: made once, readable by their owner alone, never half-written."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from api.errors import KeyUnusable


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """Bytes of the secret at `path`; a missing one is made by `make` with mode 0600.

    Two processes that start together end up with the same bytes: the complete file is linked into place and the
    second link loses. Raises `KeyUnusable` if the file can be neither read nor made.
    """
    try:
        if not path.exists():
            _create(path, make())
        return path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"The key file {path.name} can be neither read nor made.") from error


def _create(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        os.unlink(draft)
