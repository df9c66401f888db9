"""Files of tenants who have nothing kept: in memory alone, for as long as it takes to fetch them, and few at once."""

import threading
import time
from collections import OrderedDict
from typing import Final

SECONDS: Final = 600.0
"""How long a file waits to be fetched from the process that made it."""
MAX_BYTES: Final = 256 * 1024 * 1024
"""Of all files that wait; the oldest go first."""


class PassingFiles:
    """Thread-safe; nothing in it outlives the process."""

    def __init__(self, *, seconds: float = SECONDS, max_bytes: int = MAX_BYTES) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._held: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, name: str, data: bytes) -> None:
        with self._lock:
            self._drop_old()
            self._held[name] = (time.monotonic(), data)
            while len(self._held) > 1 and sum(len(item) for _, item in self._held.values()) > self._max_bytes:
                self._held.popitem(last=False)

    def get(self, name: str) -> bytes | None:
        """Null if there is none of this name, or it waited for too long."""
        with self._lock:
            self._drop_old()
            found = self._held.get(name)
            return found[1] if found else None

    def forget(self, name: str) -> None:
        with self._lock:
            self._held.pop(name, None)

    def _drop_old(self) -> None:
        limit = time.monotonic() - self._seconds
        while self._held and next(iter(self._held.values()))[0] <= limit:
            self._held.popitem(last=False)
