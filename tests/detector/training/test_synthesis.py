"""From labelled faces to a pool, a short training run and what is left when a family is not there."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from detector.classifier.two_branch import FROZEN_STAGES, TwoBranch
from detector.training import views
from detector.training.data import Sample, read_faces, read_pixels
from detector.training.domain import scaled
from detector.training.leave_one_out import Limits, Marks, delivered, judge, means
from detector.training.marked import marked, write_marked
from detector.training.synthesis import PAIRS, Draw, Recipe, early_maps, fit, optimiser_of
from detector.training.train import BACKBONE
from detector.training.views import Pool, Stock, framed, open_pool, record
from detector.types import Face, Pixels

FACE = Face((60.0, 60.0, 140.0, 150.0), ((80.0, 90.0), (120.0, 90.0), (100.0, 110.0), (85.0, 130.0), (115.0, 130.0)), 1)
PAIR_FAMILIES = ("stylegan", "twin")
REAL = Sample("0.png", "ffhq_stylegan", "train", "real", "0", "", FACE)


def photo(seed: int) -> Pixels:
    small = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (200, 200), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faces")
    for number in range(4):
        cv2.imwrite(str(path / f"{number}.png"), photo(number))
    return path


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [
        REAL,
        replace(REAL, file="1.png", set="marked"),
        replace(REAL, file="2.png", family="stylegan"),
        replace(REAL, file="3.png", family="twin", attrs="0.png"),
    ]


@pytest.fixture(scope="module")
def pool(folder: Path, samples: list[Sample]) -> Pool:
    stock = Stock(samples, folder, rng=np.random.default_rng(0))
    record(stock, folder, rounds=6, seed=0, families=PAIR_FAMILIES)
    return open_pool(folder)


def test_pool_pairs_a_fake_with_a_real_and_a_twin_with_its_own(pool: Pool) -> None:
    assert pool.crops.shape == (24, views.SIDE, views.SIDE, 3)
    assert pool.tiles.shape == (24, views.TILES, 96, 96, 3)
    assert pool.families[::2] == ("stylegan", "twin") * 6
    assert set(pool.families[1::2]) == {"real"}
    assert all(
        real == "0.png" for fake, real in zip(pool.families[::2], pool.files[1::2], strict=True) if fake == "twin"
    )


def test_framing_keeps_the_face_where_it_is() -> None:
    pixels = photo(0)
    for seed in range(20):
        cut, face = framed(pixels, FACE, np.random.default_rng(seed))
        (x, y), (at_x, at_y) = face.landmarks[2], FACE.landmarks[2]
        assert np.array_equal(cut[int(y), int(x)], pixels[int(at_y), int(at_x)])


def test_draw_leaves_out_what_the_recipe_leaves_out(pool: Pool) -> None:
    rows = Draw(pool, Recipe(("stylegan",), frozenset({"marked"})), rng=np.random.default_rng(0))()
    assert len(rows) == 2 * PAIRS
    assert {pool.families[row] for row in rows} == {"stylegan", "real"}
    assert "marked" not in {pool.sets[row] for row in rows}


def test_fit_changes_the_late_part_only(pool: Pool, folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = TwoBranch(BACKBONE, len(PAIR_FAMILIES))
    before = {name: value.detach().half().float() for name, value in model.named_parameters()}
    early = early_maps(model, pool, tmp_path / "early.npy")
    done = fit(model, pool, early, Recipe(PAIR_FAMILIES), minutes=1, steps=2, seed=0, out=tmp_path / "s.safetensors")
    changed = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert done["steps"] == 2
    assert not any(name.startswith(("content.body.conv_stem", "content.body.blocks.0")) for name in changed)
    assert f"content.body.blocks.{FROZEN_STAGES}.0.conv_pw.weight" in changed
    assert {"noise.layers.0.weight", "noise_heads.weight", "content_heads.weight"} <= changed
    assert np.array_equal(early, early_maps(model, pool, tmp_path / "early.npy"))


def test_pretrained_layers_learn_slower() -> None:
    new, late = optimiser_of(TwoBranch(BACKBONE, 2)).param_groups
    assert late["share"] < new["share"] == 1


def test_mark_is_faint_and_reals_stay_real(folder: Path, tmp_path: Path) -> None:
    pixels = read_pixels(folder / "0.png")
    assert 0 < np.abs(marked(pixels, number=1).astype(int) - pixels).mean() < 8
    own = [replace(REAL, file=f"{number}.png", set="own", family="shingan") for number in (1, 2)]
    write_marked([REAL, *own], folder, tmp_path, count=1, seed=0)
    assert [(s.family, s.set, s.attrs) for s in read_faces(tmp_path / "marked.jsonl")] == [
        ("real", "marked", "0.png"),
        ("shingan", "own", "1.png"),
    ]


def test_delivery_is_the_same_every_time() -> None:
    first, face = delivered(REAL, photo(0), delivery="web")
    again, _ = delivered(REAL, photo(0), delivery="web")
    assert np.array_equal(first, again)
    assert face.size == pytest.approx(scaled(FACE, first.shape[1] / 200).size)


def marks_of(values: list[float]) -> Marks:
    array = np.array(values)
    return Marks(array, array, -array, np.zeros(len(array)))


def test_judging_uses_val_for_thresholds_and_test_for_shares() -> None:
    val = [replace(REAL, split="val")] * 50
    test = [replace(REAL, split="test")] * 10 + [replace(REAL, split="test", family="diffusion")] * 10
    found = judge(marks_of([*np.linspace(0, 1, 50), *[0.2] * 10, *[5.0] * 10]), [*val, *test], ("diffusion",))
    assert found["diffusion"]["both"] == 1.0
    assert found["diffusion"]["noise"] == 0.0
    assert found["diffusion"]["flagged"] == 1.0
    assert found["reals"] == {**dict.fromkeys(found["reals"], 0.0), "cleared": 1.0, "cleared_alone": 1.0}


def test_out_of_domain_is_neither_flagged_nor_cleared() -> None:
    marks = Marks(np.array([9.0, -9.0]), np.zeros(2), np.zeros(2), np.array([5.0, 5.0]))
    shares = Limits(1.0, 0.5, 2.0).shares(marks)
    assert shares["inconclusive"] == 1.0
    assert shares["flagged_alone"] == shares["cleared_alone"] == 0.5


def test_means_are_over_families() -> None:
    run = {"both": 0.8, "content": 0.7, "noise": 0.6, "distance": 0.5}
    runs = {name: {tier: {name: run} for tier in ("clean", "web", "hard")} for name in ("a", "b")}
    assert means(runs)["web"]["both"] == 0.8
