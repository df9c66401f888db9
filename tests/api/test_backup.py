"""What is backed up comes back: answers, files, registry, keys and a log that verifies; nothing that was changed."""

import asyncio
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api import products
from api.audit import verify_database
from api.auth import Actor, ApiKeys
from api.backup import write_backup
from api.errors import BackupInvalid, Conflict
from api.releases import find_release, release_file
from api.restore import read_manifest, restore
from api.settings import Settings
from api.workplace import Workplace

ACTOR = Actor.local()
WISH = products.GenerateRequest("a smiling woman", purpose="research", seed=1)


@pytest.fixture
def other(tmp_path: Path) -> Settings:
    """An empty instance on SQLite."""
    return _settings(tmp_path / "other")


def _settings(home: Path) -> Settings:
    database = f"sqlite+aiosqlite:///{home / 'shingan.db'}"
    return Settings(home=home, database_url=database, blob_url=(home / "blobs").as_uri())


def _rewritten(path: Path, change: Callable[[str, bytes], tuple[str, bytes]]) -> None:
    """Changes members of the tar at `path`."""
    made = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=made, mode="w") as new:
        for member in old:
            stream = old.extractfile(member)
            assert stream is not None
            name, data = change(member.name, stream.read())
            head = tarfile.TarInfo(name)
            head.size = len(data)
            new.addfile(head, io.BytesIO(data))
    path.write_bytes(made.getvalue())


async def _small(settings: Settings, out: Path, *, with_keys: bool = True) -> None:
    """A backup of an instance with a blob and three entries."""
    async with await Workplace.open(settings) as workplace:
        await workplace.blobs.put(b"a blob")
        for number in range(3):
            async with workplace.database.write() as session:
                await workplace.audit.append(session, "test.filled", {"number": number}, personal={"name": "Jane"})
        workplace.mark_keys  # noqa: B018
        await write_backup(workplace, out, with_keys=with_keys)


async def test_everything_comes_back(
    any_settings: Settings,
    other: Settings,
    tmp_path: Path,
    make_photo: Callable[..., Any],
    encode: Callable[..., bytes],
) -> None:
    out = tmp_path / "backup.tar"
    async with await Workplace.open(any_settings) as workplace:
        made = await products.generate(workplace, ACTOR, WISH)
        checked = await products.verify(workplace, ACTOR, encode(make_photo()), name="photo.png")
        async with workplace.database.write() as session:
            issued = await ApiKeys.open(any_settings).issue(session, name="x", scopes=["verify"])
        facts = await write_backup(workplace, out, with_keys=True)
    assert (out.stat().st_mode & 0o777) == 0o600
    assert await restore(other, out) == facts
    async with await Workplace.open(other) as workplace:
        stored = await find_release(workplace, ACTOR, made.id, product="generation")
        assert (await release_file(workplace, stored))[0] == made.data
        again = await products.verify(workplace, ACTOR, made.data, name="face.png")
        assert again.provenance.record == made.record
        async with workplace.database.read() as session:
            assert (await workplace.audit.receipt(session, checked.entry.index)).leaf_hash == checked.entry.leaf_hash
            assert await workplace.audit.recognises(session, checked.entry.index, "name", "photo.png")
            log = [entry.kind for entry in await workplace.audit.page(session)]
        assert (await ApiKeys.open(other).authenticate(workplace.database, issued.token)).id == issued.key.id
    assert "backup.restored" in log
    assert "backup.made" not in log
    assert (await verify_database(other)).ok


@pytest.mark.postgres
async def test_sqlite_moves_to_postgresql(request: pytest.FixtureRequest, other: Settings, tmp_path: Path) -> None:
    out, moved = tmp_path / "backup.tar", tmp_path / "moved"
    await _small(other, out)
    url = request.getfixturevalue("postgres").empty()
    target = Settings(home=moved, database_url=url, blob_url="memory:///")
    await restore(target, out)
    check = await verify_database(target)
    assert (check.ok, check.signed, check.size) == (True, True, 4)


async def test_a_backup_while_others_write_is_of_one_moment(
    any_settings: Settings, other: Settings, tmp_path: Path
) -> None:
    out, stop = tmp_path / "backup.tar", asyncio.Event()
    async with await Workplace.open(any_settings) as workplace:

        async def write() -> None:
            while not stop.is_set():
                async with workplace.database.write() as session:
                    await workplace.audit.append(session, "test.filled", {}, personal={"name": "x"})

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            await asyncio.sleep(0.2)
            facts = await write_backup(workplace, out, with_keys=True)
            stop.set()
        async with workplace.database.read() as session:
            assert facts["audit_entries"] < await workplace.audit.size(session)
    await restore(other, out)


async def test_without_keys_the_keys_are_asked_for(home: Path, other: Settings, tmp_path: Path) -> None:
    out = tmp_path / "backup.tar"
    await _small(_settings(home), out, with_keys=False)
    assert b"PRIVATE KEY" not in out.read_bytes()
    with pytest.raises(BackupInvalid, match=r"audit\.key, audit\.pub, .*marks/0\.key"):
        await restore(other, out)
    shutil.copytree(home / "keys", other.home / "keys", dirs_exist_ok=True)
    await restore(other, out)
    assert (await verify_database(other)).size == 4


async def test_an_instance_with_rows_is_left_alone(home: Path, tmp_path: Path) -> None:
    out, settings = tmp_path / "backup.tar", _settings(home)
    await _small(settings, out)
    with pytest.raises(Conflict):
        await restore(settings, out)
    assert (await verify_database(settings)).size == 4


@pytest.mark.parametrize("kind", ["rows/audit_entries", "blobs/", "home/keys/audit.key", "manifest"])
async def test_a_changed_member_is_noticed(home: Path, other: Settings, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "backup.tar"
    await _small(_settings(home), out)
    _rewritten(out, lambda name, data: (name, data.replace(data[4:12], b"changed!") if kind in name else data))
    with pytest.raises(BackupInvalid):
        await restore(other, out)
    assert not (other.home / "shingan.db").exists()


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.6])
async def test_a_cut_backup_is_noticed(home: Path, other: Settings, tmp_path: Path, keep: float) -> None:
    out = tmp_path / "backup.tar"
    await _small(_settings(home), out)
    data = out.read_bytes()
    out.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(BackupInvalid):
        await restore(other, out)


async def test_no_file_leaves_the_home(home: Path, other: Settings, tmp_path: Path) -> None:
    out = tmp_path / "backup.tar"
    await _small(_settings(home), out)
    wicked = "home/trust/../../../wicked"

    def renamed(name: str, data: bytes) -> tuple[str, bytes]:
        if name == "home/keys/pepper.key":
            return wicked, data
        return name, data.replace(b"home/keys/pepper.key", wicked.encode()) if name == "manifest.json" else data

    async with await Workplace.open(_settings(home)):
        ApiKeys.open(_settings(home))
    out.unlink()
    await _small(_settings(home), out)
    _rewritten(out, renamed)
    assert wicked in read_manifest(out)["members"]
    with pytest.raises(BackupInvalid, match="does not belong"):
        await restore(other, out)
    assert not list(tmp_path.glob("**/wicked"))
