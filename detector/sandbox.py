"""Runs whatever parses hostile bytes in child processes with limits, so that a bad file costs an error and no more.

It bounds what a file can use up and keeps memory errors away from the parent. It is no jail: code that took over a
child would still have this user's rights, without the settings and keys that the parent holds in memory.
"""

import json
import queue
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from detector.errors import DetectorError, MediaTooLarge
from detector.sandbox_worker import Worker

MEBIBYTE = 1024 * 1024
TASKS_PER_CHILD = 200
"""A child is replaced after so many tasks: what a file may have done to it, or leaked in it, ends there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost.

    `seconds` is wall-clock and processor time of a task. `memory_bytes` is the child's whole address space, of which
    50 megapixels were measured to need .8 GiB as progressive JPEG, 1.2 as WebP and 1.4 as float TIFF; they took 1 to
    2.5 s on one core.
    """

    max_bytes: int = 64 * MEBIBYTE
    max_pixels: int = 50_000_000
    seconds: float = 8.0
    memory_bytes: int = 2048 * MEBIBYTE


class Sandbox:
    """A pool of child processes, started on demand. Thread-safe: as many tasks run at once as there are `workers`."""

    def __init__(self, *, limits: Limits = Limits(), workers: int = 1) -> None:
        self.limits = limits
        self._child_limits = json.dumps(
            {"max_bytes": limits.max_bytes, "memory_bytes": limits.memory_bytes, "seconds": limits.seconds}
        )
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)
        self._closed = False
        self.kills: Counter[str] = Counter()
        """Children that a file ended, by error code; without those that were replaced in good order."""
        self._finalizer = weakref.finalize(self, _end_all, self._idle)

    def call(self, task: str, payload: bytes, *, patience: float = 1.0, **options: object) -> object:
        """What the function `task` ("package.module:function") returns for `payload` and `options` in a child.

        That is an array (uint8, uint16 or float32), or anything JSON can say. `options` are JSON too. Waits for a free
        child first; that time does not count. `patience` stretches the wall-clock limit alone: for tasks that a busy
        machine must not fail, whose processor time stays limited.

        Raises `DecodeTimeout` past the time limit, `MediaTooLarge` past the memory or byte limit, `UnreadableMedia`
        if the child crashed or the function failed, and any other `DetectorError` that the function raised.
        """
        if len(payload) > self.limits.max_bytes:
            raise MediaTooLarge(f"The file is larger than {self.limits.max_bytes} bytes.")
        with self._borrow() as worker:
            try:
                return worker.call(task, payload, options=options, seconds=patience * self.limits.seconds)
            except DetectorError as error:
                if not worker.alive:
                    self.kills[error.code] += 1
                raise

    def close(self) -> None:
        """End the idle children now and the busy ones as they finish; later calls fail."""
        self._closed = True
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _borrow(self) -> Iterator[Worker]:
        worker = self._idle.get()
        try:
            if self._closed:
                raise DetectorError("The sandbox is closed.")
            if worker is None:
                worker = Worker(self._child_limits, max_answer_bytes=self.limits.memory_bytes)
            yield worker
        finally:
            self._give_back(worker)

    def _give_back(self, worker: Worker | None) -> None:
        if worker is not None and (self._closed or worker.tasks >= TASKS_PER_CHILD or not worker.alive):
            worker.kill()
            worker = None
        self._idle.put(worker)


def _end_all(idle: "queue.LifoQueue[Worker | None]") -> None:
    """End every idle child and leave its empty seat, so that whoever waits for one is woken."""
    seats = []
    while True:
        try:
            seats.append(idle.get_nowait())
        except queue.Empty:
            break
    for worker in seats:
        if worker is not None:
            worker.kill()
        idle.put(None)
