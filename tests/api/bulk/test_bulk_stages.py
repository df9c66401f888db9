"""What the two stages make of an input is what `scan` says of it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from api.bulk.results import ResultFolder
from api.bulk.sources import Item
from api.bulk.stages import RESULT, Scorer, decode, row_of
from api.commands.outcome import OutputUnwritable
from api.settings import Settings
from detector.sandbox import Limits


@pytest.fixture
def scorer(home: Path) -> Iterator[Scorer]:
    made = Scorer(Settings(home=home))
    yield made
    made.close()


def test_stages_say_what_scan_says(
    scorer: Scorer, tmp_path: Path, make_photo: Callable[..., Any], encode: Callable[..., bytes]
) -> None:
    for name, data in (("photo.png", encode(make_photo())), ("empty.jpg", b""), ("bad.jpg", b"\xff\xd8\xff bad")):
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in ("photo.png", "empty.jpg", "bad.jpg", "missing.png")]
    rows = [decode(row_of(Item(path, path)), limits=Limits()) for path in paths]
    results = [json.loads(row) for row in scorer(pyarrow.Table.from_pylist(rows))[RESULT]]
    command = [str(Path(sys.executable).parent / "shingan"), "scan", "--json", *paths]
    scanned = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [json.loads(line) for line in scanned.stdout.splitlines()]
    for result, document in zip(results, said, strict=True):
        assert json.loads(result["document"]) | {"id": None, "created_at": None, "receipt": None} == {
            **document,
            "id": None,
            "created_at": None,
            "receipt": None,
        }
    assert [row["error"] for row in results] == [None, "empty_media", "unreadable_media", "source_not_found"]
    folder = ResultFolder(tmp_path / "results.parquet")
    folder.add(results[:2])
    folder.add(results[2:])
    assert folder.finished() == set(paths)


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"other")
    with pytest.raises(OutputUnwritable):
        ResultFolder(tmp_path).finished()
    with pytest.raises(OutputUnwritable):
        ResultFolder(tmp_path / "a.parquet")
