"""The batcher changes when faces are read, never what is read; and every caller gets its own answer or error."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import numpy as np
import pytest

from detector.classifier.batcher import Batcher, split
from detector.classifier.cards import ModelCard
from detector.classifier.network import FamilyClassifier
from detector.classifier.scorer import FaceExpert, Reading, Views
from detector.errors import ModelUnavailable
from detector.types import EvidenceKind, Face, Pixels

CARD = ModelCard(
    "tiny", EvidenceKind.SYNTHESIS, "faces", "test_efficientnet", ("a", "b"), 64, 1.3, "", "", "", MappingProxyType({})
)


class Meter:
    """Reads the mean of a crop; remembers its batches; fails on a crop that is all zero."""

    card = CARD

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[int] = set()
        self.asked = threading.Event()
        self.released = threading.Event()
        self.released.set()

    def prepare(self, pixels: Pixels, face: Face) -> Views:
        return (pixels,)

    def read(self, views: Sequence[Views]) -> Reading:
        self.asked.set()
        self.released.wait()
        self.batches.append(len(views))
        self.threads.add(threading.get_ident())
        if any(not crop.any() for (crop,) in views):
            raise ModelUnavailable("black")
        means = np.array([crop.mean() for (crop,) in views])
        return Reading(means, np.zeros(len(views), np.float32))


def crop(value: int) -> Views:
    return (np.full((4, 4, 3), value, np.uint8),)


def noise(count: int) -> list[Views]:
    rng = np.random.default_rng(0)
    return [(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8),) for _ in range(count)]


def expert() -> FaceExpert:
    model = FamilyClassifier(CARD.backbone, 2).eval()
    return FaceExpert(CARD, model, domain=None, points=True, device="cpu")


def test_every_thread_gets_its_own_answer() -> None:
    meter = Meter()
    with Batcher(wait_s=0.05) as batcher, ThreadPoolExecutor(12) as pool:
        shared = batcher.wrap(meter)
        read = list(pool.map(lambda value: shared.read([crop(value), crop(value + 1)]).logits, range(1, 25)))
    assert [list(logits) for logits in read] == [[value, value + 1] for value in range(1, 25)]
    assert len(meter.threads) == 1
    assert max(meter.batches) > 2


def test_a_lone_request_is_read_after_the_deadline() -> None:
    with Batcher(wait_s=0.05) as batcher:
        start = time.monotonic()
        assert batcher.wrap(Meter()).read([crop(7)]).logits[0] == 7
        assert time.monotonic() - start > 0.04


def test_a_full_batch_does_not_wait() -> None:
    with Batcher(wait_s=30) as batcher:
        assert len(batcher.wrap(Meter()).read([crop(7)] * 16).logits) == 16


def test_an_error_reaches_the_caller_that_caused_it_alone() -> None:
    meter = Meter()
    with Batcher(wait_s=0.2) as batcher, ThreadPoolExecutor(3) as pool:
        shared = batcher.wrap(meter)
        asked = [pool.submit(shared.read, [crop(value)]) for value in (5, 0, 9)]
        assert [asked[0].result().logits[0], asked[2].result().logits[0]] == [5, 9]
        with pytest.raises(ModelUnavailable, match="black"):
            asked[1].result()
        assert shared.read([crop(3)]).logits[0] == 3


def test_experts_share_the_thread_but_not_their_faces() -> None:
    first, second = Meter(), Meter()
    with Batcher(wait_s=0.1) as batcher, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(batcher.wrap(meter).read, [crop(value)]) for meter, value in ((first, 1), (second, 2))]
        assert [future.result().logits[0] for future in asked] == [1, 2]
    assert first.threads == second.threads
    assert first.batches == second.batches == [1]


def test_closing_answers_what_was_asked_and_then_refuses() -> None:
    meter = Meter()
    meter.released.clear()
    batcher = Batcher()
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(batcher.wrap(meter).read, [crop(4)])
        meter.asked.wait()
        closed = pool.submit(batcher.close)
        meter.released.set()
        assert asked.result().logits[0] == 4
        closed.result()
    batcher.close()
    with pytest.raises(ModelUnavailable, match="closed"):
        batcher.wrap(meter).read([crop(4)])
    assert len(batcher.wrap(meter).read([]).logits) == 0


def test_batched_readings_are_the_single_ones() -> None:
    alone, views = expert(), noise(19)
    single = [alone.read([view]) for view in views]
    with Batcher(wait_s=0.1) as batcher, ThreadPoolExecutor(19) as pool:
        shared = batcher.wrap(alone)
        together = list(pool.map(lambda view: shared.read([view]), views))
    for one, other in zip(single, together, strict=True):
        assert np.allclose(one.logits, other.logits, atol=1e-4)
        assert one.features is not None
        assert other.features is not None
        assert np.allclose(one.features, other.features, atol=1e-4)
        assert one.masks is not None
        assert other.masks is not None
        assert np.allclose(one.masks, other.masks, atol=1e-4)


def test_half_precision_stays_close() -> None:
    alone, views = expert(), noise(3)
    with Batcher(half=True) as batcher:
        read = batcher.wrap(alone).read(views)
    assert np.allclose(read.logits, alone.read(views).logits, atol=0.05)


def test_a_reading_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="asked for"):
        split(Reading(np.zeros(2), np.zeros(2, np.float32)), [3])
