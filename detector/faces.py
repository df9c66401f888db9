"""Finds faces and cuts them out level and at one scale, so that every expert sees a face the same way."""

from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.importing import ONE_IMPORT
from detector.types import Face, Pixels

SEARCH_SIDE: Final = 1024
"""Longer side in pixels at which faces are searched; a face under `MIN_FACE` there is too small to judge anyway."""
MIN_FACE: Final = 24
MIN_CONFIDENCE: Final = 0.95
"""MTCNN probability. At .95 one face in a hundred of the indexed sets is missed; most of those at any confidence."""
CLOSE_SHARE: Final = 0.35
"""Least share of the picture's shorter side that a face found only at the second look must take up (chosen)."""
CLOSE_SIDES: Final = (48.0, 96.0)
"""Sizes in pixels that a face of `CLOSE_SHARE` has in turn at the second look. Found as many as looks at 1,024 and 512
pixels did, on a third of their pixels; MTCNN judges faces at 48."""
MARGIN: Final = 1.3
"""Side of the crop over the longer side of the box: chin, ears and the border of a swapped region stay inside."""
MAX_FACES: Final = 32


class FaceFinder:
    """MTCNN (Zhang et al. 2016) from `facenet-pytorch`, whose weights ship in its wheel; loaded at the first call."""

    def __init__(self, *, device: str = "cpu") -> None:
        self._device = device

    @cached_property
    def _mtcnn(self):  # type: ignore[no-untyped-def]  # noqa: ANN202
        with ONE_IMPORT:
            from facenet_pytorch import MTCNN

        return MTCNN(keep_all=True, device=self._device, min_face_size=MIN_FACE, post_process=False)

    def find(self, pixels: Pixels) -> tuple[Face, ...]:
        """Faces of `pixels`, largest first, in its own pixel coordinates; at most `MAX_FACES`."""
        return self._search(pixels) or self._search_close(pixels)

    def _search_close(self, pixels: Pixels) -> tuple[Face, ...]:
        """A second look for one face that fills the frame, which MTCNN misses without space around it."""
        height, width = pixels.shape[:2]
        top, left = height // 2, width // 2
        padded = cv2.copyMakeBorder(pixels, top, top, left, left, cv2.BORDER_REPLICATE)
        for side in CLOSE_SIDES:
            most = side / CLOSE_SHARE * max(padded.shape[:2]) / min(height, width)
            found = self._search(np.asarray(padded, np.uint8), most=min(most, SEARCH_SIDE))
            close = [moved(face, -left, -top) for face in found if face.size >= CLOSE_SHARE * min(height, width)]
            if close:
                return (close[0],)
        return ()

    def _search(self, pixels: Pixels, *, most: float = SEARCH_SIDE) -> tuple[Face, ...]:
        scale = min(1.0, most / max(pixels.shape[:2]))
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


def moved(face: Face, x: float, y: float) -> Face:
    """`face` as seen from a frame whose origin lies at (-x, -y)."""
    x0, y0, x1, y1 = face.box
    marks = tuple((mx + x, my + y) for mx, my in face.landmarks)
    return Face((x0 + x, y0 + y, x1 + x, y1 + y), marks, face.confidence)


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
    return cut(pixels, crop_matrix(face, side=side, margin=margin), side=side)


def cut(pixels: Pixels, matrix: NDArray[np.float64], *, side: int) -> Pixels:
    """What the 2x3 `matrix` brings into a square of `side` pixels; the outside of the frame is mirrored in."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 0.5:  # warpAffine does not filter: shrink first, or fine texture folds into false artefacts
        factor = max(2 * scale, 1.0 / max(pixels.shape[:2]))
        shrunk = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        matrix = matrix @ np.array([[1 / factor, 0, 0], [0, 1 / factor, 0], [0, 0, 1]])
        pixels = np.asarray(shrunk, dtype=np.uint8)
    crop = cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(crop, dtype=np.uint8)
