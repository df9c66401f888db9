"""The audit catches a shortcut that was planted, in the files and in the mix, and passes a set that has none."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.training.data import Sample
from detector.training.mix import shown
from detector.training.probes import FOLDS, block_trace, file_habits, probe, thumbnail
from detector.training.shortcuts import FINDING, MOST, as_text, audit, main, with_model
from detector.types import Face, Pixels

FACE = Face((30.0, 24.0, 98.0, 104.0), ((50.0, 56.0), (78.0, 56.0), (64.0, 72.0), (52.0, 88.0), (76.0, 88.0)), 1.0)
PAIRS = 70
SIDE = 128


def picture(seed: int) -> Pixels:
    """Smooth random colours with grain, alike for both classes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (9, 9, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255), dtype=np.uint8)


def build(root: Path, *, cast: int = 0, quality: int = 90) -> list[Sample]:
    """`PAIRS` reals and fakes of one set; fakes are `cast` greener and of another JPEG quality, if so asked."""
    samples = []
    for number in range(2 * PAIRS):
        fake = number % 2 == 1
        pixels = picture(number).astype(int) + (np.array([0, cast, 0]) if fake else 0)
        name = f"{number}.jpg"
        bgr = np.ascontiguousarray(np.clip(pixels, 0, 255).astype(np.uint8)[..., ::-1])
        cv2.imwrite(str(root / name), bgr, [cv2.IMWRITE_JPEG_QUALITY, quality if fake else 90])
        family = "swap" if fake else "real"
        samples.append(Sample(name, "dfdc", "train", family, f"g{number // 2}", "", FACE))
    return samples


def aucs(found: list[dict[str, object]]) -> dict[tuple[object, object], float]:
    return {(line["view"], line["probe"]): line["auc"][0] for line in found}  # type: ignore[index]


def test_a_clean_set_passes(tmp_path: Path) -> None:
    found = audit(build(tmp_path), tmp_path)
    assert all(line["met"] is not False for line in found)
    assert [line["met"] for line in found if line["view"] == "mix"] == [True] * 3
    assert aucs(found)["files", "jpeg"] <= MOST + 0.1


def test_a_habit_of_the_files_is_caught_and_gone_from_the_mix(tmp_path: Path) -> None:
    found = aucs(audit(build(tmp_path, quality=60), tmp_path))
    assert found["files", "jpeg"] == 1.0
    assert found["mix", "jpeg"] <= MOST


def test_fakes_without_reals_of_their_own_are_reported_without_a_bound(tmp_path: Path) -> None:
    samples = [s if s.real else Sample(s.file, "made", "train", "stylegan2", s.file, "", FACE) for s in build(tmp_path)]
    found = audit(samples, tmp_path, limit=20)
    assert {line["expert"] for line in found} == {"synthesis"}
    assert all(line["most"] is None and not line["paired"] for line in found)


def test_the_command_catches_a_colour_cast_in_files_and_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = build(tmp_path, cast=70)
    faces = tmp_path / "faces.jsonl"
    face = {"box": FACE.box, "landmarks": FACE.landmarks, "confidence": 1.0}
    rows = [{n: getattr(s, n) for n in ("file", "set", "split", "family", "group", "attrs")} for s in samples]
    faces.write_text("".join(json.dumps(row | {"face": face}) + "\n" for row in rows))
    arguments = ["shortcuts", str(tmp_path / "none.csv"), str(tmp_path), "--faces", str(faces), "--json"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == FINDING
    found = json.loads(capsys.readouterr().out)["shortcuts"]
    assert aucs(found)["files", "thumbnail"] > 0.9
    (caught,) = [line for line in found if line["met"] is False]
    assert (caught["view"], caught["probe"]) == ("mix", "thumbnail")
    assert "**no**" in as_text(found)


def test_the_experts_figure_stands_beside_the_probes(tmp_path: Path) -> None:
    line = {"set": "dfdc", "paired": True, "expert": "manipulation"}
    where = {"set": "dfdc", "delivery": "native", "tier": "all", "against": "own", "expert": "manipulation"}
    report = tmp_path / "evaluation.json"
    report.write_text(json.dumps({"lines": [where | {"auc": [0.9, 0.8, 1.0]}]}))
    assert with_model([line], report)[0]["model"] == 0.9


def test_a_pair_never_helps_to_tell_its_other_half() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.array([f"g{n}" for n in range(40)]), 2)
    same = np.repeat(rng.normal(size=(40, 6)), 2, axis=0)
    auc = probe(same, np.arange(80) % 2 == 0, groups)[0]
    assert auc == pytest.approx(0.5, abs=0.05)
    assert probe(same[:4], np.arange(4) % 2 == 0, groups[:4]) == [0.5, None, None]
    assert FOLDS > 2


def test_files_that_are_no_jpeg_have_no_tables(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), picture(0))
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xdb\x00\x43\x00\x01")
    for name in ("a.png", "cut.jpg"):
        assert not file_habits(tmp_path / name)[1:].any()
    cv2.imwrite(str(tmp_path / "b.jpg"), picture(0))
    assert file_habits(tmp_path / "b.jpg")[6:].any()


@pytest.mark.parametrize("expert", ["manipulation", "synthesis"])
def test_the_mix_is_what_the_trainer_shows(expert: str) -> None:
    seen = shown(picture(1), FACE, name="dfdc", expert=expert, rng=np.random.default_rng(0))
    assert seen.crop.shape == ((256, 256, 3) if expert == "manipulation" else (224, 224, 3))
    assert 0 < seen.face.size < 2 * FACE.size
    assert thumbnail(seen.crop).shape == (3072,)
    assert np.isfinite(block_trace(seen.delivered)).all()
