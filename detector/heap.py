"""How the C library deals with the memory of decoded pictures: not one heap a thread, and not given back each time.

What a picture takes up is used again by the next one. Given back and asked for anew, every page of it faults once more,
which costs as much as decoding does.
"""

import contextlib
import ctypes
from typing import Final

M_TRIM_THRESHOLD: Final = -1
"""Numbers of the options in glibc's malloc.h."""
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
ARENAS: Final = 2
"""Scanning six clips took 60 MiB less with two than with one a thread (measured), and no longer."""
LARGE: Final = 32 * 1024 * 1024
"""Bytes in one piece that are given back as soon as they are free: the most that the library takes."""
KEPT: Final = 64 * 1024 * 1024
"""Free bytes that a heap keeps; what the library's own rule comes to once something large was freed."""


def few_arenas() -> None:
    """Has an effect on threads that are started later; none with another C library than glibc."""
    _tell(M_ARENA_MAX, ARENAS)


def keep_pages() -> None:
    """From now on free memory below the bounds above stays this process's own; no effect but with glibc."""
    _tell(M_MMAP_THRESHOLD, LARGE)
    _tell(M_TRIM_THRESHOLD, KEPT)


def _tell(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(option, value)
