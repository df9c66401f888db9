"""The benchmarks run and give every figure; how high they are is not tested."""

import json

import pytest
from typer.testing import CliRunner

from api.cli import app


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


def test_the_picture_has_the_face_that_is_timed() -> None:
    from api.commands.bench import bench_picture
    from api.commands.bench_detect import bench_face
    from detector.faces import FaceFinder

    (found,) = FaceFinder().find(bench_picture())
    wanted = bench_face()
    assert abs(found.box[0] - wanted.box[0]) < found.size / 3
    assert abs(found.size - wanted.size) < found.size / 3
