"""The benchmarks run and give every figure; how high they are is not tested."""

import json
from pathlib import Path

import pytest
from PIL import Image
from skimage import data as photos
from typer.testing import CliRunner

from api.cli import app
from api.commands import bench_audit
from detector.training import mark_clips, mark_redraw, mark_traces
from detector.training.attacks import ATTACKS
from detector.training.mark_lab import ROWS
from detector.training.mark_peers import OURS


@pytest.mark.parametrize(
    ("arguments", "key", "wanted"),
    [
        (["bench"], "milliseconds", {"decode", "find watermark", "find faces", "synthesis expert, a face"}),
        (
            ["bench", "detect"],
            "figures",
            {"faces/s, both experts", "share of the matrix product", "faces, times naive", "mark searches/s, together"},
        ),
    ],
)
def test_every_part_is_timed(arguments: list[str], key: str, wanted: set[str]) -> None:
    result = CliRunner().invoke(app, [*arguments, "--rounds", "1", "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)[key]
    assert wanted <= set(figures)
    assert all(value > 0 for value in figures.values())


def test_verification_is_timed_over_http() -> None:
    result = CliRunner().invoke(app, ["bench", "verify", "--files", "1", "--again", "2", "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)["milliseconds"]
    assert set(figures) == {
        "a release as it left",
        "a copy of a release",
        "a picture without a mark",
        "a file that came before",
        "an empty request",
        "a durable commit",
    }
    assert all(each["p50"] > 0 for each in figures.values())


def test_a_log_is_timed_beside_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_audit, "TIMED", 10)
    result = CliRunner().invoke(app, ["bench", "audit", "--entries", "300", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["entries"] == 300
    assert set(document["limits"]) == set(document["share_of_limit"]) < set(document["milliseconds"])
    assert all(value > 0 for kind in ("milliseconds", "processor") for value in document[kind].values())
    table = CliRunner().invoke(app, ["bench", "audit", "--entries", "20"]).stdout
    assert "append, durable" in table


def test_the_watermark_lab_gives_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark_redraw, "STEPS", 3)
    for name, pixels in (("a.png", photos.astronaut()[:256, :256]), ("b.jpg", photos.astronaut()[200:460, 100:400])):
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "a.txt").write_text("no picture")
    result = CliRunner().invoke(app, ["bench", "watermark", str(tmp_path), "--limit", "2", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["photos"] == 2
    assert set(document["watermarks"][OURS]["rows"]) == set(ROWS)


def test_the_clip_lab_gives_every_motion_and_delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark_clips, "FRAMES", 12)
    monkeypatch.setattr(mark_clips, "SIDE", 400)
    Image.fromarray(photos.astronaut()[:300]).save(tmp_path / "a.png")
    ran = CliRunner().invoke(app, ["bench", "watermark", str(tmp_path), "--clips"])
    assert ran.exit_code == 0, ran.output
    assert all(name in ran.stdout for name in (*mark_clips.DELIVERIES, *mark_clips.MOTIONS))


def test_what_damage_leaves_is_counted(tmp_path: Path) -> None:
    Image.fromarray(photos.astronaut()[:256, :256]).save(tmp_path / "a.png")
    ran = CliRunner().invoke(app, ["bench", "watermark", str(tmp_path), "--traces"])
    assert ran.exit_code == 0, ran.output
    assert all(name in ran.stdout for name in mark_traces.DAMAGES)


def test_copies_and_copied_marks_are_counted(tmp_path: Path) -> None:
    for name, picture in (("a", photos.astronaut()), ("b", photos.coffee())):
        Image.fromarray(picture[:256, :256]).save(tmp_path / f"{name}.png")
    ran = CliRunner().invoke(app, ["bench", "watermark", str(tmp_path), "--copies"])
    assert ran.exit_code == 0, ran.output
    assert all(name in ran.stdout for name in (*ATTACKS, "copied mark read"))


def test_false_matches_and_simulated_scores_are_counted(tmp_path: Path) -> None:
    Image.fromarray(photos.astronaut()).save(tmp_path / "a.png")
    arguments = ["bench", "watermark", str(tmp_path), "--negatives", "4", "--scores", "1e6"]
    arguments += ["--journal", str(tmp_path / "kept.jsonl")]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["negatives"]["false_matches"]["found"] == 0
    assert document["negatives"]["searches"] == 4
    assert document["scores"]["scores"] >= 1e6
    table = CliRunner().invoke(app, arguments).stdout
    assert all(words in table for words in ("another key's, degraded", "deviations", "stated chance"))


@pytest.mark.parametrize(
    "other", [["--clips", "--peers"], ["--clips", "--scores", "9"], ["--negatives", "1", "--plot", "a"]]
)
def test_one_lab_at_a_time(other: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "watermark", str(tmp_path), *other])
    assert result.exit_code == 2
    assert "apart" in result.output


def test_the_watermark_lab_needs_a_picture(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["bench", "watermark", str(tmp_path)]).exit_code == 2


def test_the_picture_has_the_face_that_is_timed() -> None:
    from api.commands.bench import bench_picture
    from api.commands.bench_detect import bench_face
    from detector.faces import FaceFinder

    (found,) = FaceFinder().find(bench_picture())
    wanted = bench_face()
    assert abs(found.box[0] - wanted.box[0]) < found.size / 3
    assert abs(found.size - wanted.size) < found.size / 3
