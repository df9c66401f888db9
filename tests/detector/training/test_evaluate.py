"""From raw logits to figures, gates, tables, plots and cards, on logits whose answer is known."""

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from detector.classifier.cards import ModelCard, read_card
from detector.training import markdown
from detector.training.calibrate import BARE, calibrate, card, logits
from detector.training.clips import clip_rows
from detector.training.evaluate import evaluate, write
from detector.training.into_cards import state_fpr, write_into
from detector.training.rows import Row, completed, judge_row, table_of
from detector.training.slices import pick
from detector.types import Tier

EXPERTS = ("manipulation", "synthesis")
MADE = {"manipulation": ("dfdc", "swap"), "synthesis": ("portraits", "stylegan")}
DELIVERY = {Tier.CLEAN: "native", Tier.WEB: "web", Tier.HARD: "hard"}


def row(family: str, logit: float | None, **changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {"file": "x", "set": "utkface", "split": "val", "family": family, "delivery": "native"}
    state: dict[str, Any] = {"attrs": "", "tier": "clean", "unfit": [], "manipulation": logit, "synthesis": logit}
    return base | state | changes


def scores(*, photos: int = 150, seed: int = 11) -> list[Row]:
    """Rows of `photos` reals and as many fakes of each kind, in three deliveries; fakes four deviations apart."""
    rng, found = np.random.default_rng(seed), []
    for number in range(photos):
        split, attrs = ("test", "val")[number % 2], f"{20 + number % 60}_{number // 2 % 2}_0"
        for tier in Tier:
            about: dict[str, Any] = {"split": split, "tier": tier, "delivery": DELIVERY[tier]}
            calm = {name: float(rng.normal(-2, 1)) for name in EXPERTS}
            found.append(row("real", 0.0, file=f"r{number}", attrs=attrs, **about, **calm))
            for name, (where, family) in MADE.items():
                high = calm | {name: float(rng.normal(2, 1))}
                found.append(row(family, 0.0, file=f"{family}{number}", set=where, **about, **high))
    return completed(found, {})


def write_card(folder: Path, kind: str, rows: list[Row]) -> Path:
    weights = folder / f"{kind}.safetensors"
    weights.write_bytes(b"x")
    path = folder / f"{kind}.card.toml"
    path.write_text(tomli_w.dumps(card(kind, weights, calibrate([dict(r) for r in rows], kind))))
    return path


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return scores()


@pytest.fixture(scope="module")
def paths(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("cards")
    return [write_card(folder, kind, rows) for kind in EXPERTS]


@pytest.fixture(scope="module")
def cards(paths: list[Path]) -> list[ModelCard]:
    return [read_card(path) for path in paths]


@pytest.fixture(scope="module")
def result(rows: list[Row], cards: list[ModelCard]) -> dict[str, Any]:
    return evaluate(rows, cards)


def test_unfit_faces_and_misses_do_not_calibrate() -> None:
    kept = logits([row("real", 1.0), row("real", None), row("real", 2.0, unfit=["face_too_small"])], "synthesis")
    assert kept.tolist() == [1.0]


def test_a_bare_card_accuses_nobody() -> None:
    assert BARE.flag > 50


def test_a_line_gives_the_known_ranking_with_its_interval(result: dict[str, Any]) -> None:
    (line,) = pick(result["lines"], set="portraits", delivery="native", tier="all", expert="synthesis")
    value, low, high = line["auc"]
    assert value == pytest.approx(0.998, abs=0.005)
    assert low <= value <= high
    assert line["fakes"] == line["reals"] == 75
    assert line["against"] == "all"  # the set has no reals of its own
    assert line["aurc"][0] < 0.03


def test_pooled_lines_ask_every_expert_about_all_fakes(result: dict[str, Any]) -> None:
    pooled = pick(result["lines"], set="all", generator="all", delivery="all", tier="all")
    assert [line["expert"] for line in pooled] == ["manipulation", "synthesis", "either"]
    assert pooled[2]["auc"][0] > pooled[0]["auc"][0]  # either expert alone does not know the other's fakes


def test_gates_state_value_target_and_whether_it_is_met(result: dict[str, Any]) -> None:
    gates = {gate["name"]: gate for gate in result["gates"]}
    alarms = gates["reals flagged, clean, all sets (cross-validated)"]
    assert alarms["n"] == 150
    assert alarms["met"] is (alarms["value"] <= 0.02)
    assert gates["portraits stylegan flagged, clean"]["relation"] == ">="
    assert gates["portraits stylegan flagged, web"]["met"] is None
    assert gates["reals flagged in some delivery only (not measured)"]["met"] is False


def test_people_are_compared_where_there_are_enough(result: dict[str, Any]) -> None:
    slices = {(s["kind"], s["slice"], s["delivery"]): s for s in result["fairness"]["slices"]}
    assert slices["sex", "female", "native"]["n"] + slices["sex", "male", "native"]["n"] == 150
    assert slices["age", "18-29", "all"]["missed"][0] == 0.0
    gaps = {(g["kind"], g["delivery"]): g for g in result["fairness"]["gaps"]}
    assert gaps["sex", "all"]["flag"] <= 0.03
    assert ("sex", "native") not in gaps  # 75 faces a slice are reported, and no gap is stated


def test_what_was_not_scored_is_missed_and_never_cleared(cards: list[ModelCard]) -> None:
    nothing = judge_row(row("stylegan", None, tier=None, unfit=["no_face"]), cards)
    assert nothing.probability == {"manipulation": None, "synthesis": None}
    assert nothing.action == "allow"
    assert judge_row(row("stylegan", None, unfit=["face_too_small"]), cards).action == "review"
    assert judge_row(row("stylegan", 9.0), cards).action == "flag"


def test_a_face_far_from_the_known_ones_is_a_question(paths: list[Path], tmp_path: Path) -> None:
    table = tomllib.loads(paths[1].read_text())
    table["calibration"]["clean"]["domain"] = 3.0
    near = tmp_path / "near.toml"
    near.write_text(tomli_w.dumps(table))
    far = row("real", 9.0, synthesis_domain=4.0)
    assert judge_row(far, [read_card(near)]).state == {"synthesis": "inconclusive"}
    assert judge_row(far | {"synthesis_domain": None}, [read_card(near)]).state == {"synthesis": "fired"}


def test_frames_of_a_clip_become_one_row() -> None:
    frames = [row("swap", value, clip="a.mp4", level="frame") for value in (-90.0, *[1.0] * 8, 90.0)]
    frames.append(row("swap", 5.0, clip="a.mp4", unfit=["too_blurry"]))
    (video,) = clip_rows([*frames, row("real", 0.0)], ["manipulation"])
    assert video["manipulation"] == 1.0
    assert (video["level"], video["file"], video["unfit"]) == ("video", "a.mp4", [])


def test_clips_are_measured_frame_by_frame_and_whole(rows: list[Row], cards: list[ModelCard]) -> None:
    framed = [dict(r) | {"clip": f"{r['file']}.mp4", "level": "frame"} for r in rows if r["delivery"] != "hard"]
    found = evaluate([dict(r) | {"delivery": "native"} for r in framed], cards)["lines"]
    assert {line["level"] for line in found} == {"frame", "video"}
    (frames,) = pick(found, level="frame", set="portraits", delivery="native", tier="all", expert="synthesis")
    (videos,) = pick(found, level="video", set="portraits", delivery="native", tier="all", expert="synthesis")
    assert frames["fakes"] == 2 * videos["fakes"]


def test_an_empty_split_gives_no_lines(cards: list[ModelCard], rows: list[Row]) -> None:
    few = rows[:9]
    assert evaluate(few, cards, split="test")["lines"] == []


def test_measured_figures_replace_what_the_card_said(
    rows: list[Row], paths: list[Path], result: dict[str, Any], tmp_path: Path
) -> None:
    copy = tmp_path / "copy.toml"
    shutil.copy(paths[1], copy)
    state_fpr(copy, rows)
    write_into(copy, result)
    table = tomllib.loads(copy.read_text())
    assert table["metrics"]["split"] == "test"
    assert {line["generator"] for line in table["metrics"]["ranking"]} == {"stylegan"}
    assert 0 < table["calibration"]["clean"]["stated_fpr"] < 0.02
    assert read_card(copy).sha256 == read_card(paths[1]).sha256


def test_the_report_holds_every_table_and_plot(
    result: dict[str, Any], rows: list[Row], cards: list[ModelCard], tmp_path: Path
) -> None:
    write(result, rows, cards, tmp_path)
    assert json.loads((tmp_path / "evaluation.json").read_text())["gates"] == result["gates"]
    assert (tmp_path / "evaluation.md").read_text() == markdown.document(result)
    pictures = {path.name: path.read_bytes()[:4] for path in tmp_path.glob("*.png")}
    assert set(pictures) == {"roc.png", "swing.png", "reliability_manipulation.png", "reliability_synthesis.png"}
    assert set(pictures.values()) == {b"\x89PNG"}


def test_tables_read_as_they_were_agreed(result: dict[str, Any]) -> None:
    gate = {
        "name": "AUC",
        "value": 0.9123,
        "low": 0.88,
        "high": 1.0,
        "n": 40,
        "target": 0.9,
        "relation": ">=",
        "met": True,
    }
    assert markdown.gates([gate]).splitlines()[2] == "| AUC | .912 (.880–1.000) | 40 | >= .900 | yes |"
    assert markdown.gates([gate | {"value": None, "met": False}]).endswith("| – | 40 | >= .900 | **no** |")
    for text in markdown.document(result).split("\n\n"):
        if text.startswith("|"):
            assert len({line.count(" | ") for line in text.splitlines()}) == 1


def test_a_table_judges_rows_as_they_are_judged_alone(rows: list[Row], cards: list[ModelCard]) -> None:
    table = table_of(rows[:20], cards)
    assert table["action"].tolist() == [judge_row(r, cards).action for r in rows[:20]]
