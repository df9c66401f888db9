"""What a prompt asks for: plain requests are caught in both languages, ordinary descriptions pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.disguise import DISGUISED
from api.screening import TOPICS, requested_age, screen


@pytest.mark.parametrize(
    "prompt",
    [
        "a smiling young woman with blond hair",
        "A Middle Eastern man, 45 years old",
        "Smiling Woman With Glasses",
        "an East Asian woman in her thirties",
        "A Young Black Man from South Africa",
        "elderly man, bags under his eyes, 5 o'clock shadow",
        "SMILING JAPANESE WOMAN",
        "笑顔の若い日本人女性、黒髪",
        "個性的な顔立ちの男性、イエローのシャツ",
        "女性的な表情、裸眼",
        "30歳の男性",
        "a devoted man with a visage like marble",
        "a woman from Votes, partying",
        "",
    ],
)
def test_ordinary_prompts_pass(prompt: str) -> None:
    assert screen(prompt) == frozenset()


@pytest.mark.parametrize(
    ("prompt", "term"),
    [
        ("portrait of a child", "minor"),
        ("a Teenage Girl", "minor"),
        ("a 16-year-old with red hair", "minor"),
        ("man aged 17", "minor"),
        ("sixteen year old person", "minor"),
        ("小学生の笑顔", "minor"),
        ("１５歳の女性", "minor"),
        ("a nude woman", "sexual"),
        ("ヌードの女性", "sexual"),
        ("a woman who says vote for the park", "political"),
        ("a trustworthy face for our election video", "political"),
        ("選挙ポスターの男性", "political"),
        ("a passport photo of a man", "impersonation"),
        ("a face for my dating profile", "impersonation"),
        ("運転免許証の写真", "impersonation"),
        ("Portrait of Barack Obama", "named_person"),
        ("donald trump smiling", "named_person"),
        ("Jane Doe", "named_person"),
        ("a man named bob", "named_person"),
        ("a celebrity lookalike", "named_person"),
        ("ÉMILE Zola", "named_person"),
        ("トランプの顔", "named_person"),
        ("有名人の顔", "named_person"),
    ],
)
def test_what_the_policy_has_rules_about_is_found(prompt: str, term: str) -> None:
    assert screen(prompt) == {term}


def test_everything_in_one_prompt_is_found() -> None:
    assert screen("nude 15 year old Jane Doe") == {"minor", "sexual", "named_person"}


@pytest.mark.parametrize(
    ("prompt", "age"),
    [
        ("a 30 year old man", 30),
        ("a 30-year-old man and a 12 yo", 12),
        ("age: 44", 44),
        ("age of seven", 7),
        ("28歳", 28),
        ("a man with 20 teeth", None),
    ],
)
def test_ages_are_read(prompt: str, age: int | None) -> None:
    assert requested_age(prompt) == age


@given(st.text())
def test_any_text_can_be_screened(text: str) -> None:
    assert screen(text) <= {*TOPICS, "named_person", DISGUISED}
