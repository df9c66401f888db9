"""The probe on made-up features: it finds a planted cue, stores itself and its card, and the expert can load them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

from detector.classifier.cards import read_card
from detector.classifier.clip_probe import read_probe
from detector.training import clip_fit
from detector.training.clip_fit import FAMILIES

ROWS, WIDTH = 18, 8
CUE = 6.0


def write_cache(folder: Path) -> None:
    """Faces whose layers 4 to 7 carry a cue: one shared by all families, and one of each family's own."""
    rng = np.random.default_rng(0)
    rows, features = [], []
    for split in ("train", "val", "test"):
        for at in range(144):
            family = ("real", *FAMILIES)[at % 4]
            face = rng.normal(size=(ROWS, WIDTH))
            if family != "real":
                face[4:8, 0] += CUE
                face[4:8, 1 + FAMILIES.index(family)] += CUE
            features.append(face)
            delivery = ("clean", "web", "hard")[at // 4 % 3]
            rows.append({"file": f"{split}{at}", "set": "s", "split": split, "family": family, "delivery": delivery})
    np.savez(folder / "000000.npz", features=np.array(features, np.float16), rows=json.dumps(rows))


@pytest.fixture
def fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    write_cache(tmp_path)
    save_file({"w": np.zeros(3, np.float16)}, tmp_path / "base.safetensors")
    monkeypatch.setattr(clip_fit, "LAYERS", {"last": (11,), "middle four": (4, 5, 6, 7)})
    monkeypatch.setattr(clip_fit, "DECAYS", (1e-2,))
    arguments = [tmp_path, tmp_path / "out", "--base", tmp_path / "base.safetensors"]
    monkeypatch.setattr(sys, "argv", ["clip_fit", *map(str, arguments)])
    clip_fit.main()
    assert json.loads(capsys.readouterr().out)["faces"]["train"] == 144
    return tmp_path / "out"


def test_the_layers_with_the_cue_are_picked_and_the_unseen_family_is_found(fitted: Path) -> None:
    result = json.loads((fitted / "clip.json").read_text())
    assert result["picked"]["layers"] == "middle four"
    assert min(min(row.values()) for key in ("seen", "unseen") for row in result[key].values()) > 0.95


def test_what_is_stored_is_a_probe_with_a_calibrated_card(fitted: Path) -> None:
    card = read_card(fitted / "synthesis_vit.card.toml")
    assert (card.arch, card.families, len(card.base)) == ("clip", FAMILIES, 64)
    assert all(calibration.reals == 12 for calibration in card.calibrations.values())
    probe = read_probe({name: value.float() for name, value in load_file(fitted / card.file).items()}, len(FAMILIES))
    assert probe(probe.features(torch.zeros(2, ROWS, WIDTH))).shape == (2, len(FAMILIES))
