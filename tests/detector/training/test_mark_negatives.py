"""False matches: every search is of another picture with another key, and depends on its number alone."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data as photos

from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.watermark import embed
from detector.training import mark_negatives
from detector.training.mark_journal import Journal
from detector.training.mark_negatives import KEY_ID, KINDS, SEED, SIDES, cut, measure_negatives, search_one
from detector.types import Pixels


def pictures() -> list[Pixels]:
    return [np.asarray(photos.astronaut()), np.asarray(photos.coffee())]


def test_the_searches_are_counted_by_kind(tmp_path: Path) -> None:
    journal = tmp_path / "kept.jsonl"
    document = measure_negatives(pictures(), searches=8, progress=lambda _: None, journal=Journal(journal))
    assert document["searches"] == 8
    assert document["false_matches"] == {"found": 0, "searches": 8, "upper": pytest.approx(0.324, abs=1e-3)}
    assert {kind: found["searches"] for kind, found in document["kinds"].items()} == dict.fromkeys(KINDS, 2)
    assert 4 < document["z"]["median"] <= document["z"]["highest"] < 7
    assert [one["allowed"] for one in document["stated"]][:2] == [4.0, 0.8]
    more = measure_negatives(pictures(), searches=9, progress=lambda _: None, journal=Journal(journal))
    assert more["searches"] == len(journal.read_text().splitlines()) == 9


def test_a_search_can_be_done_again() -> None:
    first, again, other = (search_one(pictures(), number) for number in (3, 3, 7))
    assert first == again
    assert first["z"] != other["z"]
    assert first["attack"] != "none"
    assert search_one(pictures(), 0)["attack"] == search_one(pictures(), 2)["attack"] == "none"


def test_a_match_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The searched key marks the picture: what must never happen is noticed when it does."""
    own = MarkKey(KEY_ID, np.random.default_rng([SEED, 0]).bytes(32))
    mine = embed(pictures()[0], payload=Payload("0123456789ab", KEY_ID), key=own)
    monkeypatch.setattr(mark_negatives, "cut", lambda photo, rng: mine)
    document = measure_negatives(pictures(), searches=1, progress=lambda _: None)
    assert document["false_matches"]["found"] == document["kinds"]["unmarked"]["found"] == 1
    assert document["stated"][-1] == {"chance": 1e-6, "searches": 1, "allowed": 0.0}


def test_cuts_differ_and_keep_to_their_sizes() -> None:
    cuts = [cut(pictures()[0], np.random.default_rng([SEED, number])) for number in range(60)]
    assert len({picture.tobytes() for picture in cuts}) == 60
    sides = [side for picture in cuts for side in picture.shape[:2]]
    assert SIDES[0] <= min(sides) < SIDES[0] + 40
    assert SIDES[1] - 100 < max(sides) <= SIDES[1]
