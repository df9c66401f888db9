"""Generator and detector before each other: deliveries are counted, marks declare themselves, versions stay apart."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from api.pair import SHOWN, Pair, Seen, detector_version, generator_version, remember
from generator.stored import read_card, shipped


def test_every_delivery_of_a_face_is_judged(shingan: Callable[..., Any], tmp_path: Path) -> None:
    history = tmp_path / "pair.jsonl"
    ran = shingan("evaluate", "--pair", "--count", "1", "--history", history, "--json")
    assert ran.code == 0, ran.err
    seen = ran.documents[0]["pair"]["seen"]
    assert set(seen) == set(SHOWN)
    assert all(sum(row.values()) - row["faces"] == row["faces"] == 1 for row in seen.values())
    assert seen["marked"]["declared"] == seen["marked, stripped, JPEG 50"]["declared"] == 1
    assert seen["unmarked"]["declared"] == 0
    assert [json.loads(line) for line in history.read_text().splitlines()] == ran.documents[0]["versions"]


def test_a_wrong_count_is_a_mistake_in_use(shingan: Callable[..., Any]) -> None:
    assert shingan("evaluate", "--pair", "--count", "0").code == 2


def test_versions_are_those_of_the_weights() -> None:
    assert generator_version()["refiner"] == read_card(shipped(), "refiner")["model"]["sha256"][:12]
    assert set(detector_version()) == {"manipulation", "synthesis"}


def test_history_keeps_one_row_a_pair_of_versions(tmp_path: Path) -> None:
    history, seen = tmp_path / "pair.jsonl", dict.fromkeys(SHOWN, Seen(2, 0, 1, 1, 0))
    old = Pair({"refiner": "a"}, {"synthesis": "x"}, seen)
    new = replace(old, generator={"refiner": "b"})
    remember(old, history)
    remember(new, history)
    rows = remember(replace(old, seen=dict.fromkeys(SHOWN, Seen(2, 0, 2, 0, 0))), history)
    assert [row["generator"]["refiner"] for row in rows] == ["b", "a"]
    assert rows[-1]["seen"]["unmarked"]["flagged"] == 2
