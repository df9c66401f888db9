"""One thread owns the accelerator and reads faces of all frames and requests together.

Requests come from several threads with a face or two each; a device is busy only with many. The owner takes the first
request, gathers what arrives until `BATCH_ITEMS` faces or `BATCH_WAIT_S`, and reads them expert by expert. On a CPU
it never waits, since there a larger batch gains less than the wait costs. Half precision is entered here, because
autocast holds for one thread only.
"""

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray

from detector.classifier.cards import ModelCard
from detector.classifier.scorer import Expert, Reading, Views, joined
from detector.errors import ModelUnavailable
from detector.types import Face, Pixels

BATCH_ITEMS: Final = 16
"""Faces at which a batch is read at once (chosen: as many as an expert puts through its network at a time)."""
BATCH_WAIT_S: Final = 0.008
"""How long the first request of a batch may wait for others (chosen: under a tenth of one inspection)."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """The faces that one caller waits for."""

    expert: Expert
    views: Sequence[Views]
    answer: "Future[Reading]" = field(default_factory=Future)


class Batcher:
    """Reads faces in one thread of its own; `close` it, or use it as a context.

    `half` reads in half precision: float16 on CUDA, bfloat16 on a CPU (slower there without hardware for it).
    """

    def __init__(
        self, *, device: str = "cpu", half: bool | None = None, items: int = BATCH_ITEMS, wait_s: float | None = None
    ) -> None:
        cuda = device.startswith("cuda")
        self._device = device.partition(":")[0]
        self._half = cuda if half is None else half
        self._items = items
        self._wait_s = (BATCH_WAIT_S if cuda else 0.0) if wait_s is None else wait_s
        self._queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wrap(self, expert: Expert) -> "BatchedExpert":
        """`expert`, whose faces are from now on read by this batcher."""
        return BatchedExpert(expert, self)

    def read(self, expert: Expert, views: Sequence[Views]) -> Reading:
        """As `expert.read`, whose errors come out here; raises `ModelUnavailable` once the batcher is closed."""
        request = Request(expert, views)
        with self._lock:
            if self._closed:
                raise ModelUnavailable("the detector was closed")
            self._queue.put(request)
        return request.answer.result()

    def close(self) -> None:
        """Reads what was asked for before, then ends the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        more = True
        while more and (first := self._queue.get()) is not None:
            requests, more = self._gather(first)
            for same in by_expert(requests):
                self._answer(same)

    def _gather(self, first: Request) -> tuple[list[Request], bool]:
        """The requests of one batch, and whether more may follow."""
        requests, deadline = [first], time.monotonic() + self._wait_s
        while sum(len(request.views) for request in requests) < self._items:
            try:
                following = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if following is None:
                return requests, False
            requests.append(following)
        return requests, True

    def _answer(self, requests: Sequence[Request]) -> None:
        """Answers requests to one expert; if they fail together each is read alone, so that only the faulty fails."""
        try:
            reading = self._read(requests[0].expert, [view for request in requests for view in request.views])
            parts = split(reading, [len(request.views) for request in requests])
        except Exception as error:
            if len(requests) > 1:
                for request in requests:
                    self._answer([request])
            else:
                requests[0].answer.set_exception(error)
        else:
            for request, part in zip(requests, parts, strict=True):
                request.answer.set_result(part)

    def _read(self, expert: Expert, views: Sequence[Views]) -> Reading:
        dtype = torch.float16 if self._device == "cuda" else torch.bfloat16
        with torch.autocast(self._device, dtype=dtype, enabled=self._half):
            return expert.read(views)


class BatchedExpert:
    """An expert that prepares faces in the caller's thread and has them read by a batcher."""

    def __init__(self, expert: Expert, batcher: Batcher) -> None:
        self._expert = expert
        self._batcher = batcher

    @property
    def card(self) -> ModelCard:
        return self._expert.card

    def prepare(self, pixels: Pixels, face: Face) -> Views:
        return self._expert.prepare(pixels, face)

    def read(self, views: Sequence[Views]) -> Reading:
        return self._batcher.read(self._expert, views) if views else joined([])


def by_expert(requests: Sequence[Request]) -> list[list[Request]]:
    """Requests grouped by expert, in the order of arrival."""
    groups: dict[int, list[Request]] = {}
    for request in requests:
        groups.setdefault(id(request.expert), []).append(request)
    return list(groups.values())


def split(reading: Reading, counts: Sequence[int]) -> list[Reading]:
    """The parts of `counts` faces of one reading; raises `ValueError` if it has another number of faces."""
    if len(reading.logits) != sum(counts):
        raise ValueError(f"{sum(counts)} faces were asked for, {len(reading.logits)} were read")
    ends = np.cumsum(counts)
    return [_part(reading, int(end - count), int(end)) for count, end in zip(counts, ends, strict=True)]


def _part(reading: Reading, start: int, end: int) -> Reading:
    return Reading(
        reading.logits[start:end],
        reading.distances[start:end],
        _rows(reading.features, start, end),
        _rows(reading.masks, start, end),
    )


def _rows(array: NDArray[np.float32] | None, start: int, end: int) -> NDArray[np.float32] | None:
    return None if array is None else array[start:end]
