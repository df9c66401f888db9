"""From raw logits to a card and its figures, on logits whose answer is known."""

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.classifier.cards import read_card
from detector.training.calibrate import BARE, calibrate, card, logits
from detector.training.evaluate import action, evaluate, score_of, state_fpr, write_into
from detector.types import Tier

RNG = np.random.default_rng(11)


def row(family: str, logit: float | None, **changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "file": "x",
        "set": "utkface",
        "split": "val",
        "family": family,
        "delivery": "native",
        "attrs": "",
    }
    state: dict[str, Any] = {"tier": "clean", "unfit": [], "manipulation": logit, "synthesis": logit}
    return base | state | changes


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    found = []
    for tier in Tier:
        found += [row("real", float(x), tier=tier) for x in RNG.normal(-2, 1, 400)]
        for family in ("stylegan", "swap"):
            found += [row(family, float(x), tier=tier, set="made") for x in RNG.normal(2, 1, 300)]
    return found


@pytest.fixture
def card_path(rows: list[dict[str, Any]], tmp_path: Path) -> Path:
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"x")
    path = tmp_path / "synthesis.card.toml"
    write_card(path, card("synthesis", weights, calibrate(rows, "synthesis")))
    return path


def write_card(path: Path, table: dict[str, Any]) -> None:
    import tomli_w

    path.write_text(tomli_w.dumps(table))


def test_unfit_faces_and_misses_do_not_calibrate() -> None:
    kept = logits([row("real", 1.0), row("real", None), row("real", 2.0, unfit=["face_too_small"])], "synthesis")
    assert kept.tolist() == [1.0]


def test_a_bare_card_accuses_nobody() -> None:
    assert BARE.flag > 50


def test_figures_of_known_logits(rows: list[dict[str, Any]], card_path: Path) -> None:
    shipped = read_card(card_path)
    result = evaluate(rows, [shipped])
    (line,) = [entry for entry in result["ranking"] if entry["family"] == "stylegan"]
    assert line["auc"] == pytest.approx(0.998, abs=0.003)
    assert line["auc_95"][0] <= line["auc"] <= line["auc_95"][1]
    reals = [entry for entry in result["by_tier"] if entry["class"] == "real"]
    assert all(entry["flagged"] <= 0.01 for entry in reals)
    assert all(value < 0.06 for value in result["ece"]["synthesis"].values())
    json.dumps(result)


def test_what_was_not_scored_counts_as_missed(card_path: Path) -> None:
    shipped = read_card(card_path)
    assert score_of(row("stylegan", None, tier=None, unfit=["no_face"]), shipped) == -1.0
    assert action(row("stylegan", None, tier=None, unfit=["no_face"]), [shipped]) == "allow"
    assert action(row("stylegan", None, unfit=["face_too_small"]), [shipped]) == "review"
    assert action(row("stylegan", 9.0), [shipped]) == "flag"


def test_measured_figures_replace_what_the_card_said(
    rows: list[dict[str, Any]], card_path: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.toml"
    shutil.copy(card_path, copy)
    state_fpr(copy, rows)
    write_into(copy, evaluate(rows, [read_card(copy)]), "test")
    table = tomllib.loads(copy.read_text())
    assert table["metrics"]["split"] == "test"
    assert 0 < table["calibration"]["clean"]["stated_fpr"] < 0.02
    assert read_card(copy).sha256 == read_card(card_path).sha256
