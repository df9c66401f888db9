"""Watermark keys: who may read and write marks, and how every secret number of the mark follows from one secret."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from detector.errors import ProvenanceError

SECRET_BYTES = 32
MAX_KEY_ID = 255
_SUFFIX = ".key"
_SALT = b"shingan.wm.1"


@dataclass(frozen=True, slots=True)
class MarkKey:
    """A live mark key: `key_id` 0 to 255 travels inside the mark, `secret` (32 bytes) never leaves this process."""

    key_id: int
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.key_id <= MAX_KEY_ID:
            raise ProvenanceError(f"A mark key id lies between 0 and {MAX_KEY_ID}.")
        if len(self.secret) != SECRET_BYTES:
            raise ProvenanceError(f"A mark key's secret has {SECRET_BYTES} bytes.")

    def derive(self, context: str, size: int) -> bytes:
        """Return `size` bytes bound to `context`: HKDF extract (RFC 5869), with SHAKE-256 as its expand step."""
        extracted = hmac.new(_SALT, self.secret, hashlib.sha256).digest()
        bound = hmac.new(extracted, context.encode(), hashlib.sha256).digest()
        return hashlib.shake_256(bound).digest(size)


def load_mark_keys(home: Path) -> tuple[MarkKey, ...]:
    """Read home/keys/marks/<id>.key, newest (highest id) first; the first use creates key 0.

    Raises `ProvenanceError` when a key file cannot be read, written or is no key.
    """
    folder = home / "keys" / "marks"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = tuple(_read_all(folder))
        return keys or (_create(folder, key_id=0),)
    except (OSError, ValueError) as failure:
        raise ProvenanceError("The watermark keys cannot be read or created.") from failure


def add_mark_key(home: Path) -> MarkKey:
    """Make the key that marks from now on; files marked under older ones are read as before.

    Raises `ProvenanceError` when all ids are used, or the key cannot be written.
    """
    newest = load_mark_keys(home)[0].key_id
    if newest == MAX_KEY_ID:
        raise ProvenanceError(f"All {MAX_KEY_ID + 1} mark key ids are used.")
    try:
        return _create(home / "keys" / "marks", key_id=newest + 1)
    except OSError as failure:
        raise ProvenanceError("The watermark key cannot be written.") from failure


def _read_all(folder: Path) -> Iterator[MarkKey]:
    paths = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: int(path.stem), reverse=True)
    for path in paths:
        yield MarkKey(int(path.stem), bytes.fromhex(path.read_text(encoding="ascii").strip()))


def _create(folder: Path, *, key_id: int) -> MarkKey:
    """Write a fresh key completely before it gets its name, so that no process ever reads half a key."""
    path = folder / f"{key_id}{_SUFFIX}"
    draft = folder / f".{key_id}.{secrets.token_hex(8)}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_bytes(SECRET_BYTES).hex() + "\n")
        _publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return MarkKey(key_id, bytes.fromhex(path.read_text(encoding="ascii").strip()))


def _publish(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was first: its key counts
