"""What a mark may cost a picture of any kind, and where it is laid."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from detector.provenance.keys import MarkKey
from detector.provenance.mask import mask
from detector.provenance.payload import Payload
from detector.provenance.watermark import embed
from detector.training.mark_lab import psnr, ssim
from detector.types import Pixels

SIDE = 512
KEY = MarkKey(3, bytes(range(32)))


def _smooth(photo: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), 12), np.uint8)


def _busy(photo: Pixels) -> Pixels:
    noise = np.random.default_rng(4).normal(0, 45, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def _half(photo: Pixels) -> Pixels:
    both = photo.copy()
    both[:, : SIDE // 2] = _smooth(photo)[:, : SIDE // 2]
    both[:, SIDE // 2 :] = _busy(photo)[:, SIDE // 2 :]
    return both


@pytest.mark.parametrize("made", [_smooth, _busy, _half, np.asarray], ids=["smooth", "busy", "half", "as taken"])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_picture_loses_more_than_it_may(
    made: Callable[[Pixels], Pixels], seed: int, make_photo: Callable[..., Pixels]
) -> None:
    photo = made(make_photo(seed, width=SIDE, height=SIDE))
    marked = embed(photo, payload=Payload("0123456789ab", 3), key=KEY)
    assert psnr(photo, marked) >= 43.0
    assert ssim(photo, marked) >= 0.985


@pytest.mark.parametrize("shape", [(255, 384), (301, 257), (384, 384)])
def test_the_mask_covers_the_picture_and_is_even_where_the_picture_is(shape: tuple[int, int]) -> None:
    plane = np.full(shape, 90, np.float32)
    assert mask(plane).shape == shape
    assert np.ptp(mask(plane)) < 1e-4
    plane[:, shape[1] // 2 :] += np.random.default_rng(1).normal(0, 20, plane[:, shape[1] // 2 :].shape)
    weight = mask(plane)
    assert weight[:, : shape[1] // 3].max() < weight[:, -shape[1] // 3 :].min()


def test_a_picture_that_is_busy_everywhere_bears_the_mark_evenly() -> None:
    plane = np.random.default_rng(2).normal(128, 30, (256, 256)).astype(np.float32)
    plane[:, 128:] = 128 + (plane[:, 128:] - 128) * 0.7
    assert np.ptp(mask(plane)) < 1e-4
    assert np.mean(mask(plane) ** 2) == pytest.approx(1, abs=1e-3)


def test_a_smooth_picture_bears_less() -> None:
    plane = np.full((256, 256), 128, np.float32)
    assert np.mean(mask(plane) ** 2) < 0.6
