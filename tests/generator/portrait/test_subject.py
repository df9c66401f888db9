"""Whose face a tool works on: the only one that is large enough, or the one that is named; never a guess."""

import cv2
import numpy as np
import pytest

from detector.types import Pixels
from generator.errors import InvalidSettings, PortraitUnusable, SeveralFaces
from generator.portrait.subject import Finders, choose_subject, find_subjects


@pytest.fixture(scope="module")
def three(portrait: Pixels) -> Pixels:
    """The face three times, the largest in the middle."""
    small = cv2.copyMakeBorder(cv2.resize(portrait, (300, 300)), 106, 106, 0, 0, cv2.BORDER_REPLICATE)
    return np.hstack([np.asarray(small, np.uint8), portrait, np.asarray(small, np.uint8)])


def test_several_faces_are_counted_from_left_to_right(three: Pixels, finders: Finders) -> None:
    subjects = find_subjects(three, finders)
    middles = [float(subject.mesh[:, 0].mean()) for subject in subjects]
    assert np.allclose(middles, [150, 556, 962], atol=40)
    assert [choose_subject(subjects, number) for number in (1, 2, 3)] == list(subjects)
    with pytest.raises(SeveralFaces, match="3 faces") as refused:
        choose_subject(subjects)
    assert refused.value.faces == 3


@pytest.mark.parametrize("number", [0, 4, -1])
def test_a_number_that_no_face_has_is_refused(three: Pixels, finders: Finders, number: int) -> None:
    with pytest.raises(InvalidSettings, match="from 1 to 3"):
        choose_subject(find_subjects(three, finders), number)


def test_a_face_too_small_to_work_on_is_not_meant(portrait: Pixels, finders: Finders) -> None:
    tiny = cv2.copyMakeBorder(cv2.resize(portrait, (72, 72)), 440, 0, 0, 0, cv2.BORDER_REPLICATE)
    beside = np.hstack([np.asarray(tiny, np.uint8), portrait])
    assert len(finders.faces.find(beside)) == 2
    (subject,) = find_subjects(beside, finders)
    assert choose_subject([subject]) is choose_subject([subject], 1) is subject
    with pytest.raises(PortraitUnusable, match="too small"):
        find_subjects(np.asarray(cv2.resize(portrait, (72, 72)), np.uint8), finders)
