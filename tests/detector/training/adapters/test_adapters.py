"""Small trees in the published layouts become indexes whose splits keep identities and originals together."""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.training.adapters import celebdf, df40, dfdc, faceforensics, folder, genimage
from detector.training.adapters.entries import Entry, LayoutUnknown, split_of, write_index
from detector.training.data import read_index
from detector.training.index import FORMATS, main
from detector.training.rows import index_facts

Plant = Callable[..., None]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    def touch(*names: str) -> None:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return touch


def by_file(found: list[Entry]) -> dict[str, Entry]:
    splits = defaultdict(set)
    for entry in found:
        splits[entry.group].add(entry.split)
    assert all(len(names) == 1 for names in splits.values()), "a group is in one split only"
    return {entry.file: entry for entry in found}


def plant_faceforensics(root: Path, plant: Plant) -> None:
    for name, pairs in (("train", [["071", "054"]]), ("val", [["720", "672"]]), ("test", [["953", "974"]])):
        (root / f"{name}.json").write_text(json.dumps(pairs))
    plant("original_sequences/youtube/c23/videos/071.mp4", "original_sequences/youtube/c23/videos/953.mp4")
    plant("original_sequences/youtube/c23/videos/999.mp4", "original_sequences/actors/c23/videos/01__walk.mp4")
    plant("manipulated_sequences/Deepfakes/c23/videos/071_054.mp4")
    plant("manipulated_sequences/Deepfakes/masks/videos/071_054.mp4")
    plant("manipulated_sequences/Face2Face/c23/frames/974_953/0001.png")
    plant("manipulated_sequences/Face2Face/c23/frames/974_953/0002.png")


def test_faceforensics_follows_its_split_files(tmp_path: Path, plant: Plant) -> None:
    plant_faceforensics(tmp_path, plant)
    found = by_file(list(faceforensics.entries(tmp_path)))
    assert len(found) == 5  # neither masks, nor actors, nor a video of no split
    swap = found["manipulated_sequences/Deepfakes/c23/videos/071_054.mp4"]
    real = found["original_sequences/youtube/c23/videos/071.mp4"]
    assert (swap.split, swap.kind, swap.generator, swap.clip) == ("train", "swap", "deepfakes", "")
    assert (real.label, real.group) == ("real", swap.group)
    frame = found["manipulated_sequences/Face2Face/c23/frames/974_953/0002.png"]
    assert (frame.split, frame.kind) == ("test", "reenactment")
    assert frame.clip == "manipulated_sequences/Face2Face/c23/frames/974_953"


@pytest.mark.parametrize("text", ["{", "[[1, 2]]", "7"])
def test_faceforensics_refuses_a_broken_split_file(tmp_path: Path, plant: Plant, text: str) -> None:
    plant_faceforensics(tmp_path, plant)
    (tmp_path / "val.json").write_text(text)
    with pytest.raises(LayoutUnknown):
        list(faceforensics.entries(tmp_path))


def test_celebdf_tests_what_is_listed_and_trains_on_no_source_of_it(tmp_path: Path, plant: Plant) -> None:
    (tmp_path / celebdf.LIST).write_text("1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n")
    plant("Celeb-real/id0_0000.mp4", "Celeb-real/id2_0001.mp4", "YouTube-real/00170.mp4", "YouTube-real/00171.mp4")
    plant("Celeb-synthesis/id0_id1_0000.mp4", "Celeb-synthesis/id0_id2_0000.mp4", "Celeb-synthesis/id2_id0_0001.mp4")
    found = by_file(list(celebdf.entries(tmp_path)))
    tested = {name for name, entry in found.items() if entry.split == "test"}
    assert tested == {"YouTube-real/00170.mp4", "Celeb-synthesis/id0_id1_0000.mp4"}
    assert "Celeb-real/id0_0000.mp4" not in found  # its swap is in the test
    assert found["Celeb-synthesis/id2_id0_0001.mp4"].group == found["Celeb-real/id2_0001.mp4"].group


def test_celebdf_needs_its_list(tmp_path: Path, plant: Plant) -> None:
    plant("Celeb-real/id0_0000.mp4", "YouTube-real/00170.mp4", "Celeb-synthesis/id0_id1_0000.mp4")
    with pytest.raises(LayoutUnknown, match="List_of_testing"):
        list(celebdf.entries(tmp_path))
    (tmp_path / celebdf.LIST).write_text("YouTube-real/00170.mp4\n")
    with pytest.raises(LayoutUnknown):
        list(celebdf.entries(tmp_path))


def test_dfdc_keeps_an_original_and_its_fakes_together(tmp_path: Path, plant: Plant) -> None:
    plant("dfdc_train_part_0/a.mp4", "dfdc_train_part_0/b.mp4", "test/c.mp4", "validation/d.mp4")
    facts = {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train", "original": None},
        "gone.mp4": {"label": "REAL", "split": "train"},
    }
    (tmp_path / "dfdc_train_part_0" / "metadata.json").write_text(json.dumps(facts))
    (tmp_path / "test" / "labels.csv").write_text("filename,label\nc.mp4,1\n")
    (tmp_path / "validation" / "labels.csv").write_text("filename,label\nd.mp4,0\n")
    found = by_file(list(dfdc.entries(tmp_path)))
    assert found["dfdc_train_part_0/a.mp4"].group == found["dfdc_train_part_0/b.mp4"].group
    assert [(e.split, e.label) for e in (found["test/c.mp4"], found["validation/d.mp4"])] == [
        ("test", "fake"),
        ("val", "real"),
    ]
    assert len(found) == 4


