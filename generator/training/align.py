"""Brings eyes and mouth of each portrait to fixed places by its dense face mesh and cuts it out, for training only."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from detector.apparent_age import ApparentAge
from detector.landmarks import LandmarkFinder
from generator.appearance import FRAME
from generator.training.matte import cut_out

LANDMARKS = 468
"""Points of the MediaPipe face mesh (Kartynnik et al. 2019)."""

EYE_LEFT, EYE_RIGHT = (33, 133, 159, 145), (362, 263, 386, 374)
MOUTH = (61, 291, 13, 14)
ANCHORS = np.array([[47, 58], [81, 58], [64, 92]], np.float32)
"""Where eye centres and mouth go in the 128 px frame."""

PORTRAIT_CROP = (0.5, 0.53, 0.62)
"""First guess of the face: centre x, centre y and side as shares of the picture; measured on studio portraits."""

CROP_MARGIN = 1.5
PASSES = 3
MIN_SCORE = 0.0
"""Lowest raw face score (a logit) that keeps a portrait."""


@dataclass(frozen=True, slots=True)
class Portraits:
    """Aligned training pictures with what their index says of them."""

    images: NDArray[np.uint8]
    """N 2F 2F 4: colours of the person without the wall, and the share of person; twice the frame of the model."""
    walls: NDArray[np.uint8]
    """N 3: the colour of the wall behind each."""
    points: NDArray[np.float32]
    """N 468 2, x and y in the 128 px frame."""
    sex: NDArray[np.str_]
    ethnicity: NDArray[np.str_]
    youth: NDArray[np.float32]
    """N: logit of a look younger than adult."""

    def save(self, path: Path) -> None:
        np.savez(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "Portraits":
        with np.load(path) as data:
            return cls(**{field.name: data[field.name] for field in fields(cls)})


class MeshFinder:
    """MediaPipe's `face_landmark.tflite` on one picture at a time."""

    def __init__(self, model: Path) -> None:
        self._net = Interpreter(model_path=str(model), num_threads=1)
        self._net.allocate_tensors()
        inputs, outputs = self._net.get_input_details(), self._net.get_output_details()
        self._input, self._side = inputs[0]["index"], int(inputs[0]["shape"][1])
        self._mesh, self._score = (entry["index"] for entry in outputs[:2])

    def find(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        """Mesh (468 2, pixels of the picture) and raw score of the face near the middle of a portrait."""
        height, width = pixels.shape[:2]
        x, y, share = PORTRAIT_CROP
        centre, side = np.array([x * width, y * height]), share * min(width, height)
        for _ in range(PASSES):
            points, score = self._once(pixels, centre=centre, side=side)
            low, high = points.min(0), points.max(0)
            centre, side = (low + high) / 2, float((high - low).max()) * CROP_MARGIN
        return points, score

    def _once(
        self, pixels: NDArray[np.uint8], *, centre: NDArray[np.float64], side: float
    ) -> tuple[NDArray[np.float32], float]:
        scale = self._side / side
        forward = np.array([[scale, 0, self._side / 2], [0, scale, self._side / 2]])
        forward[:, 2] -= scale * centre
        crop = cv2.warpAffine(pixels, forward, (self._side, self._side), flags=cv2.INTER_AREA)
        self._net.set_tensor(self._input, crop[None].astype(np.float32) / 255)
        self._net.invoke()
        mesh = self._net.get_tensor(self._mesh).reshape(LANDMARKS, 3)[:, :2]
        return ((mesh - forward[:, 2]) / scale).astype(np.float32), float(self._net.get_tensor(self._score).item())


def similarity(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64]:
    """Least-squares 2 3 matrix of turn, scale and shift that takes `source` to `target` (both K 2)."""
    x, y = source[:, 0], source[:, 1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, shift_x, shift_y = np.linalg.lstsq(rows, np.concatenate([target[:, 0], target[:, 1]]), rcond=None)[0]
    return np.array([[a, -b, shift_x], [b, a, shift_y]])


def align(pixels: NDArray[np.uint8], points: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The picture at twice the frame (2F 2F 3) and its points in the frame."""
    anchors = np.stack([points[list(ids)].mean(0) for ids in (EYE_LEFT, EYE_RIGHT, MOUTH)])
    matrix = similarity(anchors, ANCHORS)
    double = 2 * matrix
    double[:, 2] += 0.5
    size = (2 * FRAME, 2 * FRAME)
    image = cv2.warpAffine(pixels, double, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return image, (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def read_index(index: Path, *, split: str, collection: str | None) -> list[dict[str, str]]:
    """Rows of an index CSV (`file, set, split, attrs`), `attrs` being `sex/ethnicity`."""
    with index.open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == split]
    return [row for row in rows if collection is None or row["set"] == collection]


def align_folder(root: Path, rows: Iterable[dict[str, str]], *, model: Path) -> Portraits:
    """Aligns and cuts out the portraits of `rows` in which a face is seen, but for those of apparent minors."""
    finder, landmarks, age = MeshFinder(model), LandmarkFinder(), ApparentAge.load()
    kept: dict[str, list[Any]] = {field.name: [] for field in fields(Portraits)}
    for row in rows:
        raw = cv2.imread(str(root / row["file"]))
        if raw is None:
            continue
        pixels = cv2.cvtColor(raw, cv2.COLOR_BGR2RGB).astype(np.uint8)
        points, score = finder.find(pixels)
        if score <= MIN_SCORE:
            continue
        image, mesh = align(pixels, points)
        large = 2 * mesh + np.float32(0.5)
        youth = age.logit(image, np.pad(large, ((0, 0), (0, 1))), landmarks=landmarks)
        if youth >= age.threshold:
            continue
        person, share, wall = cut_out(image, large)
        cut = np.dstack([person, share])
        sex, ethnicity = row["attrs"].split("/")
        found = (np.round(255 * cut).astype(np.uint8), wall, mesh, sex, ethnicity, youth)
        for values, value in zip(kept.values(), found, strict=True):
            values.append(value)
    return Portraits(**{name: np.array(values) for name, values in kept.items()})
