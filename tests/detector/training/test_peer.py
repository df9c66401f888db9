"""The comparison is on shared files only, at the peer's best run, and gives nobody a score that was not earned."""

import json
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from detector.classifier.cards import Calibration, ModelCard
from detector.training import peer
from detector.training.peer import FACELESS, POOLED, groups, measured, suspicion_of
from detector.types import EvidenceKind, Tier

STEEP = Calibration(2.0, -1.0, 1.0, 0.5, 0.0, 0.01, 100)
CARDS = [
    ModelCard("m", kind, "", "", (), 64, 1.3, "", "", "", MappingProxyType(dict.fromkeys(Tier, STEEP)))
    for kind in (EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS)
]


def row(name: str, *, family: str = "real", kit: str = "dfdc", manipulation: float | None = 0.0) -> dict[str, Any]:
    known = {"file": name, "family": family, "set": kit, "delivery": "native", "split": "test"}
    return known | {"tier": "clean", "unfit": [], "manipulation": manipulation, "synthesis": None}


def test_ours_is_the_highest_calibrated_opinion_and_nothing_without_a_fit_face() -> None:
    assert suspicion_of(row("a", manipulation=3.0) | {"synthesis": 1.0}, CARDS) == 5.0
    assert suspicion_of(row("a", manipulation=None), CARDS) == FACELESS
    assert suspicion_of(row("a", manipulation=9.0) | {"unfit": ["face_too_small"]}, CARDS) == FACELESS


def test_fakes_without_reals_of_their_own_stand_against_those_of_other_sets() -> None:
    rows = [
        row("a"),
        row("b", family="swap"),
        row("c", kit="utkface"),
        row("d", family="diffusion", kit="t2i_diffusion"),
    ]
    found = groups(rows)
    assert found["dfdc"] == (["b"], ["a"])
    assert found["t2i_diffusion"] == (["d"], ["c"])
    assert found[POOLED] == (["b", "d"], ["a", "c"])
    assert "utkface" not in found


def test_separated_scores_measure_as_such() -> None:
    scores = {f"f{n}": 1.0 + n for n in range(8)} | {f"r{n}": -1.0 - n for n in range(8)}
    exact = measured(scores, [f"f{n}" for n in range(8)], [f"r{n}" for n in range(8)])
    assert (exact.auc, exact.low, exact.high, exact.tpr) == (1.0, 1.0, 1.0, 1.0)
    swapped = measured(scores, [f"r{n}" for n in range(8)], [f"f{n}" for n in range(8)])
    assert (swapped.auc, swapped.tpr) == (0.0, 0.0)


def test_the_command_quotes_the_better_run_and_only_files_that_all_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(f"{n}", family="swap" if n % 2 else "real", manipulation=float(n % 2)) for n in range(12)]
    rows += [row("unscored", family="swap", manipulation=-9.0), row("other", manipulation=9.0) | {"split": "val"}]
    write(tmp_path / "scores.jsonl", rows)
    write(tmp_path / "bad.jsonl", [{"file": f"{n}", "score": -(n % 2)} for n in range(12)])
    write(tmp_path / "good.jsonl", [{"file": f"{n}", "score": n % 2} for n in range(12)])
    monkeypatch.setattr(peer, "read_card", {Path("m"): CARDS[0], Path("s"): CARDS[1]}.__getitem__)
    files = [str(tmp_path / f"{name}.jsonl") for name in ("scores", "bad", "good")]
    monkeypatch.setattr(sys, "argv", ["peer", *files, "--cards", "m", "s"])
    peer.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| dfdc | 6 | 6 | 1.000 (1.000–1.000) | 1.000 | 1.000 (1.000–1.000) | 1.000 | good |")
    assert lines[0].count("|") == lines[2].count("|") == lines[3].count("|")


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in rows))
