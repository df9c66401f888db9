"""The watermark lab: attacks give pictures, every row is counted, absent peers are named."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data as photos
from skimage.metrics import structural_similarity

from detector.training import mark_lab, mark_peers, mark_redraw
from detector.training.attacks import ATTACKS
from detector.training.mark_journal import Journal
from detector.training.mark_lab import COPIED, FORGED, ROWS, TAKEN_OFF, measure, share, ssim
from detector.training.mark_peers import OURS, PACKAGES, PEER_BITS, PEER_RIGHT, Contestant, ours
from detector.types import Pixels

FEWER = (TAKEN_OFF, FORGED, COPIED)


def photo() -> Pixels:
    return np.asarray(photos.astronaut()[100:356, 100:400], np.uint8)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gives_a_picture_and_leaves_its_own_alone(name: str) -> None:
    pixels = photo()
    attacked = ATTACKS[name](pixels, np.random.default_rng(1))
    assert attacked.dtype == np.uint8
    assert attacked.ndim == 3
    assert attacked.shape[2] == 3
    assert np.array_equal(pixels, photo())
    assert np.array_equal(attacked, ATTACKS[name](pixels, np.random.default_rng(1)))
    assert (name == "none") == (attacked.shape == pixels.shape and bool(np.array_equal(attacked, pixels)))


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The autoencoder of the lab learns for two steps."""
    monkeypatch.setattr(mark_redraw, "STEPS", 2)


def test_every_row_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark_lab, "OUTPUTS", 1)
    document = measure([photo(), photo()[::-1].copy()], [ours()], progress=lambda _: None)
    ours_alone = document["watermarks"][OURS]
    assert set(ours_alone["rows"]) == set(ROWS)
    assert all(found["tries"] == 2 for row, found in ours_alone["rows"].items() if row not in FEWER)
    assert ours_alone["rows"]["none"]["recovered"] == 2
    assert ours_alone["rows"][TAKEN_OFF]["tries"] == ours_alone["rows"][FORGED]["tries"] == 1
    assert ours_alone["rows"][COPIED] == share(1, 1)


def test_ssim_is_the_usual_one() -> None:
    pixels = photo()
    changed = ours().embed(pixels, 1)
    usual = structural_similarity(
        pixels, changed, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(pixels, changed) == pytest.approx(usual, abs=1e-3)


def test_a_peer_is_either_installed_or_named_as_absent() -> None:
    present, absent = mark_peers.installed()
    assert {one.name for one in present} | set(absent) == set(PACKAGES)


def test_a_peer_that_fails_has_found_nothing() -> None:
    def fails(_: Pixels) -> np.ndarray:
        raise RuntimeError("image too small")

    assert not mark_peers._found(fails, photo(), [1])


def test_two_wrong_bits_are_forgiven_and_three_are_not() -> None:
    bits = np.array(mark_peers._bits(7))
    for wrong in range(4):
        read = np.concatenate([1 - bits[:wrong], bits[wrong:]])
        assert mark_peers._found(lambda _, read=read: read, photo(), [7]) == (wrong <= PEER_BITS - PEER_RIGHT)  # type: ignore[misc]


def test_without_photos_to_average_the_rows_stay_empty() -> None:
    tally = mark_lab.Tally()
    tally.add(mark_lab._average([photo()], ours()))
    assert tally.tries[TAKEN_OFF] == tally.tries[FORGED] == 0


def test_what_is_in_the_journal_is_not_measured_again(tmp_path: Path) -> None:
    calls: list[int] = []

    def mark(pixels: Pixels, number: int) -> Pixels:
        calls.append(number)
        return pixels[::-1].copy()

    one = Contestant("mirror", "1", mark, lambda pixels, numbers: True)
    for _ in range(2):
        journal = Journal(tmp_path / "kept.jsonl")
        document = measure([photo()], [one], progress=lambda _: None, journal=journal)
        assert document["watermarks"]["mirror"]["rows"]["none"]["recovered"] == 1
    assert calls == [0, 0]  # for the attacks, and for the autoencoder
    newer = Contestant("mirror", "2", mark, lambda pixels, numbers: True)
    measure([photo()], [newer], progress=lambda _: None, journal=Journal(tmp_path / "kept.jsonl"))
    assert calls == [0, 0, 0, 0]
