"""The probe on made-up features: it finds a planted cue, stores itself and its card, and the expert can load them."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

from detector.classifier.cards import read_card
from detector.classifier.clip_probe import read_probe
from detector.training import clip_fit
from detector.training.clip_heads import DELIVERIES, FAMILIES, real_shares
from detector.types import Tier

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
            rows.append(
                {"file": f"{split}{at}", "set": "ffhq_stylegan", "split": split, "family": family, "delivery": delivery}
            )
    np.savez(folder / "000000.npz", features=np.array(features, np.float16), rows=json.dumps(rows))


def write_scores(path: Path) -> None:
    """A row of the small expert for every face but the first, which had none; half of the web ones measured as hard."""
    with np.load(path.with_name("000000.npz")) as shard:
        cached = json.loads(str(shard["rows"]))
    lines = []
    for at, row in enumerate(cached):
        tier = "hard" if row["delivery"] == "web" and at % 8 >= 4 else row["delivery"]
        known: dict[str, Any] = {
            "tier": tier,
            "unfit": [],
            "faces": [{}] if at else [],
            "synthesis": float(at % 7),
            "group": str(at),
        }
        lines.append(json.dumps(row | known))
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    write_cache(tmp_path)
    save_file({"w": np.zeros(3, np.float16)}, tmp_path / "base.safetensors")
    monkeypatch.setattr(clip_fit, "LAYERS", {"last": (11,), "middle four": (4, 5, 6, 7)})
    monkeypatch.setattr(clip_fit, "DECAYS", (1e-2,))
    write_scores(tmp_path / "scores.jsonl")
    arguments = [tmp_path, tmp_path / "out", "--base", tmp_path / "base.safetensors"]
    arguments += ["--scores", tmp_path / "scores.jsonl"]
    monkeypatch.setattr(sys, "argv", ["clip_fit", *map(str, arguments)])
    clip_fit.main()
    assert json.loads(capsys.readouterr().out)["faces"]["train"] == 144
    return tmp_path / "out"


def test_the_layers_with_the_cue_are_picked_and_the_unseen_family_is_found(fitted: Path) -> None:
    result = json.loads((fitted / "clip.json").read_text())
    assert result["picked"]["layers"] == "middle four"
    assert min(min(row.values()) for key in ("seen", "unseen") for row in result[key].values()) > 0.95
    assert result["with_small"].keys() == set(FAMILIES)


def test_the_fates_are_those_of_all_faces_of_test(fitted: Path) -> None:
    result = json.loads((fitted / "clip.json").read_text())
    assert result["reals_fates"]["all"]["clean"]["cleared"] > 0.6
    for fates in (*result["reals_fates"].values(), *result["unseen_fates"].values()):
        assert fates.keys() == set(DELIVERIES)
        for shares in fates.values():
            assert shares["faces"] == 12
            assert shares["flagged"] + shares["cleared"] + shares["inconclusive"] == pytest.approx(1.0, abs=2e-4)


def test_every_set_of_reals_counts_alike() -> None:
    families = np.array(["real", "real", "real", "stylegan", "real"])
    shares = real_shares(families, np.array(["a", "a", "a", "a", "b"]))
    assert shares.tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 0.0, 0.5])


def test_what_is_stored_is_a_probe_with_a_calibrated_card(fitted: Path) -> None:
    card = read_card(fitted / "synthesis_vit.card.toml")
    assert (card.arch, card.families, len(card.base)) == ("clip", FAMILIES, 64)
    assert [card.calibrations[tier].reals for tier in Tier] == [12, 6, 18]
    limits = (fitted / "synthesis_vit.card.toml").read_text()
    assert "3 families left out in turn" in limits
    assert "against FFHQ photos alone" in limits
    rows = [json.loads(line) for line in (fitted / "scores.jsonl").read_text().splitlines()]
    assert len(rows) == 3 * 144 - 1
    assert {"synthesis", "synthesis_domain", "tier"} <= rows[0].keys()
    probe = read_probe({name: value.float() for name, value in load_file(fitted / card.file).items()}, len(FAMILIES))
    assert probe(probe.features(torch.zeros(2, ROWS, WIDTH))).shape == (2, len(FAMILIES))
