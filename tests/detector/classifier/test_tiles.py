"""Tiles are the picture's own pixels, whatever the size and place of the face."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector.classifier.tiles import GRID, TILE, cut_tiles
from detector.types import Face, Pixels


def picture(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def face(x0: float, y0: float, x1: float, y1: float) -> Face:
    return Face((x0, y0, x1, y1), ((x0, y0),) * 5, 1.0)


def test_tiles_of_a_large_face_are_untouched_cuts_of_its_corners() -> None:
    pixels = picture(400, 500)
    tiles = cut_tiles(pixels, face(100, 50, 350, 300))
    assert np.array_equal(tiles[0], pixels[50 : 50 + TILE, 100 : 100 + TILE])
    assert np.array_equal(tiles[-1], pixels[300 - TILE : 300, 350 - TILE : 350])


def test_small_face_lies_in_the_middle_of_every_tile() -> None:
    pixels = picture(300, 300)
    tiles = cut_tiles(pixels, face(140, 140, 160, 160))
    assert all(np.array_equal(tile, pixels[102:198, 102:198]) for tile in tiles)


def test_picture_smaller_than_a_tile_is_mirrored() -> None:
    pixels = picture(40, 60)
    tile = cut_tiles(pixels, face(10, 0, 50, 40))[0]
    assert np.array_equal(tile[28:68, 18:78], pixels)
    assert np.array_equal(tile[28:68, 17], pixels[:, 1])


@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.tuples(*[st.floats(-300, 500)] * 2),
    st.floats(1, 400),
)
def test_any_face_gives_the_same_shape(height: int, width: int, corner: tuple[float, float], size: float) -> None:
    x, y = corner
    tiles = cut_tiles(picture(height, width), face(x, y, x + size, y + size))
    assert tiles.shape == (GRID * GRID, TILE, TILE, 3)
    assert tiles.dtype == np.uint8
