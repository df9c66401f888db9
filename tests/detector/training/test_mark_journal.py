"""The journal: what was found stays found, a line that was cut off is measured again."""

from pathlib import Path

import numpy as np

from detector.training.mark_journal import Journal, Result, core_version, picture_name


def never() -> Result:
    raise AssertionError("this was known")


def test_a_result_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    assert Journal(path).once("a", lambda: {"hit": True}) == {"hit": True}
    assert Journal(path).once("a", never) == {"hit": True}
    assert Journal(path).once("b", lambda: {"hit": False}) == {"hit": False}
    assert len(path.read_text().splitlines()) == 2


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    Journal(path).once("a", lambda: {"hit": True})
    path.write_text(path.read_text() + '{"key": "b", "res')
    journal = Journal(path)
    assert journal.once("b", lambda: {"hit": False}) == {"hit": False}
    again = Journal(path)
    assert (again.once("a", never), again.once("b", never)) == ({"hit": True}, {"hit": False})


def test_without_a_file_nothing_is_kept() -> None:
    journal = Journal()
    assert journal.once("a", lambda: {"z": 1}) == journal.once("a", never) == {"z": 1}
    assert Journal().once("a", lambda: {"z": 2}) == {"z": 2}


def test_names_tell_pictures_and_versions_apart() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert picture_name(pixels) == picture_name(pixels.copy())
    assert len({picture_name(pixels), picture_name(pixels.reshape(4, 2, 3)), picture_name(pixels, pixels)}) == 3
    assert len(core_version()) == 40
