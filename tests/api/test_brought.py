"""An untouched release is known by its bytes and not decoded again; whatever differs from it is."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from api import products
from api.auth import Actor
from api.brought import Brought
from api.marks import MarkRequest, mark
from api.products import Workplace
from api.release_looks import packed, unpacked
from api.releases import Released
from api.settings import Settings
from api.tables import records
from detector.provenance.keys import MarkKey
from detector.provenance.looks import Looks
from detector.provenance.trust import OWN_ROOT
from detector.types import CredentialState, Label, Pixels, WatermarkReading

LOCAL, ANYBODY = Actor.local(), Actor.anonymous()
READING = WatermarkReading(True, "0123456789ab", 7, 31.5, 1e-12, 2)
KEY = MarkKey(7, bytes(32))


@pytest.fixture
async def workplace(home: Path) -> AsyncIterator[Workplace]:
    async with await Workplace.open(Settings(home=home, blob_url="memory:///")) as opened:
        yield opened


@pytest.fixture
async def released(workplace: Workplace, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]) -> Released:
    data = encode(make_photo(width=512, height=512), "JPEG", quality=90)
    return await mark(workplace, LOCAL, MarkRequest(data, "picture.jpg", purpose="research"))


async def _verified(workplace: Workplace, data: bytes, actor: Actor = LOCAL) -> Mapping[str, Any]:
    """The answer, without what differs from one to the next."""
    answer = await products.verify(workplace, actor, data, name="picture.jpg")
    return {name: said for name, said in answer.document.items() if name not in ("id", "created_at", "receipt")}


async def _forget_looks(workplace: Workplace) -> None:
    async with workplace.database.write() as session:
        await session.execute(update(records).values(looks=None))


@pytest.fixture
def undecoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Brought, "_open", lambda *_: pytest.fail("decoded"))


@pytest.mark.usefixtures("undecoded")
@pytest.mark.parametrize("actor", [LOCAL, ANYBODY], ids=["tenant", "anybody"])
async def test_an_untouched_release_is_not_decoded(workplace: Workplace, released: Released, actor: Actor) -> None:
    found = await _verified(workplace, released.data, actor)
    assert found["verdict"]["label"] == Label.SYNTHETIC_DECLARED
    assert found["watermark"]["record_id"] == released.record.record_id
    assert found["credentials"]["state"] == CredentialState.TRUSTED


async def test_the_answer_is_that_of_a_file_that_is_read(workplace: Workplace, released: Released) -> None:
    known = await _verified(workplace, released.data, ANYBODY)
    await _forget_looks(workplace)
    assert await _verified(workplace, released.data, ANYBODY) == known


@pytest.mark.usefixtures("undecoded")
async def test_a_release_of_before_looks_were_kept_is_read(workplace: Workplace, released: Released) -> None:
    await _forget_looks(workplace)
    with pytest.raises(pytest.fail.Exception):
        await _verified(workplace, released.data)


@pytest.mark.usefixtures("undecoded")
async def test_a_byte_more_and_the_file_is_read(workplace: Workplace, released: Released) -> None:
    with pytest.raises(pytest.fail.Exception):
        await _verified(workplace, released.data + b"\0")


@pytest.mark.usefixtures("undecoded")
async def test_a_release_whose_signer_is_no_longer_trusted_is_read(workplace: Workplace, released: Released) -> None:
    (workplace.settings.home / OWN_ROOT).unlink()
    with pytest.raises(pytest.fail.Exception):
        await _verified(workplace, released.data)


async def test_a_changed_byte_breaks_the_credential_as_ever(workplace: Workplace, released: Released) -> None:
    at = len(released.data) * 3 // 4
    data = released.data[:at] + bytes([released.data[at] ^ 1]) + released.data[at + 1 :]
    found = await _verified(workplace, data)
    assert found["credentials"]["state"] == CredentialState.INVALID


@pytest.mark.parametrize("others", [None, (), (READING,)], ids=["not looked for", "none", "one"])
def test_what_is_packed_is_unpacked(others: tuple[WatermarkReading, ...] | None) -> None:
    looks = Looks(READING, "a" * 64, 90, others, resembles=True)
    assert unpacked(packed(looks), keys=[KEY]) == looks


def test_a_key_that_no_longer_counts_vouches_for_nothing() -> None:
    looks = packed(Looks(READING, "a" * 64, 90, ()))
    assert unpacked(looks, keys=[MarkKey(8, bytes(32))]) is None
