"""Measures the shipped backend for its card: faces found, classes recognised, attributes drawn, seconds per face.

    python -m generator.training.assess ALIGNED.npz --mesh face_landmark.tflite --count 200 --sheet sheet.png

ALIGNED.npz is what the trainer left. The classes are judged by a logistic probe on ImageNet features of the portraits;
a fifth of them is kept from it to say how far it can be trusted.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from generator.appearance import FRAME
from generator.backends.embedded import HAIR_COLOURS
from generator.prompt import FaceRequest
from generator.sampler import COLOURS, ETHNICITIES, LENGTHS, SEXES, hair_colour, hair_length
from generator.synthesizer import Synthesis, Synthesizer, open_synthesizer
from generator.training.align import MeshFinder, Portraits
from generator.training.backbone import Eye
from generator.training.measure import measure
from generator.training.refine import to_tensor

FACE_PROBABILITY = 0.9
HELD_OUT = 5
"""Every fifth portrait is kept from the probe."""
SHEET_COLUMNS, TILE = 16, 128
HAIRS = ("black", "brown", "blond")


def requests(count: int) -> list[FaceRequest]:
    """Every sex and ethnicity in turn, and hair that the sex has in every other request."""
    asked = []
    for number in range(count):
        sex, ethnicity = SEXES[number % 2], ETHNICITIES[number // 2 % 4]
        attributes = {"sex": sex, "ethnicity": ethnicity}
        if number % 2 == 0 and number // 8 % 2:
            attributes |= {"hair_length": LENGTHS[number // 16 % 3], "hair_colour": HAIRS[number // 48 % 3]}
        if number // 4 % 2:
            attributes["expression"] = "smile" if number // 8 % 2 else "neutral"
        asked.append(FaceRequest(attributes=attributes))
    return asked


def found_share(faces: list[Synthesis]) -> float:
    """Share of faces in which MTCNN finds exactly one face."""
    finder = MTCNN(keep_all=True, post_process=False, device="cpu")
    hits = 0
    for face in faces:
        _, probabilities = finder.detect(face.pixels)
        hits += int((np.array([p for p in probabilities if p is not None]) > FACE_PROBABILITY).sum() == 1)
    return hits / len(faces)


def features(pictures: NDArray[np.uint8], *, eye: Eye) -> NDArray[np.float32]:
    """Pooled features of pictures N F F 3."""
    with torch.inference_mode():
        chunks = [eye(to_tensor(pictures[start : start + 16])) for start in range(0, len(pictures), 16)]
    return np.concatenate([np.concatenate([m.mean((2, 3)).numpy() for m in maps[2:]], 1) for maps in chunks])


def class_accuracy(portraits: Portraits, faces: list[Synthesis]) -> dict[str, float]:
    """How often a probe names the class that was asked, and how often it is right on kept portraits."""
    eye = Eye()
    known = features(np.stack([_small(picture) for picture in portraits.images]), eye=eye)
    drawn = features(np.stack([_small(face.pixels) for face in faces]), eye=eye)
    kept = np.arange(len(known)) % HELD_OUT == 0
    centre, spread = known[~kept].mean(0), known[~kept].std(0) + 1e-6
    known, drawn = (known - centre) / spread, (drawn - centre) / spread
    result = {}
    for name, labels in (("sex", portraits.sex), ("ethnicity", portraits.ethnicity)):
        probe = LogisticRegression(C=0.003, max_iter=500).fit(known[~kept], labels[~kept])
        asked = np.array([face.attributes[name] for face in faces])
        result[f"{name}_portraits"] = float((probe.predict(known[kept]) == labels[kept]).mean())
        result[f"{name}_drawn"] = float((probe.predict(drawn) == asked).mean())
    return result


def attribute_hits(faces: list[Synthesis], *, mesh: Path) -> dict[str, float]:
    """Share of the faces with asked hair on which the same hair is measured, and smiles against neutral faces."""
    finder, hits, smiles = MeshFinder(mesh), defaultdict(list), defaultdict(list)
    for face in faces:
        points, _ = finder.find(face.pixels)
        picture = _small(face.pixels).astype(np.float32) / np.float32(255)
        seen = measure(picture, points * np.float32(FRAME / len(face.pixels)))
        if "hair_length" in face.attributes:
            asked_colours = HAIR_COLOURS[face.attributes["hair_colour"]]
            hits["hair_colour"].append(COLOURS[hair_colour(seen.hair)] in asked_colours)
            hits["hair_length"].append(LENGTHS[hair_length(seen.hair_length)] == face.attributes["hair_length"])
        if "expression" in face.attributes:
            smiles[face.attributes["expression"]].append(seen.smile)
    result = {name: float(np.mean(values)) for name, values in hits.items()}
    middle = (np.mean(smiles["smile"]) + np.mean(smiles["neutral"])) / 2
    right = [value > middle for value in smiles["smile"]] + [value <= middle for value in smiles["neutral"]]
    return result | {"expression": float(np.mean(right))}


def write_sheet(faces: list[Synthesis], path: Path) -> None:
    """Contact sheet of small faces, rows of `SHEET_COLUMNS`."""
    tiles = [_small(face.pixels) for face in faces[: len(faces) // SHEET_COLUMNS * SHEET_COLUMNS]]
    rows = [np.hstack(tiles[start : start + SHEET_COLUMNS]) for start in range(0, len(tiles), SHEET_COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def assess(synthesizer: Synthesizer, *, portraits: Portraits, mesh: Path, count: int, sheet: Path) -> dict[str, float]:
    """All measurements by name."""
    started = time.process_time()
    faces = [synthesizer.synthesise(request, seed=seed) for seed, request in enumerate(requests(count))]
    seconds = (time.process_time() - started) / count
    write_sheet(faces, sheet)
    result = {"seconds_per_face": seconds, "one_face_found": found_share(faces)}
    return result | attribute_hits(faces, mesh=mesh) | class_accuracy(portraits, faces)


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small: NDArray[np.uint8] = cv2.resize(pixels, (TILE, TILE), interpolation=cv2.INTER_AREA)
    return small


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("aligned", type=Path)
    reader.add_argument("--mesh", type=Path, required=True)
    reader.add_argument("--count", type=int, default=200)
    reader.add_argument("--sheet", type=Path, default=Path("sheet.png"))
    asked = reader.parse_args()
    torch.set_num_threads(1)
    portraits = Portraits.load(asked.aligned)
    found = assess(open_synthesizer(), portraits=portraits, mesh=asked.mesh, count=asked.count, sheet=asked.sheet)
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
