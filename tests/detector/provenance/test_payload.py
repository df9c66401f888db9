"""The mark's payload: what goes in comes out, whatever the channel does within reason, and noise never passes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import ProvenanceError
from detector.provenance import convolution
from detector.provenance import payload as wire
from detector.provenance.payload import CODED_BITS, Payload

SURE_ERRORS = 8  # free distance 18: any 8 errors are put right
PAYLOADS = st.builds(Payload, st.integers(0, 2**48 - 1).map(lambda number: f"{number:012x}"), st.integers(0, 255))


def soft(payload: Payload) -> np.ndarray:
    return (2.0 * wire.encode(payload) - 1.0).astype(np.float32)


@given(PAYLOADS, st.floats(0.01, 100))
def test_roundtrip_at_any_loudness(payload: Payload, gain: float) -> None:
    assert wire.decode(soft(payload) * np.float32(gain)) == (payload, 0)


@given(PAYLOADS, st.sets(st.integers(0, CODED_BITS - 1), max_size=SURE_ERRORS))
def test_any_few_wrong_bits_are_corrected_and_counted(payload: Payload, wrong: set[int]) -> None:
    received = soft(payload)
    received[sorted(wrong)] *= -1
    assert wire.decode(received) == (payload, len(wrong))


@given(PAYLOADS, st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_soft_noise_at_the_design_point_is_survived(payload: Payload, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.6, CODED_BITS)
    decoded = wire.decode((soft(payload) + noise).astype(np.float32))
    assert decoded is not None
    assert decoded[0] == payload


def test_random_soft_input_never_passes() -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(200, CODED_BITS)).astype(np.float32)
    assert not any(wire.decode(values) for values in inputs)  # expected: 200 / 2 ** 24


def test_random_words_pass_the_check_at_the_stated_rate() -> None:
    rng = np.random.default_rng(2)
    words = rng.integers(0, 2, (10_000, wire.INFORMATION_BITS))
    assert not any(wire._parse(int("".join(map(str, word)), 2)) for word in words)


@pytest.mark.parametrize("values", [np.zeros(CODED_BITS), np.full(CODED_BITS, np.nan), np.ones(3), np.empty(0)])
def test_unusable_input_is_no_payload(values: np.ndarray) -> None:
    assert wire.decode(values.astype(np.float32)) is None


@pytest.mark.parametrize(("record", "key_id"), [("ABCDEF012345", 0), ("1234", 0), ("g" * 12, 0), ("0" * 12, 256)])
def test_payloads_are_checked(record: str, key_id: int) -> None:
    with pytest.raises(ProvenanceError):
        Payload(record, key_id)


def test_the_code_has_its_free_distance() -> None:
    weights = []
    for word in range(1, 2**10):
        bits = np.array([word >> place & 1 for place in range(10)], np.uint8)
        weights.append(int(convolution.encode(bits).sum()))
    assert min(weights) == 18


@given(PAYLOADS, st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_likeliest_words_differ_and_begin_with_the_decoded_one(payload: Payload, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 1.0, CODED_BITS)
    received = (soft(payload) + noise).astype(np.float32)
    words = convolution.likeliest(received, size=wire.INFORMATION_BITS, count=8)
    assert np.array_equal(words[0], convolution.decode(received, size=wire.INFORMATION_BITS))
    assert len({word.tobytes() for word in words}) == len(words)
    fits = [float(received @ (2.0 * convolution.encode(word) - 1.0)) for word in words]
    assert all(first >= second - 1e-3 for first, second in pairwise(fits))


def test_a_list_reads_what_the_likeliest_word_alone_misses() -> None:
    payload, rng = Payload("0123456789ab", 3), np.random.default_rng(4)
    inputs = [(soft(payload) + rng.normal(0, 1.3, CODED_BITS)).astype(np.float32) for _ in range(40)]
    alone, listed = ([wire.decode(values, words=count) for values in inputs] for count in (1, 32))
    assert all(found is None or found[0] == payload for found in alone + listed)
    assert sum(found is not None for found in listed) > sum(found is not None for found in alone)
