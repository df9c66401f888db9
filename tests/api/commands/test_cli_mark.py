"""`mark` on the command line: one line a file, marked files in a folder, failures as lines."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import jsonschema
import pytest
from typer.testing import CliRunner

from api.cli import app
from api.contract import schema
from detector.types import Pixels


@pytest.fixture
def photos(tmp_path: Path, make_photo: Callable[..., Pixels]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), make_photo(1, width=512, height=384))
    cv2.imwrite(str(folder / "b.jpg"), make_photo(2, width=512, height=384))
    (folder / "c.txt").write_text("no picture")
    cv2.imwrite(str(folder / "d.png"), make_photo(2, width=90, height=90))
    return folder


def run(*arguments: str) -> tuple[int, list[dict[str, object]]]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_marked_files_verify_and_failures_are_lines(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wish = ("--purpose", "advertising", "--software", "painter 3", "--out", str(out))
    code, lines = run("mark", str(photos), *wish)
    for line in lines:
        jsonschema.validate(line, schema("mark"))
    assert code == 1
    assert [line["error"] and line["error"]["code"] for line in lines] == [  # type: ignore[index]
        None,
        None,
        "unsupported_media",
        "media_too_small",
    ]
    assert sorted(path.suffix for path in out.iterdir()) == [".jpg", ".png"]
    _, verified = run("verify", str(out))
    assert {line["verdict"]["label"] for line in verified} == {"synthetic_declared"}  # type: ignore[index]
    assert {line["record"]["record_id"] for line in verified} == {lines[0]["record_id"], lines[1]["record_id"]}  # type: ignore[index]


def test_an_edited_photo_is_said_to_be_one(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, (line,) = run("mark", str(photos / "a.png"), "--purpose", "art", "--edited", "--out", str(out))
    assert (code, line["made"]) == (0, "edited")
    _, (found,) = run("verify", str(out))
    assert found["credentials"]["actions"] == ["c2pa.opened", "c2pa.edited", "c2pa.watermarked.bound"]  # type: ignore[index]


def test_a_purpose_is_asked_for(photos: Path) -> None:
    assert CliRunner().invoke(app, ["mark", str(photos / "a.png")]).exit_code == 2


def test_people_get_a_table(photos: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["mark", str(photos), "--purpose", "art", "--out", str(tmp_path / "out")])
    assert "media_too_small" in result.stdout
    assert "unsupported_media" in result.stdout
