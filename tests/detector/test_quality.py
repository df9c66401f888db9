"""Quality decides the tier, and the tier decides the threshold: a wrong quality is a wrong accusation."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.quality import Quality, jpeg_quality, measure
from detector.types import Face, Pixels, Tier

FACE = Face((10.0, 10.0, 90.0, 90.0), ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 75.0), (65.0, 75.0)), 1.0)


def noise(side: int = 100) -> Pixels:
    return np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("quality", [20, 30, 50, 60, 75, 85, 95])
def test_reads_the_jpeg_quality_back(quality: int) -> None:
    data = cv2.imencode(".jpg", noise(), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    measured = jpeg_quality(data)
    assert measured is not None
    assert abs(measured - quality) <= 2


@given(st.binary(max_size=200))
def test_hostile_headers_give_a_number_or_nothing(tail: bytes) -> None:
    measured = jpeg_quality(b"\xff\xd8\xff" + tail)
    assert measured is None or 1 <= measured <= 100
    assert jpeg_quality(b"\x89PNG" + tail) is None


@pytest.mark.parametrize(
    ("jpeg", "side", "tier"),
    [
        (None, 120, Tier.CLEAN),
        (95, 120, Tier.CLEAN),
        (70, 120, Tier.WEB),
        (95, 60, Tier.WEB),
        (40, 200, Tier.HARD),
        (95, 40, Tier.HARD),
    ],
)
def test_tier(jpeg: int | None, side: float, tier: Tier) -> None:
    assert Quality(jpeg, side, 100.0).tier is tier


def test_blur_lowers_sharpness() -> None:
    sharp = noise()
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 6), dtype=np.uint8)
    assert measure(soft, FACE, jpeg=None).sharpness < measure(sharp, FACE, jpeg=None).sharpness / 10


def test_a_box_outside_of_the_frame_has_no_sharpness() -> None:
    outside = Face((200.0, 200.0, 280.0, 280.0), FACE.landmarks, 1.0)
    assert measure(noise(), outside, jpeg=None).sharpness == 0.0
