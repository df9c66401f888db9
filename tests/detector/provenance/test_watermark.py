"""The mark: unseen, read back after what pictures go through, and never read where there is none."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from detector.errors import ProvenanceError
from detector.provenance import carrier as carriers
from detector.provenance.geometry import fold
from detector.provenance.keys import MarkKey
from detector.provenance.mask import mask
from detector.provenance.payload import CODED_BITS, Payload
from detector.provenance.residual import luminance, residual
from detector.provenance.spectrum import read, transform
from detector.provenance.watermark import DEFAULT_STRENGTH, detect, detect_clip, embed, lay, pattern
from detector.types import Pixels

KEY = MarkKey(3, bytes(range(32)))
OTHER = MarkKey(4, bytes(range(1, 33)))
SAME_ID = MarkKey(3, bytes(range(2, 34)))
PAYLOAD = Payload("0123456789ab", 3)
MAX_FALSE_MATCH = 1e-6


def photo(height: int = 512, width: int = 512, *, seed: int = 0) -> Pixels:
    """A picture with a photo's spectrum (amplitude falls with frequency), an edge, and sensor noise."""
    rng = np.random.default_rng(seed)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]) + 1 / max(height, width)
    clouds = np.fft.ifft2(
        np.fft.fft2(rng.normal(size=(height, width, 3)), axes=(0, 1)) / radius[..., None], axes=(0, 1)
    )
    scene = 128 + 30 * clouds.real / clouds.real.std()
    scene = scene.copy()
    cv2.ellipse(scene, (width // 2, height // 2), (width // 4, height // 3), 0, 0, 360, (190, 160, 140), 3)
    return np.asarray(np.clip(scene + rng.normal(0, 1.5, scene.shape), 0, 255), np.uint8)


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def png(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.imdecode(cv2.imencode(".png", pixels)[1], cv2.IMREAD_COLOR), np.uint8)


def crop(pixels: Pixels, share: float) -> Pixels:
    height, width = (round(side * share) for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 7, (pixels.shape[1] - width) * 4 // 5
    return pixels[top : top + height, left : left + width].copy()


def resize(pixels: Pixels, scale: float) -> Pixels:
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=interpolation), np.uint8)


def stretch(pixels: Pixels, across: float, down: float) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=across, fy=down, interpolation=cv2.INTER_AREA), np.uint8)


def rotate(pixels: Pixels, degrees: float) -> Pixels:
    height, width = pixels.shape[:2]
    warp = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(pixels, warp, (width, height)), np.uint8)


def level(pixels: Pixels, *, gain: float = 1.0, offset: float = 0.0) -> Pixels:
    return np.asarray(np.clip((pixels - 128.0) * gain + 128 + offset, 0, 255), np.uint8)


def noisy(pixels: Pixels) -> Pixels:
    return np.asarray(np.clip(pixels + np.random.default_rng(5).normal(0, 10, pixels.shape), 0, 255), np.uint8)


def template(key: MarkKey) -> carriers.Complex:
    return carriers.carrier(key, 0).phases[None, carriers.SYNC]


def repaint(pixels: Pixels) -> Pixels:
    painted = pixels.copy()
    height, width = (int(side * 0.45) for side in pixels.shape[:2])
    painted[60 : 60 + height, 90 : 90 + width] = 77
    return painted


