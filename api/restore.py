"""Brings a backup back into an instance that is empty, and believes nothing in it that its digests do not confirm.

1 every member hashes to what the manifest says  2 small files go in, and the keys are those of the backup
3 blobs go in, and then the rows that name them  4 the database is brought to this version
5 the audit log is checked, entry by entry, and is as long as it was
"""

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from sqlalchemy import Connection, delete

from api.audit import verify_database
from api.backup import BLOBS, FOLDERS, FORMAT, HOME, KEYS, MANIFEST, ROWS, summary
from api.backup_rows import FILLED, insert_lines, is_empty, reflected
from api.db import Database, translated
from api.errors import AuditBroken, BackupInvalid, Conflict
from api.key_manifest import require_keys
from api.migrations.run import upgrade
from api.settings import Settings
from api.storage import Blobs
from api.workplace import Workplace

NAME: Final = re.compile(r"[\w .-]{1,255}")
"""A part of the path of a small file; dots alone are refused beside."""
CHUNK: Final = 1 << 20


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the backup at `path`, all of whose members were found and hashed; raises `BackupInvalid`."""
    try:
        with tarfile.open(path, "r:") as tar:
            found, manifest = {}, b""
            for member, stream in _members(tar):
                if member.name == MANIFEST:
                    manifest = stream.read()
                else:
                    found[member.name] = {"sha256": _digest(stream), "size": member.size}
            read = json.loads(manifest)
    except (OSError, tarfile.TarError, ValueError, EOFError) as error:
        raise BackupInvalid("The file is no backup, or ends too early.") from error
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise BackupInvalid("The file is no backup of a form that this version reads.")
    wrong = sorted(
        name for name in found.keys() | read["members"].keys() if found.get(name) != read["members"].get(name)
    )
    if wrong:
        raise BackupInvalid(f"Not as the manifest says: {', '.join(wrong[:5])}.")
    return read | {"manifest_sha256": hashlib.sha256(manifest).hexdigest()}


async def restore(settings: Settings, path: Path) -> Mapping[str, Any]:
    """Restores `path` into the empty instance of `settings`; what it held, in numbers.

    Raises `BackupInvalid`, `Conflict` if the database is not empty, or `AuditBroken` if the log does not verify.
    """
    manifest = read_manifest(path)  # 1
    await _require_empty(settings, manifest["revision"])
    with tarfile.open(path, "r:") as tar:
        for member, stream in _members(tar):  # 2
            if member.name.startswith(f"{HOME}/"):
                _put_file(settings, PurePosixPath(member.name).parts[1:], stream.read())
    require_keys(settings.keys, manifest["keys"])
    await _put_blobs(settings, path)  # 3
    await _put_rows(settings, path)
    await upgrade(settings.database_url)  # 4
    check = await verify_database(settings)  # 5
    if not check.ok or check.size != manifest["audit"]["size"]:
        raise AuditBroken(f"The restored audit log does not verify: {check.detail}")
    facts = summary(manifest)
    async with await Workplace.open(settings) as workplace, workplace.database.write() as session:
        await workplace.audit.append(session, "backup.restored", {"actor": "local", **facts})
    return facts


def _members(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    for member in tar:
        stream = tar.extractfile(member) if member.isreg() else None
        if stream is None:
            raise BackupInvalid("The backup holds something that is no file.")
        yield member, stream


def _digest(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


async def _require_empty(settings: Settings, revision: str) -> None:
    await upgrade(settings.database_url, revision)
    database = Database(settings.database_url)
    try:
        with translated():
            async with database.engine.connect() as connection:
                if not await connection.run_sync(is_empty):
                    raise Conflict("There is something in this database already; restore into an empty one.")
    finally:
        await database.close()


def _put_file(settings: Settings, parts: tuple[str, ...], data: bytes) -> None:
    """A small file at its place below home, for its owner alone; an existing one must be the same."""
    if parts[0] not in (*FOLDERS, KEYS) or not all(NAME.fullmatch(part) and part.strip(".") for part in parts):
        raise BackupInvalid("The backup holds a file that does not belong into a home folder.")
    target = settings.ensure_home().joinpath(*parts)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists():
        if target.read_bytes() != data:
            raise Conflict(f"There is another file {'/'.join(parts)} in this home already.")
        return
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


async def _put_blobs(settings: Settings, path: Path) -> None:
    blobs = Blobs.open(settings.blob_url)
    with tarfile.open(path, "r:") as tar:
        for member, stream in _members(tar):
            if member.name.startswith(f"{BLOBS}/") and await blobs.put(stream.read()) != member.name.partition("/")[2]:
                raise BackupInvalid(f"The blob {member.name} is not the one that it is named after.")


async def _put_rows(settings: Settings, path: Path) -> None:
    database = Database(settings.database_url)
    try:
        with translated():
            async with database.engine.begin() as connection:
                await connection.run_sync(_insert_all, path)
    finally:
        await database.close()


def _insert_all(connection: Connection, path: Path) -> None:
    tables = reflected(connection)
    with tarfile.open(path, "r:") as tar:
        for member, stream in _members(tar):
            if member.name.startswith(f"{ROWS}/"):
                table = tables.get(PurePosixPath(member.name).stem)
                if table is None:
                    raise BackupInvalid(f"This version has no table for {member.name}.")
                if table.name in FILLED:
                    connection.execute(delete(table))
                insert_lines(connection, table, stream)
