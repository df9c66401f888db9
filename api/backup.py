"""A backup: one tar file with the rows, the blobs and the small files of an instance, and a manifest of their digests.

The rows are of one snapshot. Blobs are copied after them: they are stored before the rows that name them, so none is
missing but one that was erased meanwhile. Secret keys lie in it only if that was asked for; otherwise their digests do.
"""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from api.audit_repository import AuditRepository
from api.backup_rows import kept_tables, lines_of, revision_of
from api.clock import timestamp
from api.errors import NotFound, OutputUnwritable
from api.key_manifest import key_manifest
from api.workplace import Workplace

FORMAT: Final = "shingan.backup.1"
MANIFEST: Final = "manifest.json"
FOLDERS: Final = ("trust", "known_media", "detectors")
"""What an operator brought into home."""
KEYS: Final = "keys"
ROWS, BLOBS, HOME = "rows", "blobs", "home"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the tar, `size` in bytes."""

    sha256: str
    size: int


@dataclass(slots=True)
class _Archive:
    tar: tarfile.TarFile
    members: dict[str, Member] = field(default_factory=dict)

    def add(self, name: str, data: bytes) -> None:
        self._write(name, io.BytesIO(data), Member(hashlib.sha256(data).hexdigest(), len(data)))

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
            stream.seek(0)
            self._write(name, stream, Member(digest, size))

    def _write(self, name: str, stream: Any, member: Member) -> None:  # noqa: ANN401  (a readable of either kind)
        head = tarfile.TarInfo(name)
        head.size, head.mode = member.size, 0o600
        self.tar.addfile(head, stream)
        self.members[name] = member


async def write_backup(workplace: Workplace, out: Path, *, with_keys: bool = False) -> Mapping[str, Any]:
    """Writes the whole instance to `out`, which is complete or not there; what is in it, in numbers.

    Raises `OutputUnwritable`, or an error of the database or the blob store.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=out.parent, prefix=".shingan-")  # readable by its owner alone
        try:
            with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
                manifest = await _fill(workplace, _Archive(tar), with_keys=with_keys, beside=out.parent)
            os.replace(draft, out)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        raise OutputUnwritable(f"Cannot write {out}: {error.strerror}.") from error
    return await _logged(workplace, manifest)


async def _fill(workplace: Workplace, archive: _Archive, *, with_keys: bool, beside: Path) -> Mapping[str, Any]:
    home, keys = workplace.settings.home, workplace.settings.keys
    async with workplace.database.read() as session:
        revision = await revision_of(session)
        head = await session.run_sync(lambda inner: AuditRepository(inner.connection()).checkpoint())
        for table in kept_tables():
            with tempfile.NamedTemporaryFile(dir=beside, prefix=".shingan-") as spool:
                async for line in lines_of(session, table):
                    spool.write(line)
                spool.flush()
                archive.add_file(f"{ROWS}/{table.name}.jsonl", Path(spool.name))
    async for name in workplace.blobs.names():
        try:
            archive.add(f"{BLOBS}/{name}", await workplace.blobs.get(name))
        except NotFound:  # erased since it was listed
            continue
    for folder in (*FOLDERS, *([KEYS] if with_keys else [])):
        for path in sorted((home / folder).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                archive.add_file(f"{HOME}/{path.relative_to(home).as_posix()}", path)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "created_at": timestamp(),
        "version": version("shingan"),
        "revision": revision,
        "with_keys": with_keys,
        "keys": dict(key_manifest(keys)),
        "audit": {"size": head.size if head else 0, "root": head.root.hex() if head else None},
        "members": {name: {"sha256": each.sha256, "size": each.size} for name, each in archive.members.items()},
    }
    archive.add(MANIFEST, json.dumps(manifest, separators=(",", ":"), sort_keys=True).encode())
    return manifest | {"manifest_sha256": archive.members[MANIFEST].sha256}


async def _logged(workplace: Workplace, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = summary(manifest)
    async with workplace.database.write() as session:
        await workplace.audit.append(session, "backup.made", {"actor": "local", **facts})
    return facts


def summary(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A backup in numbers."""
    kinds = [name.partition("/")[0] for name in manifest["members"]]
    facts = {name: manifest[name] for name in ("created_at", "revision", "with_keys", "manifest_sha256")}
    return facts | {
        "audit_entries": manifest["audit"]["size"],
        "tables": kinds.count(ROWS),
        "blobs": kinds.count(BLOBS),
        "files": kinds.count(HOME),
        "bytes": sum(member["size"] for member in manifest["members"].values()),
    }
