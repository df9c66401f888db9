"""Deliveries of one photo are what they say, and a flip is counted where only the delivery flags."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tomli_w

from detector.classifier.calibration import fit
from detector.classifier.cards import ModelCard, read_card
from detector.faces import FaceFinder
from detector.training.calibrate import card
from detector.training.data import Sample
from detector.training.deliveries import DELIVERIES, FIRST, delivered_rows, summary
from detector.training.rows import completed
from detector.types import Pixels, Tier


@pytest.fixture
def one_card(tmp_path: Path) -> ModelCard:
    (tmp_path / "w").write_bytes(b"x")
    calibration = fit(np.linspace(-4, 0, 400), np.linspace(0, 4, 400))
    path = tmp_path / "synthesis.card.toml"
    path.write_text(tomli_w.dumps(card("synthesis", tmp_path / "w", dict.fromkeys(Tier, calibration))))
    return read_card(path)


@pytest.mark.parametrize("name", list(DELIVERIES))
def test_a_delivery_is_a_picture_of_the_kind_it_says(name: str, make_photo: Callable[..., Pixels]) -> None:
    data = DELIVERIES[name](make_photo(width=120, height=100))
    arrived = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert arrived is not None
    assert data.startswith(b"\xff\xd8") is not (name == FIRST or name.startswith(("WebP", "screenshot")))
    height = arrived.shape[0]
    expected = {"resize 2": 200, "crop 0.75": 76, "screenshot nearest 1.3": 178}.get(name)
    assert expected is None or height == expected


def test_a_picture_without_a_face_gives_a_row_a_delivery(make_photo: Callable[..., Pixels]) -> None:
    sample = Sample("a.png", "s", "test", "real", "g", "")
    rows = list(delivered_rows(sample, make_photo(width=80, height=60), FaceFinder(), []))
    assert [row["delivery"] for row in rows] == list(DELIVERIES)
    assert {str(row["unfit"]) for row in rows} == {"['no_face']"}


def test_flips_and_swings_are_counted(one_card: ModelCard) -> None:
    def row(name: str, delivery: str, logit: float) -> dict[str, Any]:
        return {"file": name, "set": "s", "split": "test", "family": "real", "attrs": "", "delivery": delivery,
                "tier": "clean", "unfit": [], "synthesis": logit}  # fmt: skip

    rows = [row("calm", FIRST, -3.0), row("calm", "JPEG 40", -2.9)]
    rows += [row("flips", FIRST, -3.0), row("flips", "JPEG 40", 8.0)]
    rows += [row("always", FIRST, 8.0), row("always", "JPEG 40", 8.0)]
    found = summary(completed(rows, {}), [one_card])
    assert (found["photos"], found["flips"], found["flipped"]) == (3, 1, ["flips"])
    worst = next(line for line in found["by_delivery"] if line["delivery"] == "JPEG 40")
    assert (worst["flag"], worst["no_face"]) == (2, 0)
    assert worst["widest"] > 0.9
    assert found["widest"][0]["file"] == "flips"
