"""A video in an index gives a row for every frame that a scan would look at."""

from collections.abc import Callable
from pathlib import Path

from detector.faces import FaceFinder
from detector.training.data import Sample
from detector.training.rows import completed
from detector.training.score import rows_of
from detector.types import Pixels


def test_a_video_gives_its_frames(
    film: Callable[..., bytes], make_photo: Callable[..., Pixels], tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(film([make_photo(n, width=96, height=64) for n in range(12)], rate=4))
    rows = list(rows_of(Sample("a.mp4", "set", "test", "real", "g", ""), path, FaceFinder(), [], {}))
    assert len(rows) >= 8
    assert {row["clip"] for row in rows} == {"a.mp4"}
    assert len({row["file"] for row in rows}) == len(rows)
    known = completed(rows, {"a.mp4": {"group": "index", "clip": "", "generator": ""}})
    assert {(row["level"], row["group"], row["tier"]) for row in known} == {("frame", "g", None)}
