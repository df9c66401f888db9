"""A portrait of nobody, and the face in it."""

import pytest

from detector.types import Pixels
from generator.backends.embedded import Embedded
from generator.portrait.subject import Finders, Subject, choose_subject, find_subjects
from generator.prompt import parse


@pytest.fixture(scope="session")
def portrait() -> Pixels:
    """512 512 3, unmarked."""
    return Embedded.load().synthesise(parse("a woman"), seed=3).pixels


@pytest.fixture(scope="session")
def finders() -> Finders:
    return Finders()


@pytest.fixture(scope="session")
def subject(portrait: Pixels, finders: Finders) -> Subject:
    return choose_subject(find_subjects(portrait, finders))