ATTACKS: dict[str, Callable[[Pixels], Pixels]] = {
    "nothing": lambda pixels: pixels,
    "jpeg 60": lambda pixels: jpeg(pixels, 60),
    "jpeg 50": lambda pixels: jpeg(pixels, 50),
    "png": png,
    "crop to 80 % of each side": lambda pixels: crop(pixels, 0.8),
    "crop to 80 % of the area": lambda pixels: crop(pixels, 0.8**0.5),
    "crop to 70 % of each side": lambda pixels: crop(pixels, 0.7),
    "crop and jpeg": lambda pixels: jpeg(crop(pixels, 0.8), 60),
    "half size": lambda pixels: resize(pixels, 0.5),
    "three quarters": lambda pixels: resize(pixels, 0.75),
    "odd scale": lambda pixels: resize(pixels, 1.37),
    "quarter size": lambda pixels: resize(pixels, 0.25),
    "double size": lambda pixels: resize(pixels, 2.0),
    "flatter": lambda pixels: stretch(pixels, 1, 0.9),
    "from 16:9 to 4:3": lambda pixels: stretch(pixels, 0.75, 1),
    "from 4:3 to 16:9": lambda pixels: stretch(pixels, 4 / 3, 1),
    "smaller and narrower": lambda pixels: stretch(pixels, 0.5, 0.6),
    "narrower and mirrored": lambda pixels: stretch(pixels, 0.8, 1)[:, ::-1].copy(),
    "narrower and lying": lambda pixels: np.rot90(stretch(pixels, 0.8, 1)).copy(),
    "mirror": lambda pixels: pixels[:, ::-1].copy(),
    "quarter turn": lambda pixels: np.rot90(pixels).copy(),
    "rotated 5": lambda pixels: rotate(pixels, 5),
    "rotated -5": lambda pixels: rotate(pixels, -5),
    "blurred": lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 1.0),
    "noisy": noisy,
    "brighter": lambda pixels: level(pixels, offset=38),
    "darker": lambda pixels: level(pixels, offset=-38),
    "more contrast": lambda pixels: level(pixels, gain=1.3),
    "less contrast": lambda pixels: level(pixels, gain=0.7),
    "repainted block": repaint,
    "turned, cropped, jpeg": lambda pixels: jpeg(crop(rotate(pixels, 3), 0.8), 70),
}


@pytest.fixture(scope="module")
def marked() -> Pixels:
    return embed(photo(), payload=PAYLOAD, key=KEY)


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_record_id_survives(marked: Pixels, attack: str) -> None:
    reading = detect(ATTACKS[attack](marked), keys=[OTHER, KEY])
    assert reading.detected
    assert (reading.record_id, reading.key_id) == (PAYLOAD.record_id, KEY.key_id)
    assert reading.z is not None
    assert reading.false_match_probability is not None
    assert reading.false_match_probability <= MAX_FALSE_MATCH
    assert reading.corrected_bits is not None


def test_the_mark_is_faint_and_repeatable(marked: Pixels) -> None:
    original = photo()
    error = np.mean((marked.astype(float) - original) ** 2)
    assert 10 * np.log10(255**2 / error) >= 41  # a busy picture; a smooth one hides less
    smooth = cv2.GaussianBlur(original, (0, 0), 4.0)
    error = np.mean((embed(smooth, payload=PAYLOAD, key=KEY).astype(float) - smooth) ** 2)
    assert 10 * np.log10(255**2 / error) >= 43.5
    assert np.array_equal(marked, embed(original, payload=PAYLOAD, key=KEY))
    assert np.array_equal(original, photo())


@pytest.mark.parametrize("keys", [[OTHER], [SAME_ID], []])
def test_another_key_reads_nothing(marked: Pixels, keys: list[MarkKey]) -> None:
    assert not detect(marked, keys=keys).detected


@pytest.mark.parametrize("shape", [(256, 256), (128, 128), (300, 200), (128, 1500), (1100, 1700), (501, 333)])
def test_other_sizes(shape: tuple[int, int]) -> None:
    marked = embed(photo(*shape), payload=PAYLOAD, key=KEY)
    assert detect(marked, keys=[KEY]).record_id == PAYLOAD.record_id


@pytest.mark.parametrize("attack", ["jpeg 60", "crop to 80 % of each side", "mirror", "rotated 5", "blurred"])
def test_small_pictures_survive_too(attack: str) -> None:
    marked = embed(photo(256, 256), payload=PAYLOAD, key=KEY)
    assert detect(ATTACKS[attack](marked), keys=[KEY]).record_id == PAYLOAD.record_id


def test_large_pictures_survive_cropping() -> None:
    marked = embed(photo(1100, 1500), payload=PAYLOAD, key=KEY)
    assert detect(jpeg(crop(marked, 0.8), 60), keys=[KEY]).record_id == PAYLOAD.record_id


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_flat_pictures(grey: int) -> None:
    flat = np.full((256, 256, 3), grey, np.uint8)
    assert not detect(flat, keys=[KEY]).detected
    assert detect(embed(flat, payload=PAYLOAD, key=KEY), keys=[KEY]).record_id == PAYLOAD.record_id


