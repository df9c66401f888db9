"""What prompts mean, in English and Japanese, and what is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import japanese, vocabulary
from generator.errors import UnsupportedAttribute
from generator.prompt import FaceRequest, parse

UNDERSTOOD = [
    ("", {}),
    ("a realistic studio portrait of a person, please", {}),
    ("woman", {"sex": "female"}),
    ("A SMILING WOMAN", {"sex": "female", "expression": "smile"}),
    (
        "a smiling asian woman with long black hair",
        {"sex": "female", "ethnicity": "asian", "expression": "smile", "hair_length": "long", "hair_colour": "black"},
    ),
    ("black man with short hair", {"sex": "male", "ethnicity": "black", "hair_length": "short"}),
    ("a black woman with black hair", {"sex": "female", "ethnicity": "black", "hair_colour": "black"}),
    ("a white woman with fair skin", {"sex": "female", "ethnicity": "white", "skin": "light"}),
    ("hair is long and black", {"hair_length": "long", "hair_colour": "black"}),
    ("black-haired man, not smiling", {"sex": "male", "hair_colour": "black", "expression": "neutral"}),
    ("black haired woman", {"sex": "female", "hair_colour": "black"}),
    ("blonde woman with a closed mouth", {"sex": "female", "hair_colour": "blond", "mouth": "closed"}),
    ("young latina looking left", {"sex": "female", "ethnicity": "latino", "age": "adult", "turn": "left"}),
    ("dark background, light skin", {"background": "dark", "skin": "light"}),
    ("a laughing man without glasses", {"sex": "male", "expression": "smile", "mouth": "open"}),
    ("Japanese woman facing the camera", {"sex": "female", "ethnicity": "asian", "turn": "front"}),
    (
        "長い黒髪の日本人女性、笑顔",
        {"sex": "female", "ethnicity": "asian", "hair_length": "long", "hair_colour": "black", "expression": "smile"},
    ),
    ("髪の長い女性", {"sex": "female", "hair_length": "long"}),
    ("髪が短い男性の顔写真を作ってください", {"sex": "male", "hair_length": "short"}),
    ("黒い髪の男性", {"sex": "male", "hair_colour": "black"}),
    ("口を開けて笑っている黒人女性", {"sex": "female", "ethnicity": "black", "mouth": "open", "expression": "smile"}),
    ("茶髪の女性、暗い背景", {"sex": "female", "hair_colour": "brown", "background": "dark"}),
    (
        "a person with short brown hair and green eyes, wearing glasses",
        {"hair_length": "short", "hair_colour": "brown", "eye_colour": "green", "glasses": "clear"},
    ),
    (
        "短い茶髪で緑の目、メガネをかけた人",
        {"hair_length": "short", "hair_colour": "brown", "eye_colour": "green", "glasses": "clear"},
    ),
    ("a woman in sunglasses with red lipstick", {"sex": "female", "glasses": "dark", "lips": "red"}),
    ("サングラスをかけた女性、赤い口紅", {"sex": "female", "glasses": "dark", "lips": "red"}),
    ("a freckled man with dark eyes", {"sex": "male", "freckles": "some", "eye_colour": "brown"}),
    ("そばかすのある青い目の男性", {"sex": "male", "freckles": "some", "eye_colour": "blue"}),
    ("a woman with lipstick", {"sex": "female", "lips": "red"}),
    ("her eyes are blue", {"eye_colour": "blue"}),
    ("a woman without glasses", {"sex": "female"}),
    ("a man with a beard and red hair", {"sex": "male", "beard": "full", "hair_colour": "red"}),
    ("ひげのある赤毛の男性", {"sex": "male", "beard": "full", "hair_colour": "red"}),
    ("a clean-shaven man, white hair", {"sex": "male", "beard": "none", "hair_colour": "white"}),
    ("a woman with pink hair before a blue background", {"sex": "female", "hair_colour": "pink", "background": "blue"}),
    ("ピンクの髪の女性、青い背景", {"sex": "female", "hair_colour": "pink", "background": "blue"}),
    ("a middle-aged woman", {"sex": "female", "look": "mature"}),
    ("中年女性", {"sex": "female", "look": "mature"}),
    ("真顔の若い白人男性", {"sex": "male", "ethnicity": "white", "expression": "neutral", "age": "adult"}),
]

REFUSED = [
    ("a woman with closed eyes", ("closed eyes",)),
    ("a woman with violet eyes and green lipstick", ("violet eyes", "green lipstick")),
    ("a man with a long beard and a hat", ("long beard", "hat")),
    ("a woman with curly hair", ("curly hair",)),
    ("a bearded woman", ("both male and female",)),
    ("long hair and red eyes", ("red eyes",)),
    ("an old man", ("old",)),
    ("a 30-year-old woman", ("age 30",)),
    ("a woman in her 40s", ("age 40s",)),
    ("a flying woman", ("flying",)),
    ("man woman", ("both male and female",)),
    ("two women", ("two", "women")),
    ("帽子をかぶった男性", ("hat",)),
    ("不思議な女性", ("不思議",)),
    ("30代の女性", ("age 30s",)),
    ("a smiling woman 😀", ("😀",)),
    ("👩🏽‍🦰 with long 🔥 black hair, a hat", ("hat", "👩🏽‍🦰", "🔥")),
    ("❤️❤ 日本人女性😎", ("❤️", "❤", "😎")),
    ("💃", ("💃",)),
]

SCREENED = [
    ("a boy", ("minor",)),
    ("portrait of a teenage girl", ("minor",)),
    ("a child's face", ("minor",)),
    ("a 15 year old woman", ("minor",)),
    ("fifteen-year-old", ("minor",)),
    ("woman, age 17", ("minor",)),
    ("少女", ("minor",)),
    ("女の子の笑顔", ("minor",)),
    ("子供", ("minor",)),
    ("高校生の男性", ("minor",)),
    ("十五歳の女性", ("minor",)),
    ("１７歳", ("minor",)),
    ("10代の女性", ("minor",)),
    ("a naked woman", ("sexual",)),
    ("裸の女性", ("sexual",)),
    ("Portrait of Emma Watson", ("named_person",)),
    ("a man who looks like my neighbour", ("named_person",)),
    ("a famous actor", ("named_person",)),
    ("山田太郎さん", ("named_person",)),
    ("有名人にそっくりな男性", ("named_person",)),
    ("a smiling 👶", ("minor",)),
    ("👨‍👩‍👧", ("minor",)),
]


@pytest.mark.parametrize(("text", "attributes"), UNDERSTOOD)
def test_understood(text: str, attributes: dict[str, str]) -> None:
    assert parse(text) == FaceRequest(attributes=attributes)


@pytest.mark.parametrize(("text", "names"), REFUSED)
def test_refused_by_name(text: str, names: tuple[str, ...]) -> None:
    with pytest.raises(UnsupportedAttribute) as caught:
        parse(text)
    assert caught.value.names == names


@pytest.mark.parametrize(("text", "screened"), SCREENED)
def test_screened_is_returned_for_the_policy(text: str, screened: tuple[str, ...]) -> None:
    assert parse(text).screened == screened


def test_age_is_reported() -> None:
    assert parse("a 15 year old").requested_age == 15
    assert parse("a 34-year-old man", best_effort=True).requested_age == 34


def test_best_effort_keeps_what_it_can_and_says_what_it_cannot() -> None:
    request = parse("a smiling man with a moustache", best_effort=True)
    assert request.attributes == {"sex": "male", "expression": "smile"}
    assert request.unsupported == ("moustache",)


def test_a_symbol_is_left_out_by_name_and_changes_nothing() -> None:
    request = parse("a woman 🔥 with long 💇‍♀️ hair ♥", best_effort=True)
    assert request.attributes == parse("a woman with long hair").attributes
    assert request.unsupported == ("🔥", "💇‍♀️", "♥")


def test_a_screened_request_still_names_what_cannot_be_drawn() -> None:
    assert parse("a boy with a hat").unsupported == ("hat",)


WORDS = st.sampled_from(
    [*vocabulary.PLAIN, *vocabulary.HEAD_WORDS, *vocabulary.UNDRAWN, *japanese.READINGS, "Ann", "17"]
)


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=8).map(" ".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    request = parse(text, best_effort=True)
    if request.unsupported and not request.screened:
        with pytest.raises(UnsupportedAttribute):
            parse(text)
    else:
        assert parse(text).attributes == request.attributes


@pytest.mark.parametrize("word", sorted(vocabulary.MINOR))
def test_every_word_for_a_minor_is_screened(word: str) -> None:
    assert "minor" in parse(f"a smiling {word}").screened


def test_every_japanese_word_is_read_as_words_of_the_grammar() -> None:
    for word in japanese.READINGS:
        request = parse(word, best_effort=True)
        assert not any(japanese.SCRIPT.search(name) for name in request.unsupported), word
