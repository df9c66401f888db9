"""What a file gives away without a look at the face, as features, and how well a small model tells by it."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from detector.training.metrics import Mask, Values, ranking
from detector.training.resampling import Interval, group_weights, interval
from detector.types import Face, Pixels

THUMBNAIL: Final = 32
COMPONENTS: Final = 48
"""Principal components kept of a thumbnail: more only slow the probes down (chosen)."""
FOLDS: Final = 5
SEED: Final = 0
TABLES: Final = 4
"""Quantisation tables a JPEG may define (ITU-T T.81, B.2.4.1)."""
BLOCK: Final = 8

Features = NDArray[np.float64]


def thumbnail(pixels: Pixels) -> Features:
    """The picture at 32 x 32, 0–1: colour, light, framing and background, no detail."""
    small = cv2.resize(pixels, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float64).ravel() / 255.0


def file_habits(path: Path) -> Features:
    """Size in bytes and every quantisation table, subsampling and the kind of frame of a JPEG (T.81, B.2)."""
    data = path.read_bytes()
    tables, frame = np.zeros((TABLES, 64)), np.zeros(5)
    for marker, body in _segments(data):
        if marker == 0xDB:
            _read_tables(body, tables)
        elif 0xC0 <= marker <= 0xC2 and len(body) >= 9:
            frame[:] = marker, body[5], body[7] >> 4, body[7] & 15, len(body)
    return np.concatenate([[np.log(max(1, len(data)))], frame, tables.ravel()])


def _segments(data: bytes) -> list[tuple[int, bytes]]:
    """Marker segments up to the first scan; none of what is not a JPEG."""
    at, found = 2, []
    while data.startswith(b"\xff\xd8") and at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + max(length, 2)
    return found


def _read_tables(body: bytes, tables: NDArray[np.float64]) -> None:
    at = 0
    while at < len(body):
        wide, slot = body[at] >> 4, body[at] & 3
        raw = body[at + 1 : at + 1 + 64 * (1 + min(wide, 1))]
        if len(raw) < 64:
            return
        tables[slot] = np.frombuffer(raw, dtype=">u2" if wide else "u1")[:64]
        at += 1 + len(raw)


def block_trace(pixels: Pixels) -> Features:
    """What JPEG left in a delivered picture: how strong steps are at its 8-pixel grid, alone and against the others."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64)
    found = []
    for axis in (0, 1):
        steps = np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)
        found += [float(steps[phase::BLOCK].mean()) if len(steps) > phase else 0.0 for phase in (BLOCK - 1, 3)]
    return np.asarray(np.log1p(np.array([found[0], found[0] - found[1], found[2], found[2] - found[3]]).clip(-0.9)))


def picture_size(pixels: Pixels) -> Features:
    height, width = pixels.shape[:2]
    return np.log(np.array([height, width, height / width, height * width], dtype=np.float64))


def face_size(pixels: Pixels, face: Face) -> Features:
    """Size of a picture and of the face in it: what a crop at one scale keeps of them is how soft it is."""
    return np.append(picture_size(pixels), np.log(max(face.size, 1.0)))


def probe(features: Features, fake: Mask, groups: NDArray[np.str_]) -> Interval:
    """AUC of the better of two small models, each tested on groups that it was not fitted on, with its interval.

    .5 where the classes are not told apart, or where there are fewer than `FOLDS` groups of a class.
    """
    if min(len(set(groups[fake].tolist())), len(set(groups[~fake].tolist()))) < FOLDS:
        return [0.5, None, None]
    found = [interval(_held_out(model, features, fake, groups)) for model in _models(features)]
    return max(found, key=lambda one: one[0] or 0.0)


def _models(features: Features) -> tuple[Pipeline, Pipeline]:
    """A linear one and boosted trees; principal components first where there are many features."""
    rows, width = features.shape
    kept = min(COMPONENTS, rows // 2)
    reduced = [PCA(kept, svd_solver="randomized", random_state=SEED)] if width > 10 * kept else []
    linear = make_pipeline(*reduced, StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    trees = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=15, min_samples_leaf=10, random_state=SEED)
    return linear, make_pipeline(*reduced, trees)


def _held_out(model: Pipeline, features: Features, fake: Mask, groups: NDArray[np.str_]) -> Values:
    """AUC of the data and of its bootstrap draws; scores are ranks within a fold, since folds do not share a scale."""
    ranks = np.zeros(len(fake))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for fitted, tested in folds.split(features, fake, groups):
        scores = model.fit(features[fitted], fake[fitted]).predict_proba(features[tested])[:, 1]
        order = np.unique(scores, return_inverse=True)[1]
        ranks[tested] = order / max(1, order.max())
    return ranking(ranks, fake, group_weights(groups))["auc"]
