"""Reads an index of labelled faces and finds the face in each file once, so that training only cuts and degrades.

    python -m detector.training.data INDEX.csv ROOT FACES.jsonl

The index has the columns `file, set, split, label, kind, generator, group, attrs`; `file` is relative to `ROOT`.
"""

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detector.faces import FaceFinder
from detector.types import Face, Pixels

SWAP_SETS = frozenset({"dfdc", "openforensics"})
"""Sets whose fakes are a real photo with another face; the other sets' fakes are wholly synthetic."""
SWAP_KINDS = frozenset({"swap", "reenactment", "edit"})
"""Values of `kind` that say so of any other set (`detector.training.adapters` write them)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of the index; `family` is what made it, or "real"."""

    file: str
    set: str
    split: str
    family: str
    group: str
    attrs: str
    face: Face | None = None

    @property
    def real(self) -> bool:
        return self.family == "real"


def read_index(path: Path) -> list[Sample]:
    with path.open(newline="") as stream:
        return [_sample(row) for row in csv.DictReader(stream)]


def _sample(row: dict[str, str]) -> Sample:
    return Sample(row["file"], row["set"], row["split"], _family(row), row["group"], row["attrs"])


def _family(row: dict[str, str]) -> str:
    if row["label"] == "real":
        return "real"
    if row["set"] == "dfdc" or row["kind"] in SWAP_KINDS:
        return "swap"
    if row["set"] == "openforensics":
        return "replacement"
    return row["generator"] if row["generator"].startswith("stylegan") or row["generator"] == "shingan" else "diffusion"


def read_pixels(path: Path) -> Pixels:
    """RGB pixels of a file that is trusted; uploads go through `detector.media`."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(path)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def read_faces(path: Path) -> Iterator[Sample]:
    """Samples with their face, as written by `write_faces`; files without a face are left out."""
    with path.open() as stream:
        for line in stream:
            row = json.loads(line)
            face = row.pop("face")
            if face:
                yield Sample(**row, face=as_face(face))


def write_faces(samples: Iterable[Sample], root: Path, out: Path) -> None:
    finder = FaceFinder()
    with out.open("w") as stream:
        for sample in samples:
            found = finder.find(read_pixels(root / sample.file))
            stream.write(json.dumps(_row(sample, found[0] if found else None)) + "\n")


def _row(sample: Sample, face: Face | None) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(sample, name) for name in Sample.__slots__}
    row["face"] = face and as_row(face)
    return row


def as_row(face: Face) -> dict[str, object]:
    return {"box": face.box, "landmarks": face.landmarks, "confidence": face.confidence}


def as_face(row: Mapping[str, Any]) -> Face:
    """The face that `as_row` wrote."""
    return Face(tuple(row["box"]), tuple((x, y) for x, y in row["landmarks"]), row["confidence"])


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    index, root, out = (Path(argument) for argument in sys.argv[1:])
    write_faces(read_index(index), root, out)
