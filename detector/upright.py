"""A decoded frame as a player shows it: square pixels, turned as the file says, RGB. Runs in the sandbox child only."""

from fractions import Fraction
from typing import Final

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from detector.types import Pixels

MAX_ASPECT: Final = 4
"""Pixels more than four times as wide as high, or the reverse, are believed to be square: nobody makes such."""


def upright_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Width and height as shown: square pixels, after the turn."""
    width, height = _square(frame, stream)
    return (height, width) if _turn(frame)[0] else (width, height)


def upright(frame: VideoFrame, stream: VideoStream, side: int) -> Pixels:
    """The frame as RGB, H W 3, as a player shows it, no side above `side`."""
    width, height = _square(frame, stream)
    scale = min(1.0, side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    same = size == (frame.width, frame.height)
    small = frame.reformat(*size, format="rgb24", interpolation="BICUBIC" if same else "AREA", threads=1)
    pixels: Pixels = np.asarray(small.to_ndarray(), dtype=np.uint8)
    transpose, rows, columns = _turn(frame)
    pixels = pixels.transpose(1, 0, 2) if transpose else pixels
    return np.ascontiguousarray(pixels[:: -1 if rows else 1, :: -1 if columns else 1])


def _square(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, MAX_ASPECT) <= aspect <= MAX_ASPECT:
        aspect = Fraction(1)
    return max(1, round(frame.width * aspect)), frame.height


def _turn(frame: VideoFrame) -> tuple[bool, bool, bool]:
    """Whether to transpose, then to flip rows, then columns, as the display matrix says (ISO/IEC 14496-12, 8.3.2)."""
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]  # the stubs say text
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, b < 0, c < 0
    return False, d < 0, a < 0