@pytest.mark.parametrize("shape", [(127, 512), (512, 127), (1, 1)])
def test_too_small(shape: tuple[int, int]) -> None:
    pixels = np.zeros((*shape, 3), np.uint8)
    assert not detect(pixels, keys=[KEY]).detected
    with pytest.raises(ProvenanceError):
        embed(pixels, payload=PAYLOAD, key=KEY)


def test_a_payload_for_another_key_is_refused() -> None:
    with pytest.raises(ProvenanceError):
        embed(photo(128, 128), payload=PAYLOAD, key=OTHER)


@pytest.mark.parametrize("seed", range(6))
def test_unmarked_pictures_say_how_little_was_seen(seed: int) -> None:
    reading = detect(photo(200 + 40 * seed, 300, seed=seed + 1), keys=[KEY, OTHER])
    assert not reading.detected
    assert reading.record_id is None
    assert reading.z is not None
    assert reading.z < 8
    assert reading.false_match_probability == pytest.approx(1, abs=0.5)


def test_every_variant_is_read() -> None:
    seen = set()
    for number in range(12):
        payload = Payload(f"{number:012x}", KEY.key_id)
        seen.add(carriers.variant_of(KEY, payload.record_id))
        marked = embed(photo(192, 192), payload=payload, key=KEY)
        assert detect(marked, keys=[KEY]).record_id == payload.record_id
    assert len(seen) == carriers.VARIANTS


def test_scores_of_unmarked_pictures_stay_under_the_closed_form_bound() -> None:
    """Over many keys, the template's scores on one strongly regular picture: their tail lies below exp(-z^2/2)."""
    stripes = np.sin(np.arange(carriers.TILE) * 0.7)[None, :] + photo(96, 96)[..., 0] / 60.0
    white = carriers.whiten(stripes.astype(np.float32))
    scores: NDArray[np.float32] = np.concatenate(
        [
            carriers.sync_maps(white[carriers.SYNC], template(MarkKey(0, number.to_bytes(32, "big")))).ravel()
            for number in range(60)
        ]
    )
    for z in (1.0, 2.0, 3.0, 4.0):
        assert np.mean(scores > z) <= carriers.tail_bound(z, 1)
        assert np.mean(scores > z) == pytest.approx(stats.norm.sf(z), rel=0.35, abs=3e-5)


def test_scores_are_the_templates_correlation_with_the_shifted_tile() -> None:
    rng = np.random.default_rng(3)
    coded = rng.integers(0, 2, CODED_BITS).astype(np.uint8)
    used = carriers.carrier(KEY, 1)
    tile = np.roll(carriers.tile(used, coded), (30, 57), axis=(0, 1))
    white = carriers.whiten(tile)
    maps = carriers.sync_maps(white[carriers.SYNC], used.phases[None, carriers.SYNC])[0]
    column, row = np.unravel_index(int(np.argmax(maps)), maps.shape)
    place = (float(column) * carriers.TILE / carriers.GRID, float(row) * carriers.TILE / carriers.GRID)
    z, shift = carriers.settle(white[carriers.SYNC], used.phases[carriers.SYNC], place)
    gap = (np.array(shift) - (57, 30) + carriers.TILE / 2) % carriers.TILE - carriers.TILE / 2
    assert np.abs(gap).max() <= 1 / carriers.FINENESS
    assert z >= maps.max() - 1e-3
    assert np.array_equal(carriers.soft_bits(white, used, shift) > 0, coded > 0)


@pytest.mark.parametrize("turn", range(carriers.TURNS))
def test_a_turned_tile_is_its_turned_spectrum_and_its_turned_lattice(turn: int) -> None:
    picture = residual(photo(480, 384)[..., 0].astype(np.float32))
    spectrum = transform(picture)
    plain = read(spectrum, np.eye(2), carriers.FREQUENCIES)
    there = read(spectrum, np.eye(2) @ carriers.SIDES[turn].T, carriers.FREQUENCIES)
    assert np.allclose(carriers.turned(plain)[turn], there, atol=5e-3)


