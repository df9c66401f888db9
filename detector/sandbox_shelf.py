"""Memory that a sandbox child shares with its parent, for answers that are pictures: through a pipe they would cross in
as many pieces as it holds, and wake either process for each.

The child may write whatever and whenever it likes: what is taken from here is copied first and judged then. The kernel
forbids it to make the memory smaller, which would end the parent (SIGBUS).
"""

import contextlib
import fcntl
import mmap
import os
import sys
from typing import Final, Self

BYTES: Final = 16 * 1024 * 1024
"""A picture of five megapixels fits; larger ones take the pipe, where a few milliseconds matter less."""
NONE: Final = -1
"""In place of a descriptor: there is no shared memory."""


class Shelf:
    """The memory behind `descriptor`, which whoever makes one inherits from or hands to the other process."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, BYTES)

    @classmethod
    def make(cls) -> Self | None:
        """A new one of zeros; null where the system has none."""
        if sys.platform != "linux":
            return None  # where nothing could be sealed
        with contextlib.suppress(OSError):
            descriptor = os.memfd_create("shingan-sandbox", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            try:
                os.ftruncate(descriptor, BYTES)
                seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
                fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
                return cls(descriptor)
            except OSError:
                os.close(descriptor)
                raise
        return None

    def put(self, data: memoryview) -> bool:
        """Whether `data` has found room here."""
        if data.nbytes > BYTES:
            return False
        self._memory[: data.nbytes] = data
        return True

    def take(self, size: int) -> bytearray:
        """A copy of the first `size` bytes; raises `ValueError` if there are not so many."""
        if not 0 <= size <= BYTES:
            raise ValueError("beyond the shared memory")
        with memoryview(self._memory) as whole, whole[:size] as part:
            return bytearray(part)

    def close(self) -> None:
        """Harmless when it is closed."""
        if not self._memory.closed:
            self._memory.close()
            os.close(self.descriptor)
