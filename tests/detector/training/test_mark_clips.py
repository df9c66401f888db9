"""The clip lab: cameras move by parts of a pixel, every delivery is counted, and an easy clip is read."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data as photos

from detector.provenance.carrier import CLIP_SLOPE
from detector.provenance.keys import MarkKey
from detector.provenance.mask import clip_mask
from detector.provenance.payload import Payload
from detector.provenance.watermark import detect_clip, lay, pattern
from detector.sandbox import Sandbox
from detector.training import mark_clips
from detector.training.mark_clips import DELIVERIES, FRAMES, MOTIONS, Product, Step, decoded, deliver, encoded, film
from detector.training.mark_journal import Journal
from detector.types import Pixels
from detector.video import MARK_FRAMES, best_first, open_clip, read_frames, read_keys, spread

KEY = MarkKey(3, bytes(32))
PRODUCT = Product(strength=3.0, crf="19", preset="veryfast")


def photo() -> Pixels:
    return np.asarray(photos.astronaut()[:360], np.uint8)


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_camera_moves_as_it_is_told(motion: str) -> None:
    frames = list(film(photo(), motion, seed=1))
    assert len(frames) == FRAMES
    assert {frame.shape for frame in frames} == {(450, 640, 3)}
    assert not np.array_equal(frames[0], frames[1])  # grain
    grey = [cv2.cvtColor(frames[at], cv2.COLOR_RGB2GRAY).astype(np.float32) for at in (0, 1, FRAMES - 1)]
    apart = float(np.mean(np.abs(grey[0] - grey[2])))
    (across, down), _ = cv2.phaseCorrelate(grey[0], grey[1], cv2.createHanningWindow((640, 450), cv2.CV_32F))
    if motion == "static":
        assert max(abs(across), abs(down)) < 0.1
        assert apart < 3
    else:
        assert apart > 8
    if motion == "pan":
        assert (across, down) == (pytest.approx(-160 / 49, abs=0.2), pytest.approx(-112.5 / 2 / 49, abs=0.2))


def test_a_step_encodes_anew_and_smaller(make_photo: Callable[..., Pixels]) -> None:
    made: dict[tuple[Step, ...], bytes] = {(): encoded([make_photo(1, width=322, height=240)] * 3, crf=19)}
    smaller, twice = (Step(28, 0.75),), (Step(28, 0.75), Step(33))
    assert len(deliver(twice, made)) < len(made[smaller]) < len(made[()])
    assert [frame.shape for frame in decoded(made[twice])] == [(180, 242, 3)] * 3


def test_in_a_panned_clip_the_key_frame_holds_the_mark(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    monkeypatch.setattr(mark_clips, "FRAMES", 25)
    monkeypatch.setattr(mark_clips, "SIDE", 512)
    tile = pattern(Payload("0123456789ab", 3), key=KEY, slope=CLIP_SLOPE)
    marked = [lay(frame, tile, strength=3.0, weigh=clip_mask) for frame in film(photos.chelsea(), "pan", seed=1)]
    delivered = deliver((Step(33),), {(): encoded(marked, crf=19)})
    clip = open_clip(delivered, sandbox=sandbox)
    samples = spread(clip.samples, MARK_FRAMES)
    batches = read_frames(delivered, clip, sandbox=sandbox, samples=samples)
    seen = [(sample, frame.pixels) for batch in batches for sample, frame in batch]
    keys = read_keys(delivered, clip, sandbox=sandbox, samples=samples)
    without, found = (detect_clip(best_first(seen, added), keys=[KEY]) for added in ([], keys))
    assert found.record_id == "0123456789ab"
    assert (found.z or 0) > (without.z or 0) + 1
    assert detect_clip([pixels for _, pixels in keys], keys=[KEY]).record_id == "0123456789ab"


def test_every_clip_is_counted_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    monkeypatch.setattr(mark_clips, "FRAMES", 12)
    monkeypatch.setattr(mark_clips, "SIDE", 400)
    narrow = photo()[:, :140]
    for _ in range(2):
        document = mark_clips.measure_clips(
            [photo(), narrow],
            product=PRODUCT,
            sandbox=sandbox,
            progress=lambda _: None,
            journal=Journal(tmp_path / "kept.jsonl"),
        )
    assert (document["photos"], document["clips"]) == (1, len(MOTIONS))
    assert document["product"] == {"strength": 3.0, "crf": "19", "preset": "veryfast"}
    assert 30 < document["psnr"] < 45
    for motion in MOTIONS:
        rows = document["motions"][motion]
        assert set(rows) == set(DELIVERIES)
        assert all(row["tries"] == 1 for row in rows.values())
        assert rows["CRF 23"]["recovered"] == 1
    assert len((tmp_path / "kept.jsonl").read_text().splitlines()) == len(MOTIONS)