def test_the_spectrum_is_that_of_the_folded_tile() -> None:
    """At whole frequencies of a picture of whole tiles both ways agree but for the middle that phases count from.

    The interpolation errs by a share of the loudness around, so a frequency that is nearly silent may have any phase.
    """
    picture = residual(photo(480, 384)[..., 0].astype(np.float32))
    folded = np.fft.fft2(fold(picture))[carriers.ROWS, carriers.COLUMNS]
    middle = np.exp(2j * np.pi * carriers.FREQUENCIES @ np.array([384 // 2, 480 // 2]) / carriers.TILE)
    seen = read(transform(picture), np.eye(2), carriers.FREQUENCIES)
    gap = np.abs(np.exp(1j * np.angle(folded * middle)) - np.exp(1j * np.angle(seen)))
    assert np.max(gap * np.abs(folded)) <= 0.02 * np.median(np.abs(folded))


def test_nearby_finds_the_lattice_and_the_place_that_fit() -> None:
    used = carriers.carrier(KEY, 2)
    place = (40.75, 12.0)
    ahead = np.exp(-2j * np.pi * carriers.FREQUENCIES[carriers.SYNC] @ np.array(place) / carriers.TILE)
    template = used.phases[carriers.SYNC]
    others = np.exp(2j * np.pi * np.random.default_rng(6).uniform(size=(3, len(template))))
    seen = np.vstack([others[:2], template * ahead, others[2:]]).astype(np.complex64)
    assert carriers.nearby(seen, template, (41.5, 12.75)) == (2, place)


def test_marking_changes_nothing_but_by_the_laid_tile_times_the_mask() -> None:
    original = photo(200, 300)
    tile, boost = pattern(PAYLOAD, key=KEY), np.interp(np.sqrt(200 * 300), (128, 256), (2.1, 1.7))
    change = np.tile(tile, (3, 4))[:200, :300] * mask(luminance(original)) * (DEFAULT_STRENGTH * boost)
    luma = np.array([0.299, 0.587, 0.114])
    expected = np.clip(np.rint(original + change[..., None] * (luma / (luma @ luma))), 0, 255)
    gap = np.abs(lay(original, tile).astype(float) - expected)
    assert gap.max() <= 1
    assert gap.mean() < 1e-3


def test_the_quoted_probability_covers_the_search() -> None:
    assert carriers.tail_bound(0, 1) == 1
    assert carriers.tail_bound(10, 1000) == pytest.approx(1000 * np.exp(-50))
    assert carriers.decode_bound(8) == pytest.approx(8 / 2**32)


def test_frames_together_show_what_none_shows_alone(make_photo: Callable[..., Pixels]) -> None:
    photo, key = make_photo(5, width=512, height=384), MarkKey(3, bytes(32))
    marked = embed(photo, payload=Payload("0123456789ab", 3), key=key, strength=1.2).astype(np.float32)
    rng = np.random.default_rng(2)
    frames = [np.clip(marked + rng.normal(0, 70, marked.shape), 0, 255).astype(np.uint8) for _ in range(12)]
    assert not any(detect(frame, keys=[key]).detected for frame in frames[:3])
    found = detect_clip(frames, keys=[key])
    assert found.record_id == "0123456789ab"
    alone = detect(marked.astype(np.uint8), keys=[key])
    assert found.false_match_probability == pytest.approx(4 * (alone.false_match_probability or 0))


def test_frames_of_different_sizes_are_searched_alone(make_photo: Callable[..., Pixels]) -> None:
    photo, key = make_photo(5, width=512, height=384), MarkKey(3, bytes(32))
    marked = embed(photo, payload=Payload("0123456789ab", 3), key=key)
    assert detect_clip([photo[:300], marked], keys=[key]).record_id == "0123456789ab"
    assert not detect_clip([photo, photo], keys=[key]).detected
    assert not detect_clip([photo[:50]], keys=[key]).detected
    assert not detect_clip([marked], keys=[]).detected
