"""The lab of copies counts who is accused: copies of a release are, pictures with a copied mark are not."""

from pathlib import Path

import numpy as np
from skimage import data as photos

from detector.provenance.watermark import detect
from detector.training.attacks import ATTACKS
from detector.training.mark_copies import STEPS, copied_onto, measure_copies
from detector.training.mark_journal import Journal
from detector.training.mark_peers import KEY, ours, record_id
from detector.types import Pixels


def pictures() -> list[Pixels]:
    return [np.asarray(picture[:300, :300], np.uint8) for picture in (photos.astronaut(), photos.coffee())]


def test_a_mark_is_copied_with_what_looks_like_noise() -> None:
    one, other = pictures()
    forged = copied_onto(ours().embed(one, 5), other[:280])
    assert forged.shape == (280, 300, 3)
    assert detect(forged, keys=[KEY]).record_id == record_id(5)


def test_copies_and_copied_marks_are_counted(tmp_path: Path) -> None:
    lines: list[str] = []
    journal = Journal(tmp_path / "copies.jsonl")
    document = measure_copies(pictures(), progress=lines.append, journal=journal)
    assert measure_copies(pictures(), progress=lines.append, journal=journal) == document
    assert set(document["copies"]) == set(ATTACKS)
    rows = document["copies"]
    assert all(row["resembles"]["tries"] == 2 for row in rows.values())
    assert all(row["resembles"]["recovered"] >= row["alike"]["recovered"] for row in rows.values())
    assert rows["crop 25 %"]["alike"]["recovered"] == 0
    assert rows["crop 25 %"]["resembles"]["recovered"] == 2
    copied = document["copied"]
    assert copied["read"]["tries"] == 2 * len(STEPS)
    assert copied["resembles"]["tries"] == copied["read"]["recovered"] > 0
    assert copied["resembles"]["recovered"] == 0
    assert len(lines) == 4
