"""Mark keys: files on disk and what is derived from the secret."""

from pathlib import Path

import pytest

from detector.errors import ProvenanceError
from detector.provenance.keys import MAX_KEY_ID, MarkKey, add_mark_key, load_mark_keys


def test_first_use_creates_a_private_key(tmp_path: Path) -> None:
    (key,) = load_mark_keys(tmp_path)
    path = tmp_path / "keys" / "marks" / "0.key"
    assert key.key_id == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_mark_keys(tmp_path) == (key,)
    assert [entry.name for entry in path.parent.iterdir()] == ["0.key"]


def test_the_newest_key_comes_first(tmp_path: Path) -> None:
    load_mark_keys(tmp_path)
    folder = tmp_path / "keys" / "marks"
    for key_id in (2, 10):
        (folder / f"{key_id}.key").write_text(bytes([key_id] * 32).hex())
    assert [key.key_id for key in load_mark_keys(tmp_path)] == [10, 2, 0]


def test_a_new_key_marks_and_old_ones_stay(tmp_path: Path) -> None:
    (first,) = load_mark_keys(tmp_path)
    second = add_mark_key(tmp_path)
    assert load_mark_keys(tmp_path) == (second, first)
    assert (second.key_id, second.secret != first.secret) == (1, True)


def test_ids_run_out(tmp_path: Path) -> None:
    load_mark_keys(tmp_path)
    (tmp_path / "keys" / "marks" / f"{MAX_KEY_ID}.key").write_text("00" * 32)
    with pytest.raises(ProvenanceError, match="ids are used"):
        add_mark_key(tmp_path)


@pytest.mark.parametrize("content", ["", "zz" * 32, "00" * 31, "00" * 33])
def test_a_damaged_key_is_a_typed_error(tmp_path: Path, content: str) -> None:
    load_mark_keys(tmp_path)
    (tmp_path / "keys" / "marks" / "0.key").write_text(content)
    with pytest.raises(ProvenanceError):
        load_mark_keys(tmp_path)


def test_a_home_that_is_a_file_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ProvenanceError):
        load_mark_keys(tmp_path / "home")


@pytest.mark.parametrize("key_id", [-1, 256])
def test_key_ids_fit_a_byte(key_id: int) -> None:
    with pytest.raises(ProvenanceError):
        MarkKey(key_id, bytes(32))


def test_derivation_depends_on_secret_and_context() -> None:
    key = MarkKey(1, bytes(32))
    assert key.derive("a", 16) == MarkKey(9, bytes(32)).derive("a", 16)
    assert key.derive("a", 16) != key.derive("b", 16)
    assert key.derive("a", 16) != MarkKey(1, bytes([1] * 32)).derive("a", 16)


def test_the_secret_stays_out_of_repr() -> None:
    assert "AAAA" not in repr(MarkKey(1, b"A" * 32))
