"""What is left of a mark that can no longer be read is found for the release that bore it, and for no other."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from detector.provenance import carrier as carriers
from detector.provenance import trace as traces
from detector.provenance.geometry import usual_lattices
from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.residual import residual, working_copy
from detector.provenance.trace import MOST_CHANCE, MOST_RECORDS, find_trace
from detector.provenance.watermark import detect, embed
from detector.training.attacks import whole
from detector.types import Pixels

KEY, OTHER = MarkKey(3, bytes(range(32))), MarkKey(4, bytes(32))
RECORD = "0123456789ab"
Photo = Callable[..., Pixels]


def mark(pixels: Pixels, record_id: str = RECORD) -> Pixels:
    return embed(pixels, payload=Payload(record_id, KEY.key_id), key=KEY)


def strangers(count: int, *, variant: int | None = None) -> Sequence[str]:
    """Ids of other records; of one `variant` they share the template with the mark that was there."""
    ids = (f"{0xBA9876543210 + number:012x}" for number in range(100_000))
    chosen = (one for one in ids if variant is None or carriers.variant_of(KEY, one) == variant)
    return [next(chosen) for _ in range(count)]


@pytest.fixture(scope="module")
def damaged(make_photo: Photo) -> Pixels:
    """A marked picture after damage that leaves no mark to read."""
    picture: Pixels = cv2.medianBlur(mark(make_photo(6, width=512, height=512)), 9)
    assert not detect(picture, keys=[KEY]).detected
    return picture


def test_a_release_is_known_by_the_rest_of_its_mark(damaged: Pixels) -> None:
    found = find_trace([damaged], keys=[OTHER, KEY], record_ids=[*strangers(3), RECORD])
    assert found is not None
    assert (found.record_id, found.key_id) == (RECORD, KEY.key_id)
    tests = 8 * (1 + len(usual_lattices(damaged.shape[:2]))) * carriers.TILE**2
    assert found.false_match_probability == pytest.approx(carriers.tail_bound(found.z, tests))
    assert 0 < found.false_match_probability <= MOST_CHANCE


def test_other_records_and_other_keys_leave_none(damaged: Pixels) -> None:
    variant = carriers.variant_of(KEY, RECORD)
    assert find_trace([damaged], keys=[KEY], record_ids=strangers(MOST_RECORDS, variant=variant)) is None
    assert find_trace([damaged], keys=[OTHER], record_ids=[RECORD]) is None


def test_a_template_alone_is_no_trace_of_a_record(make_photo: Photo) -> None:
    """Other records' waves fit an intact mark beyond chance; the bits that only they have do not."""
    whole = mark(make_photo(6, width=512, height=512))
    others = strangers(MOST_RECORDS, variant=carriers.variant_of(KEY, RECORD))
    whites = traces._whites(residual(working_copy(whole)))
    fits = [traces._fit(whites, KEY, record_id) for record_id in others]
    assert min(fit.z for fit in fits) > 8
    assert max(abs(fit.own) for fit in fits) < 5
    assert find_trace([whole], keys=[KEY], record_ids=others) is None
    assert traces._fit(whites, KEY, RECORD).own > 10


def test_a_picture_without_a_mark_has_none(make_photo: Photo) -> None:
    plain = make_photo(6, width=512, height=512)
    for picture in (plain, cv2.medianBlur(plain, 9)):
        assert find_trace([picture], keys=[KEY], record_ids=[RECORD]) is None


def test_a_smaller_copy_has_it_still(damaged: Pixels) -> None:
    smaller = cv2.resize(damaged, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    found = find_trace([smaller], keys=[KEY], record_ids=[RECORD])
    assert found is not None
    assert found.record_id == RECORD


def test_frames_of_a_clip_say_more_together(make_photo: Photo) -> None:
    plain = make_photo(6, width=512, height=512)
    rng = np.random.default_rng(0)
    frames = [whole(mark(plain) + rng.normal(0, 150, plain.shape)) for _ in range(6)]
    assert find_trace(frames[:1], keys=[KEY], record_ids=[RECORD]) is None
    assert find_trace(frames, keys=[KEY], record_ids=[RECORD]) is not None


def test_frames_of_different_sizes_are_no_error(damaged: Pixels) -> None:
    found = find_trace([damaged, damaged[:300, :300]], keys=[KEY], record_ids=[RECORD])
    assert found == find_trace([damaged], keys=[KEY], record_ids=[RECORD])


def test_where_nothing_can_be_asked_nothing_is_found(damaged: Pixels) -> None:
    assert find_trace([damaged], keys=[], record_ids=[RECORD]) is None
    assert find_trace([damaged], keys=[KEY], record_ids=[]) is None
    assert find_trace([damaged[:100]], keys=[KEY], record_ids=[RECORD]) is None
    assert find_trace([damaged], keys=[KEY], record_ids=[*strangers(MOST_RECORDS), RECORD]) is None


def test_scores_of_words_that_are_not_there_stay_under_their_bound(damaged: Pixels) -> None:
    whites = traces._whites(residual(working_copy(damaged)))
    scores = np.array([traces._fit(whites, KEY, record_id).z for record_id in strangers(200)])
    for z in (4.5, 5.0, 5.5):
        assert np.mean(scores >= z) <= carriers.tail_bound(z, len(whites) * carriers.TILE**2)
    assert scores.max() < 6.5
