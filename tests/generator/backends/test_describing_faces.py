"""What a prompt was read as comes out in words again, all of it, and nothing else of the prompt."""

from collections.abc import Iterator

import pytest

from generator import vocabulary
from generator.backends.description import WORDED, describe, worded
from generator.prompt import parse


def _known() -> Iterator[tuple[str, str]]:
    meanings = [*vocabulary.PLAIN.values(), *vocabulary.DEFAULTS.values()]
    meanings += [meaning for nouns in vocabulary.HEADS.values() for meaning in nouns.values()]
    for meaning in meanings:
        yield from meaning.items()


@pytest.mark.parametrize(("name", "value"), sorted(set(_known())))
def test_every_attribute_of_the_vocabulary_has_words(name: str, value: str) -> None:
    assert value in WORDED[name]
    assert worded({name: value}) == {name: value}


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a face", "a studio portrait photo of an adult person"),
        (
            "a smiling woman with long black hair",
            "a studio portrait photo of an adult woman with long black hair, smiling",
        ),
        (
            "アジア人男性、サングラス",
            "a studio portrait photo of an adult East Asian man, wearing sunglasses",
        ),
        (
            "a young latina with short hair, green eyes, freckles and red lips, facing left, dark background",
            "a studio portrait photo of an adult Latin American woman with short hair, green eyes, freckles, "
            "red lipstick, facing left, plain dark background",
        ),
    ],
)
def test_a_description_says_it_all(prompt: str, said: str) -> None:
    assert describe(parse(prompt).attributes) == said


def test_what_there_are_no_words_for_is_left_out() -> None:
    asked = {"sex": "male", "aura": "violet", "hair_colour": "plaid"}
    assert worded(asked) == {"sex": "male"}
    assert describe(asked) == "a studio portrait photo of an adult man"
