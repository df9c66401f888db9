"""Twins lie on their real pixel by pixel, and every design of the zoo learns."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from detector.training.data import Sample, read_faces, read_pixels
from detector.training.twins import DESIGNS, Autoencoder, Design, distance, grow, patches, redraw, region, write_twins
from detector.types import Face, Pixels

FACE = Face((20.0, 20.0, 80.0, 80.0), ((35.0, 40.0), (65.0, 40.0), (50.0, 52.0), (40.0, 65.0), (60.0, 65.0)), 1.0)


def photo(height: int = 100, width: int = 100) -> Pixels:
    small = np.random.default_rng(3).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


@pytest.mark.parametrize("design", DESIGNS)
def test_every_design_keeps_the_size(design: Design) -> None:
    assert redraw(Autoencoder(design).eval(), photo(53, 61)).shape == (53, 61, 3)


def test_training_brings_the_twin_closer() -> None:
    pictures, rng = [photo()], np.random.default_rng(0)
    torch.manual_seed(0)
    fresh = Autoencoder(DESIGNS[0]).eval()
    *_, trained = grow(DESIGNS[0], pictures, seconds=60, seed=0, steps=25)
    wanted = patches(pictures, rng, count=2)
    with torch.inference_mode():
        assert distance(trained(wanted), wanted) < 0.9 * distance(fresh(wanted), wanted)


def test_region_is_part_of_the_picture() -> None:
    mask = region((100, 100), FACE, np.random.default_rng(0))
    assert 0.02 < mask.mean() < 0.6
    assert mask.min() >= 0
    assert mask.max() <= 1


def test_index_names_the_real_of_every_twin(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "real.png"), photo())
    real = Sample("real.png", "a", "train", "real", "g", "", FACE)
    count = write_twins([real], tmp_path, tmp_path, [Autoencoder(DESIGNS[0]).eval()], seed=0)
    rows = list(read_faces(tmp_path / "twins.jsonl"))
    assert count == len(rows) == 2
    assert {(row.family, row.attrs, row.group) for row in rows} == {("twin", "real.png", "g")}
    assert read_pixels(Path(rows[0].file)).shape == (100, 100, 3)
    assert json.loads((tmp_path / "twins.jsonl").read_text().splitlines()[0])["face"]["box"] == list(FACE.box)
