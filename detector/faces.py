"""Finds faces and cuts them out level and at one scale, so that every expert sees a face the same way."""

from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.types import Face, Pixels

SEARCH_SIDE: Final = 1024
"""Longer side in pixels at which faces are searched; a face under `MIN_FACE` there is too small to judge anyway."""
MIN_FACE: Final = 24
MIN_CONFIDENCE: Final = 0.95
"""MTCNN probability. At .95 one face in a hundred of the indexed sets is missed; most of those at any confidence."""
MARGIN: Final = 1.3
"""Side of the crop over the longer side of the box: chin, ears and the border of a swapped region stay inside."""
MAX_FACES: Final = 32


class FaceFinder:
    """MTCNN (Zhang et al. 2016) from `facenet-pytorch`, whose weights ship in its wheel; loaded at the first call."""

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = device

    @cached_property
    def _mtcnn(self):  # type: ignore[no-untyped-def]  # noqa: ANN202
        from facenet_pytorch import MTCNN

        return MTCNN(keep_all=True, device=self._device, min_face_size=MIN_FACE, post_process=False)

    def find(self, pixels: Pixels) -> tuple[Face, ...]:
        """Faces of `pixels`, largest first, in its own pixel coordinates; at most `MAX_FACES`."""
        scale = min(1.0, SEARCH_SIDE / max(pixels.shape[:2]))
        small = pixels if scale == 1.0 else cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if min(small.shape[:2]) < MIN_FACE:
            return ()
        boxes, confidences, points = self._mtcnn.detect(np.ascontiguousarray(small), landmarks=True)
        if boxes is None:
            return ()
        found = [
            _face(box / scale, confidence, marks / scale)
            for box, confidence, marks in zip(boxes, confidences, points, strict=True)
            if confidence is not None and confidence >= MIN_CONFIDENCE
        ]
        return tuple(sorted(found, key=lambda face: -face.size)[:MAX_FACES])


def _face(box: NDArray[np.float32], confidence: float, marks: NDArray[np.float32]) -> Face:
    x0, y0, x1, y1 = (float(v) for v in box)
    return Face((x0, y0, x1, y1), tuple((float(x), float(y)) for x, y in marks), float(confidence))


def crop_matrix(face: Face, *, side: int, margin: float = MARGIN) -> NDArray[np.float64]:
    """2x3 matrix that turns frame coordinates into a `side` px crop centred on the box with the eyes level."""
    x0, y0, x1, y1 = face.box
    (lx, ly), (rx, ry) = face.landmarks[0], face.landmarks[1]
    angle = float(np.degrees(np.arctan2(ry - ly, rx - lx)))
    scale = side / (margin * max(x1 - x0, y1 - y0, 1.0))
    matrix = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), angle, scale)
    matrix[:, 2] += side / 2 - np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.asarray(matrix, dtype=np.float64)


def crop_face(pixels: Pixels, face: Face, *, side: int, margin: float = MARGIN) -> Pixels:
    """The face as `side` x `side` RGB; what lies outside of the frame is mirrored in, as in training."""
    matrix = crop_matrix(face, side=side, margin=margin)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:  # warpAffine does not filter: shrink first, or fine texture folds into false artefacts
        factor = max(2 * scale, 1.0 / max(pixels.shape[:2]))
        shrunk = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.array([[1 / factor, 0, 0], [0, 1 / factor, 0], [0, 0, 1]])
        pixels = np.asarray(shrunk, dtype=np.uint8)
    crop = cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(crop, dtype=np.uint8)
