"""A visible label is where people look, as large as the law asks, and does not keep the watermark from being read."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.watermark import detect, embed
from detector.types import Pixels
from generator.label import GLYPHS, INK, Label, labelled

GREY = np.full((400, 600, 3), 128, np.uint8)


def ink_box(pixels: Pixels) -> tuple[int, int, int, int]:
    """Rows and columns that the letters span: first and last of each."""
    bright = (pixels.min(axis=2) > 0.9 * INK).nonzero()
    return int(bright[0].min()), int(bright[0].max()), int(bright[1].min()), int(bright[1].max())


def test_none_changes_nothing() -> None:
    assert labelled(GREY, Label.NONE) is GREY


@pytest.mark.parametrize("label", [Label.EU, Label.CHINA])
@pytest.mark.parametrize("shape", [(400, 600), (1080, 1920), (1920, 1080), (256, 256)])
def test_letters_are_at_least_a_twentieth_of_the_shortest_side(label: Label, shape: tuple[int, int]) -> None:
    picture = labelled(np.full((*shape, 3), 128, np.uint8), label)
    top, bottom, _, right = ink_box(picture)
    assert bottom - top + 1 >= 0.05 * min(shape)
    assert bottom > 0.9 * shape[0]
    assert right > 0.9 * shape[1]


def test_what_was_done_is_told_apart() -> None:
    texts = [labelled(GREY, Label.EU), labelled(GREY, Label.EU, edited=True), labelled(GREY, Label.CHINA)]
    assert not np.array_equal(texts[0], texts[1])
    assert np.array_equal(texts[2], labelled(GREY, Label.CHINA, edited=True))
    assert (GREY == 128).all()


@pytest.mark.parametrize("back", [0, 255])
def test_it_can_be_read_on_any_ground(back: int) -> None:
    corner = labelled(np.full_like(GREY, back), Label.CHINA)[-60:, -150:]
    assert corner.max() > 250
    assert corner.min() < 100


def test_both_letters_are_drawn_inside_their_square() -> None:
    for strokes in GLYPHS.values():
        assert all(0 <= v <= 1 for stroke in strokes for point in stroke for v in point)


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([Label.EU, Label.CHINA]))
def test_any_size_is_labelled(height: int, width: int, label: Label) -> None:
    pixels = np.zeros((height, width, 3), np.uint8)
    assert labelled(pixels, label).shape == pixels.shape


def test_the_watermark_reads_back_beside_it(make_photo: Callable[..., Pixels]) -> None:
    key = MarkKey(0, bytes(32))
    marked = embed(labelled(make_photo(4, width=512, height=512), Label.CHINA), payload=Payload("00" * 6, 0), key=key)
    assert detect(marked, keys=[key]).record_id == "00" * 6
