"""The benchmarks run and give every figure; how high they are is not tested."""

import json
from pathlib import Path

import pytest
from PIL import Image
from skimage import data as photos
from typer.testing import CliRunner

from api.cli import app
from detector.training.mark_lab import ROWS
from detector.training.mark_peers import OURS


@pytest.mark.parametrize(
    ("arguments", "key", "wanted"),
    [
        (["bench"], "milliseconds", {"decode", "find watermark", "find faces", "synthesis expert, a face"}),
        (
            ["bench", "detect"],
            "figures",
            {"faces/s, both experts", "share of the matrix product", "faces, times naive"},
        ),
    ],
)
def test_every_part_is_timed(arguments: list[str], key: str, wanted: set[str]) -> None:
    result = CliRunner().invoke(app, [*arguments, "--rounds", "1", "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)[key]
    assert wanted <= set(figures)
    assert all(value > 0 for value in figures.values())


def test_the_watermark_lab_gives_every_row(tmp_path: Path) -> None:
    for name, pixels in (("a.png", photos.astronaut()[:256, :256]), ("b.jpg", photos.astronaut()[200:460, 100:400])):
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "a.txt").write_text("no picture")
    result = CliRunner().invoke(app, ["bench", "watermark", str(tmp_path), "--limit", "2", "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["photos"] == 2
    assert set(document["watermarks"][OURS]["rows"]) == set(ROWS)


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
