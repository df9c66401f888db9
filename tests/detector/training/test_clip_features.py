"""The cache holds every view once, in an order of which any beginning is of use, and goes on where it stopped."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import timm
import torch

from detector.training import clip_features
from detector.training.clip_features import SIDE, View, cache, crop_view, views
from detector.training.clip_heads import read_cache
from detector.training.data import Sample
from detector.types import Face

FACE = Face((20.0, 20.0, 76.0, 80.0), ((36.0, 40.0), (60.0, 40.0), (48.0, 52.0), (38.0, 66.0), (58.0, 66.0)), 1.0)
SAMPLE = Sample("0.jpg", "utkface", "train", "real", "0", "", FACE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(3):
        coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC))
    return tmp_path


def write_faces(path: Path, samples: list[Sample]) -> Path:
    face = {"box": FACE.box, "landmarks": FACE.landmarks, "confidence": 1.0}
    names = ("file", "set", "split", "family", "group", "attrs")
    path.write_text("".join(json.dumps({n: getattr(s, n) for n in names} | {"face": face}) + "\n" for s in samples))
    return path


def test_train_is_delivered_once_and_what_is_measured_in_every_tier(tmp_path: Path) -> None:
    samples = [replace(SAMPLE, file=f"{n}.jpg", split=("train", "val", "test")[n % 3]) for n in range(9)]
    samples += [replace(SAMPLE, file="swap.jpg", set="dfdc", family="swap"), replace(SAMPLE, family="shingan")]
    found = views(write_faces(tmp_path / "faces.jsonl", samples))
    count = {sample.file: sum(s.file == sample.file for s, _ in found) for sample, _ in found}
    assert count == {f"{n}.jpg": 1 if n % 3 == 0 else 3 for n in range(9)}
    assert [s.split == "train" for s, _ in found[:6]] == [True, False] * 3
    assert found == views(tmp_path / "faces.jsonl")


def test_some_real_faces_of_the_swap_sets_come_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_features, "SWAP_REALS", {"train": 2, "val": 1, "test": 1})
    samples = [replace(SAMPLE, file=f"{n}.jpg", set="dfdc" if n % 2 else "utkface") for n in range(10)]
    found = views(write_faces(tmp_path / "faces.jsonl", samples))
    assert [sample.set for sample, _ in found] == ["utkface"] * 5 + ["dfdc"] * 2


def test_a_view_is_the_same_every_time(folder: Path) -> None:
    view = (SAMPLE, "web")
    assert crop_view(folder, view).shape == (SIDE, SIDE, 3)
    assert (crop_view(folder, view) == crop_view(folder, view)).all()
    with pytest.raises(ValueError, match="face"):
        crop_view(folder, (replace(SAMPLE, face=None), "web"))


def test_the_cache_goes_on_where_it_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_features, "SHARD", 2)
    tower = timm.create_model("test_vit", pretrained=False, num_classes=0, img_size=SIDE).eval()
    todo: list[View] = [(replace(SAMPLE, file=f"{n}.jpg"), "clean") for n in range(3)]
    first = cache(tower, todo, folder, folder / "out")
    assert next(first) == 2
    kept = (folder / "out" / "000000.npz").stat().st_mtime_ns
    assert list(cache(tower, todo, folder, folder / "out")) == [2, 3]
    assert (folder / "out" / "000000.npz").stat().st_mtime_ns == kept
    assert list(cache(tower, todo, folder, folder / "later", skip=1)) == [3]
    read = read_cache(folder / "out")
    assert read.files.tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert len(read.features) == 3
    assert torch.isfinite(torch.from_numpy(read.features)).all()
