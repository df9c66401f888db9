"""The lab of traces counts what is asked and what must not be found."""

from pathlib import Path

import numpy as np
from skimage import data as photos

from detector.provenance.carrier import variant_of
from detector.training import mark_traces
from detector.training.mark_journal import Journal
from detector.training.mark_peers import KEY, record_id
from detector.training.mark_traces import DAMAGES, OTHERS, measure_traces
from detector.types import Pixels


def photo() -> Pixels:
    return np.asarray(photos.astronaut()[100:400, 100:400], np.uint8)


def test_every_damage_is_counted(tmp_path: Path) -> None:
    lines: list[str] = []
    journal = Journal(tmp_path / "traces.jsonl")
    document = measure_traces([photo()], progress=lines.append, journal=journal)
    assert measure_traces([photo()], progress=lines.append, journal=journal) == document
    assert set(document["damages"]) == set(DAMAGES)
    for row in document["damages"].values():
        assert row["read"]["tries"] == row["unmarked"]["tries"] == 1
        unread = 1 - row["read"]["recovered"]
        assert row["other"]["tries"] == unread
        assert row["traced"]["tries"] == unread * row["alike"]["recovered"]
        assert row["other"]["recovered"] == row["unmarked"]["recovered"] == 0
    assert any(row["traced"]["recovered"] for row in document["damages"].values())
    assert len(lines) == 2


def test_a_picture_that_got_too_small_is_left_out() -> None:
    document = measure_traces([photo()[:140, :140]], progress=lambda _: None)
    assert document["damages"]["half the size, JPEG 10"]["read"]["tries"] == 0
    assert document["damages"]["JPEG 5"]["read"]["tries"] == 1


def test_other_records_share_the_template() -> None:
    others = mark_traces._sharing(record_id(3), OTHERS)
    assert len({*others, record_id(3)}) == OTHERS + 1
    assert {variant_of(KEY, one) for one in others} == {variant_of(KEY, record_id(3))}