def test_dfdc_refuses_facts_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text('["a"]')
    with pytest.raises(LayoutUnknown):
        list(dfdc.entries(tmp_path))


def test_df40_reads_method_source_and_clip_from_the_path(tmp_path: Path, plant: Plant) -> None:
    plant("test/simswap/ff/frames/953_974/000.png", "test/simswap/cdf/frames/id0_id1_0000/000.png")
    plant("train/StyleGAN2/001/seed0188.png", "test/MidJourney/fake/7.png", "test/MidJourney/real/8.png")
    plant("test/somewhere/else.png")
    found = by_file(list(df40.entries(tmp_path)))
    assert len(found) == 5
    swap = found["test/simswap/ff/frames/953_974/000.png"]
    assert (swap.split, swap.kind, swap.generator, swap.group) == ("test", "swap", "simswap", "df40:ff:953")
    assert swap.clip == "test/simswap/ff/frames/953_974"
    made = found["train/StyleGAN2/001/seed0188.png"]
    assert (made.split, made.kind, made.clip) == ("train", "synthesis", "")
    assert found["test/MidJourney/real/8.png"].label == "real"
    with pytest.raises(LayoutUnknown):
        list(df40.entries(tmp_path / "test" / "somewhere"))


def test_genimage_tests_on_its_val(tmp_path: Path, plant: Plant) -> None:
    plant("Stable Diffusion V1.4/imagenet_ai_0419_sdv4/train/ai/0.png", "ADM/val/nature/1.JPEG", "ADM/val/ai/2.PNG")
    found = by_file(list(genimage.entries(tmp_path)))
    assert found["ADM/val/nature/1.JPEG"].label == "real"
    assert (found["ADM/val/ai/2.PNG"].split, found["ADM/val/ai/2.PNG"].generator) == ("test", "adm")
    made = next(entry for entry in found.values() if entry.split == "train")
    assert made.generator == "stable_diffusion_v1.4"
    assert {entry.generator for entry in genimage.entries(tmp_path / "ADM")} == {"", "adm"}
    with pytest.raises(LayoutUnknown):
        list(genimage.entries(tmp_path / "ADM" / "val" / "ai"))


def test_a_plain_folder_with_and_without_splits(tmp_path: Path, plant: Plant) -> None:
    plant(
        "test/real/anna_001.jpg", "test/fake/faceswap/anna_002.jpg", "train/fake/sdxl/7.webp", "train/real/clip/1.png"
    )
    found = by_file(list(folder.entries(tmp_path)))
    assert found["test/fake/faceswap/anna_002.jpg"].kind == "swap"
    assert found["test/fake/faceswap/anna_002.jpg"].group == found["test/real/anna_001.jpg"].group
    assert found["train/fake/sdxl/7.webp"].generator == "sdxl"
    assert found["train/real/clip/1.png"].clip == "train/real/clip"
    drawn = by_file(list(folder.entries(tmp_path / "test")))
    assert {entry.split for entry in drawn.values()} == {split_of("test:anna")}
    with pytest.raises(LayoutUnknown):
        list(folder.entries(tmp_path / "test" / "real"))


def test_what_is_written_is_what_training_reads(tmp_path: Path, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "set"
    plant("set/real/a.jpg", "set/fake/swap/a.jpg", "set/fake/stylegan2/b.jpg")
    out = tmp_path / "index.csv"
    monkeypatch.setattr(sys, "argv", ["index", "folder", str(root), str(out)])
    main()
    assert {sample.file: sample.family for sample in read_index(out)} == {
        "real/a.jpg": "real",
        "fake/swap/a.jpg": "swap",
        "fake/stylegan2/b.jpg": "stylegan2",
    }
    assert index_facts(out)["fake/swap/a.jpg"] == {"group": "set:a", "clip": "", "generator": "swap"}
    with out.open(newline="") as stream:
        assert [row["file"] for row in csv.DictReader(stream)] == sorted(index_facts(out))


def test_no_media_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(LayoutUnknown):
        write_index([], tmp_path / "index.csv")
    assert set(FORMATS) == {"faceforensics", "celebdf", "dfdc", "df40", "genimage", "folder"}


@given(st.text(max_size=30))
def test_a_group_always_gets_the_same_split(group: str) -> None:
    assert split_of(group) == split_of(group)
    assert split_of(group) in ("train", "val", "test")


def test_splits_have_the_sizes_that_are_stated() -> None:
    drawn = [split_of(f"set:{number}") for number in range(4000)]
    assert drawn.count("test") / 4000 == pytest.approx(0.15, abs=0.02)
    assert drawn.count("val") / 4000 == pytest.approx(0.10, abs=0.02)
