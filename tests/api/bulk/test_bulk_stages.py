"""What the two stages make of an input is what `scan` says of it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from api.bulk.results import ResultFolder
from api.bulk.sources import Item
from api.bulk.stages import RESULT, Scorer, decode, read_together, row_of
from api.commands.outcome import OutputUnwritable
from api.settings import Settings
from detector.bulk_marks.search import detect_batch
from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.watermark import embed
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


def test_each_picture_gets_its_own_mark(
    make_photo: Callable[..., Any], encode: Callable[..., bytes], tmp_path: Path
) -> None:
    key, photo = MarkKey(3, bytes(32)), make_photo(width=256, height=256)
    ids = ["0123456789ab", "ba9876543210"]
    marked = [encode(embed(photo, payload=Payload(number, key.key_id), key=key)) for number in ids]
    rows = []
    for number, data in enumerate((b"", marked[0], b"\xff\xd8\xff bad", encode(photo), marked[1])):
        (tmp_path / str(number)).write_bytes(data)
        rows.append(decode(row_of(Item("", str(tmp_path / str(number)))), limits=Limits()))
    marks = read_together(rows, partial(detect_batch, keys=[key], device="cpu"))
    assert [mark and mark.record_id for mark in marks] == [None, ids[0], None, None, ids[1]]
    assert [mark is None for mark in marks] == [True, False, True, False, False]


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"other")
    with pytest.raises(OutputUnwritable):
        ResultFolder(tmp_path).finished()
    with pytest.raises(OutputUnwritable):
        ResultFolder(tmp_path / "a.parquet")
