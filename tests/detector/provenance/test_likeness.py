"""A copy shows what its release shows; another picture does not, however much it shares with it."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from detector.provenance.likeness import shows_any
from detector.types import Pixels


@pytest.fixture
def release(make_scene: Callable[[int], Pixels]) -> Pixels:
    return make_scene(1)


def _turned(pixels: Pixels, degrees: float = 8.0, scale: float = 1.2) -> Pixels:
    matrix = cv2.getRotationMatrix2D((pixels.shape[1] / 2, pixels.shape[0] / 2), degrees, scale)
    turned: Pixels = cv2.warpAffine(pixels, matrix, (pixels.shape[1], pixels.shape[0]))
    return turned


COPIES: dict[str, Callable[[Pixels], Pixels]] = {
    "itself": lambda pixels: pixels,
    "mirrored": lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
    "quarter turn": lambda pixels: np.rot90(pixels).copy(),
    "turned": _turned,
    "half as large": lambda pixels: cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "cropped": lambda pixels: pixels[60:340, 100:500].copy(),
    "darker": lambda pixels: (pixels * 0.6).astype(np.uint8),
    "squeezed": lambda pixels: cv2.resize(pixels, None, fx=0.7, fy=1.0, interpolation=cv2.INTER_AREA),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_shows_the_release(release: Pixels, name: str) -> None:
    assert shows_any([COPIES[name](release)], [release])


@pytest.mark.parametrize("seed", range(2, 8))
def test_another_picture_does_not(release: Pixels, make_scene: Callable[[int], Pixels], seed: int) -> None:
    assert not shows_any([make_scene(seed)], [release])


def test_a_corner_of_the_release_in_another_picture_does_not(
    release: Pixels, make_scene: Callable[[int], Pixels]
) -> None:
    other = make_scene(2)
    other[:120, :150] = release[:120, :150]
    assert not shows_any([other], [release])


@pytest.mark.parametrize("level", [0, 128])
def test_a_picture_of_nothing_shows_nothing(release: Pixels, level: int) -> None:
    blank = np.full_like(release, level)
    assert not shows_any([blank], [release])
    assert not shows_any([release], [blank])
    assert not shows_any([blank], [blank])


@pytest.mark.parametrize("shape", [(1, 1), (1, 600), (20, 20)], ids=str)
def test_tiny_pictures_show_nothing(release: Pixels, shape: tuple[int, int]) -> None:
    assert not shows_any([release[: shape[0], : shape[1]]], [release])


def test_one_frame_is_enough(release: Pixels, make_scene: Callable[[int], Pixels]) -> None:
    others = [make_scene(seed) for seed in (2, 3)]
    assert shows_any([others[0], release], [others[1], release])
    assert not shows_any([others[0]], [others[1], release])
    assert not shows_any([], [release])
