"""A miniature of training: data in, weights out that an expert can load, and no class that the file gives away."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from detector.classifier.network import MASK_STRIDE, FamilyClassifier
from detector.training.blend import difference_mask, self_blend
from detector.training.data import Sample, read_index
from detector.training.degrade import compress, degrade, recolour
from detector.training.manipulation import (
    ECHOED_PAIRS,
    FAMILIES,
    KEPT_STAGES,
    LEVEL_SIDES,
    SIDE,
    Batch,
    Framing,
    Scene,
    build,
    keep_early,
    make_batch,
    mask_target,
    scenes,
    staged,
    total_loss,
    train,
)
from detector.training.pairs import Faces
from detector.training.score import deliver
from detector.training.train import jitter, loss_of, rate_at, targets
from detector.types import Face, Pixels, Tier

FACE = Face((40.0, 30.0, 110.0, 120.0), ((60.0, 60.0), (90.0, 60.0), (75.0, 80.0), (62.0, 98.0), (88.0, 98.0)), 1.0)
TINY = "test_efficientnet"


def picture(seed: int) -> Pixels:
    small = np.random.default_rng(seed).integers(0, 255, (15, 15, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (150, 150), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    samples = []
    kinds = [("dfdc", "real"), ("dfdc", "swap"), ("openforensics", "real"), ("openforensics", "replacement"),
             ("ffhq", "real"), ("ffhq", "stylegan"), ("portraits", "stylegan2"), ("t2i", "diffusion")]  # fmt: skip
    for number, (name, family) in enumerate(kinds):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(number))
        samples.append(
            Sample(f"{number}.png", name, "train", family, "pair" if name == "dfdc" else str(number), "", FACE)
        )
    return Faces(samples, tmp_path, rng=np.random.default_rng(0))


def test_a_swap_stands_beside_the_photo_that_it_was_made_from(faces: Faces) -> None:
    shown = list(scenes(faces, np.random.default_rng(0)))
    assert [scene.family for scene in shown[:4]] == ["swap", "real", "swap", "real"]
    assert sum(scene.family == "real" for scene in shown) == len(shown) // 2
    assert {scene.family for scene in shown} == {"real", *FAMILIES}
    assert all(scene.mask is not None and not scene.mask.any() for scene in shown if scene.family == "real")
    assert all(scene.mask is not None and scene.mask.any() for scene in shown if scene.family == "blend")


def test_a_batch_shows_some_faces_again_with_the_same_targets(faces: Faces) -> None:
    batch = make_batch(faces, np.random.default_rng(0))
    again = slice(len(batch.crops) - len(batch.echo), None)
    assert len(batch.echo) == 2 * ECHOED_PAIRS
    assert torch.equal(batch.target[batch.echo], batch.target[again])
    assert torch.equal(batch.masks[batch.echo], batch.masks[again])
    assert batch.masks.shape[1:] == (SIDE // MASK_STRIDE, SIDE // MASK_STRIDE)


def test_the_mask_target_lies_where_the_crop_was_changed(faces: Faces) -> None:
    mask = np.zeros((150, 150), np.float32)
    mask[60:80, 50:70] = 1.0
    scene = Scene(picture(1), FACE, "blend", mask)
    straight = mask_target(scene, Framing(FACE, 1.3, mirrored=False))
    assert np.allclose(mask_target(scene, Framing(FACE, 1.3, mirrored=True)), straight[:, ::-1])
    assert straight.max() == pytest.approx(1.0, abs=0.02)
    assert straight[:, : straight.shape[1] // 2].sum() > straight[:, straight.shape[1] // 2 :].sum()


def test_pairs_that_do_not_lie_on_each_other_have_no_mask() -> None:
    real = picture(7)
    fake = real.copy()
    fake[60:90, 60:90] = 255 - fake[60:90, 60:90]
    mask = difference_mask(fake, real)
    assert mask is not None
    assert mask[75, 75] == 1.0
    assert mask[5, 5] == 0.0
    assert difference_mask(np.roll(fake, 9, axis=1), real) is None


def test_targets_ask_each_head_only_about_its_own_family() -> None:
    target, weight = targets(("a", "b"), ["real", "b"])
    assert target.tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert weight.tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert loss_of(torch.tensor([[-5.0, -5.0], [0.0, 5.0]]), target, weight) < 0.3
    assert loss_of(torch.tensor([[5.0, 5.0], [0.0, -5.0]]), target, weight) > 5


def test_a_few_steps_write_weights_that_load(faces: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.training.manipulation.BACKBONE", TINY)
    model = FamilyClassifier(TINY, 3)
    train(model, faces, tmp_path, minutes=0.03, seed=1, peak=1e-3, device="cpu")
    written = tmp_path / "manipulation.safetensors"
    assert all(torch.isfinite(value.float()).all() for value in load_file(written).values())
    build(written)


def test_early_stages_stay_as_they_are_if_asked() -> None:
    model = FamilyClassifier("tf_efficientnet_lite0", len(FAMILIES)).train()
    keep_early(model)
    early, late = model.body.blocks[KEPT_STAGES - 1], model.body.blocks[KEPT_STAGES]
    before = [float(part[0].bn1.running_mean.sum()) for part in (early, late)]
    total_loss(model(torch.randn(4, 3, 64, 64)), small_batch()).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is None for parameter in early.parameters())
    assert all(parameter.grad is not None for parameter in late.parameters())
    after = [float(part[0].bn1.running_mean.sum()) for part in (early, late)]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


def small_batch() -> Batch:
    target, weight = targets(FAMILIES, ["swap", "real", "replacement", "real"])
    return Batch(torch.zeros(4), target, weight, torch.zeros(4, 8, 8), torch.ones(4), torch.tensor([0, 1]))


@pytest.mark.parametrize("name", ["openforensics", "dfdc"])
def test_unpaired_sets_are_brought_to_one_face_size(name: str) -> None:
    rng = np.random.default_rng(0)
    pixels, face = np.zeros((256, 256, 3), np.uint8), Face((60.0, 60.0, 220.0, 230.0), ((100.0, 120.0),) * 5, 1.0)
    sizes = [staged(pixels, face, name, rng)[1].size for _ in range(40)]
    if name == "dfdc":
        assert set(sizes) == {face.size}
    else:
        assert all(LEVEL_SIDES[0] <= size <= LEVEL_SIDES[1] for size in sizes)
        assert len(set(sizes)) == 40


def test_the_rate_rises_and_falls() -> None:
    rates = [rate_at(step / 100) for step in range(101)]
    assert max(rates) <= 1.0
    assert rates[0] < 0.1
    assert rates[-1] < 0.01
    assert rates.index(max(rates)) in range(8, 14)


def test_a_self_blend_changes_the_face_and_not_the_corner() -> None:
    pixels = picture(5)
    changed, kept = [], []
    for seed in range(12):
        blend = self_blend(pixels, FACE, rng=np.random.default_rng(seed)).pixels.astype(int)
        difference = np.abs(blend - pixels).mean(axis=2)
        changed.append(difference[50:100, 60:90].mean())
        kept.append(difference[-6:, -6:].mean())
    assert np.mean(changed) > 3
    assert min(kept) < 0.5  # where the inner side is the changed one, the outside is untouched


@pytest.mark.parametrize("tier", list(Tier))
def test_degrading_is_repeatable_and_keeps_the_framing(tier: Tier) -> None:
    pixels = picture(2)
    first = degrade(pixels, tier=tier, rng=np.random.default_rng(9))
    assert np.array_equal(first, degrade(pixels, tier=tier, rng=np.random.default_rng(9)))
    assert first.shape[0] == first.shape[1]
    moved = jitter(FACE, scale=first.shape[1] / 150, rng=np.random.default_rng(0))
    assert abs(moved.box[0] / (FACE.box[0] * first.shape[1] / 150) - 1) < 0.3


def test_delivery_is_jpeg_of_the_asked_kind() -> None:
    data = deliver(picture(1), delivery="hard", rng=np.random.default_rng(0))
    assert data.startswith(b"\xff\xd8")
    assert len(data) < len(deliver(picture(1), delivery="native", rng=np.random.default_rng(0)))


def test_colour_changes_stay_in_range() -> None:
    assert recolour(picture(3), rng=np.random.default_rng(0)).dtype == np.uint8
    assert compress(picture(3), quality=50, webp=True).shape == (150, 150, 3)


def test_index_rows_become_samples(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    columns = ["file", "set", "split", "label", "kind", "generator", "group", "attrs"]
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([
            columns,
            ["a.jpg", "dfdc", "test", "fake", "", "", "g", ""],
            ["b.jpg", "t2i_diffusion", "val", "fake", "", "SDXL", "h", ""],
            ["c.jpg", "utkface", "train", "real", "", "", "i", "20_0_1"],
        ])  # fmt: skip
    assert [sample.family for sample in read_index(path)] == ["swap", "diffusion", "real"]
