"""A fingerprint survives delivery and tells pictures apart."""

import io
from collections.abc import Callable

import numpy as np
import pdqhash
import pytest
from PIL import Image

from detector.errors import ProvenanceError
from detector.provenance.fingerprint import distance, pdq
from detector.provenance.known_media import MAX_DISTANCE
from detector.types import Pixels


def test_copy_is_near_and_another_picture_is_far(
    make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    first, quality = pdq(make_photo(1))
    delivered = Image.open(io.BytesIO(encode(make_photo(1), "JPEG", quality=60))).resize((200, 150))
    assert quality >= 50
    assert len(first) == 64
    assert distance(first, pdq(np.asarray(delivered))[0]) <= MAX_DISTANCE
    assert distance(first, pdq(make_photo(2))[0]) > 2 * MAX_DISTANCE


@pytest.mark.parametrize("size", [(64, 64), (100, 63), (257, 300), (640, 480), (900, 1300)])
def test_it_is_the_hash_that_others_make(make_photo: Callable[..., Pixels], size: tuple[int, int]) -> None:
    pixels = make_photo(sum(size), width=size[0], height=size[1])
    bits, quality = pdqhash.compute(pixels)
    found, mine = pdq(pixels)
    assert distance(found, np.packbits(np.asarray(bits, np.uint8)).tobytes().hex()) <= 2
    assert abs(mine - quality) <= 2


def test_flat_picture_has_no_quality() -> None:
    assert pdq(np.full((64, 64, 3), 90, np.uint8))[1] == 0


@pytest.mark.parametrize("text", ["", "0" * 63, "g" * 64, "0" * 62 + "0x"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ProvenanceError):
        distance(text, "0" * 64)


def test_distance_counts_bits() -> None:
    assert distance("0" * 64, "0" * 62 + "f1") == 5
