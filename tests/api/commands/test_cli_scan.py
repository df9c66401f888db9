"""`shingan scan`: the contract of its lines, with the shipped experts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from api.contract import schema
from detector.types import Pixels


@pytest.fixture
def folder(tmp_path: Path, photo: Path, film: Callable[..., bytes], make_photo: Callable[..., Pixels]) -> Path:
    made = tmp_path / "folder"
    (made / "below").mkdir(parents=True)
    (made / "below" / "b.jpg").write_bytes(photo.read_bytes())
    (made / "a.txt").write_text("no picture")
    (made / "c.mp4").write_bytes(film([make_photo(width=96, height=64)] * 12, sound=True))
    (made / "d.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 12)
    return made


def test_scan_gives_a_line_a_file_and_goes_on(shingan: Callable[..., Any], folder: Path) -> None:
    ran = shingan("scan", "--json", folder)
    assert ran.code == 1
    assert ran.err == ""
    assert [Path(document["path"]).name for document in ran.documents] == ["a.txt", "b.jpg", "c.mp4", "d.mp4"]
    for document in ran.documents:
        jsonschema.validate(document, schema("scan"))
        assert document.keys() == schema("scan")["properties"].keys()
    text, picture, video, broken = ran.documents
    assert (text["error"]["code"], text["kind"], text["verdict"]["action"]) == (
        "unsupported_media",
        "unknown",
        "review",
    )
    assert (broken["error"]["code"], broken["kind"]) == ("unreadable_media", "video")
    assert (video["error"], video["kind"], video["verdict"]["label"]) == (None, "video", "not_applicable")
    assert len(video["timeline"]) == 8
    assert {"no_face", "sound_not_analysed", "frames_sampled"} <= set(video["verdict"]["reasons"])
    assert picture["timeline"] == text["timeline"] == broken["timeline"] == []
    assert picture["error"] is None
    assert picture["verdict"]["label"] == "not_applicable"
    assert picture["receipt"]["proof"]


def test_scan_of_a_picture_without_a_face_is_clean(shingan: Callable[..., Any], photo: Path) -> None:
    ran = shingan("scan", photo)
    assert ran.code == 0
    assert "not_applicable" in ran.out
    assert "no_face" in ran.out


def test_scan_flags_a_marked_picture(shingan: Callable[..., Any], photo: Path, tmp_path: Path) -> None:
    marked = tmp_path / "marked.png"
    shingan("watermark", "embed", photo, marked, "--record-id", "0123456789ab")
    ran = shingan("scan", "--json", photo, marked)
    assert ran.code == 3
    assert [document["verdict"]["label"] for document in ran.documents] == ["not_applicable", "synthetic_declared"]


def test_a_scan_with_ray_says_where_to(shingan: Callable[..., Any], photo: Path) -> None:
    ran = shingan("scan", "--engine", "ray", photo)
    assert ran.code == 2
    assert "--out" in ran.err


def test_a_scan_with_ray_that_has_no_work_needs_no_ray(shingan: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ran = shingan("scan", "--engine", "ray", "-o", tmp_path / "out", "--json", tmp_path / "empty")
    assert ran.code == 0
    assert ran.documents[0]["done"] == 0
