"""Known-media lists are read in the forms that people have, and match within 31 bits."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import ProvenanceError
from detector.provenance.fingerprint import distance
from detector.provenance.known_media import MAX_DISTANCE, MAX_MATCHES, KnownMediaList
from detector.types import KnownMatch

HASH = "0f" * 32


def _flipped(bits: int) -> str:
    return f"{int(HASH, 16) ^ (1 << bits) - 1:064x}"


@pytest.mark.parametrize(
    "text",
    [
        f"id,hash\ncase 7,{HASH}\n",
        f"hash,entry\n{HASH},case 7\n",
        f"\ufeffsignal_type,signal_value,signal_id\npdq,{HASH.upper()},case 7\nvideo_md5,00,other\n",
        f"id,hash\n\ncase 7, {HASH} \r\n",
    ],
)
def test_columns_are_found(tmp_path: Path, text: str) -> None:
    path = tmp_path / "police.csv"
    path.write_text(text, encoding="utf-8")
    known = KnownMediaList.load(path)
    assert len(known) == 1
    assert known.match(HASH) == (KnownMatch("police", "case 7", 0),)


def test_bare_column_names_rows(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text(f"{'00' * 32}\n{HASH}\n")
    assert KnownMediaList.load(path, name="given").match(HASH) == (KnownMatch("given", "row 2", 0),)


def test_nearest_first_within_reach(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    rows = [("far", 32), ("edge", 31), ("near", 2)]
    path.write_text("id,hash\n" + "".join(f"{name},{_flipped(bits)}\n" for name, bits in rows))
    found = KnownMediaList.load(path).match(HASH)
    assert [(match.entry, match.distance) for match in found] == [("near", 2), ("edge", 31)]


@settings(deadline=None)
@given(bits=st.integers(0, 256))
def test_agrees_with_the_distance(bits: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "one.csv"
    path.write_text(f"id,hash\nit,{_flipped(bits)}\n")
    found = KnownMediaList.load(path).match(HASH)
    assert bool(found) == (distance(HASH, _flipped(bits)) <= MAX_DISTANCE)


def test_empty_list_matches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("id,hash\n")
    assert KnownMediaList.load(path).match(HASH) == ()


@pytest.mark.parametrize("text", ["id,hash\nx,abc\n", "id,hash\nx\n", "no hashes\n"])
def test_bad_row_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ProvenanceError, match="Row"):
        KnownMediaList.load(path)


def test_unreadable_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("binary", "missing"):
        with pytest.raises(ProvenanceError, match=name):
            KnownMediaList.load(tmp_path / f"{name}.csv")


def test_no_fingerprint_cannot_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("id,hash\n")
    with pytest.raises(ProvenanceError):
        KnownMediaList.load(tmp_path / "list.csv").match("abc")


def test_the_nearest_of_many_are_shown() -> None:
    rows = "".join(f"{number},{_flipped(number % 3)}\n" for number in range(3 * MAX_MATCHES))
    found = KnownMediaList.parse(f"id,hash\n{rows}".encode(), name="many").match(HASH)
    assert [match.distance for match in found] == [0] * MAX_MATCHES
    assert found[1].entry == "3"
