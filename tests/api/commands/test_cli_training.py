"""The training programs as commands: an index of a folder, and an evaluation of scores that are there already."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def test_index_of_a_folder(shingan: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("real/a.jpg", "fake/sdxl/b.jpg"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / name).touch()
    ran = shingan("index", "folder", tmp_path / "set", tmp_path / "index.csv", "--json")
    assert ran.code == 0
    assert ran.documents[0]["files"] == 2
    wrong = shingan("index", "celebdf", tmp_path / "set", tmp_path / "index.csv")
    assert wrong.code == 1
    assert wrong.err.startswith("shingan: layout_unknown: ")


def test_evaluation_of_a_score_file(shingan: Callable[..., Any], tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(0), []
    for number in range(60):
        family, at = ("real", -2.0) if number % 2 else ("swap", 2.0)
        row: dict[str, Any] = {
            "file": f"{number}.jpg",
            "set": "dfdc",
            "split": "test",
            "family": family,
            "attrs": "",
            "tier": "clean",
        }
        row |= {"delivery": "native", "unfit": [], "synthesis": -4.0, "manipulation": float(rng.normal(at, 0.5))}
        rows.append(row)
    scores, index = tmp_path / "scores.jsonl", tmp_path / "index.csv"
    scores.write_text("".join(json.dumps(row) + "\n" for row in rows))
    index.write_text("file,set,split,label,kind,generator,group,attrs\n")
    ran = shingan("evaluate", index, tmp_path, "--scores", scores, "--out", tmp_path / "report", "--json")
    assert ran.code == 0
    gates = {gate["name"]: gate for gate in ran.documents[0]["gates"]}
    assert gates["dfdc image AUC, native"]["met"] is True
    assert (tmp_path / "report" / "evaluation.md").read_text().startswith("# Evaluation on `test`")
