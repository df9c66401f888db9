"""Text that is written to slip past lists: it is read as people read it, and honest writing of any script passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.disguise import is_disguised, plain, readings, unmasked
from api.policy import normalise
from api.screening import screen

HONEST = [
    "a smiling young woman, 30",
    "笑顔の若い日本人女性、黒髪のロングヘア",
    "улыбающаяся женщина в очках",
    "γυναίκα με γυαλιά",
    "امرأة مبتسمة",
    "می‌خواهم",
    "שָׁלוֹם עֲלֵיכֶם",
    "หญิงสาวยิ้ม",
    "한국 여성",
    "người phụ nữ Việt Nam",
    "une élève souriante de trente ans",
    "café, naïve, Ærø, straße",
    "a woman 👩‍🦰 with red hair",
    "",
]
NUDE = [
    "nude",
    "ＮＵＤＥ",
    "nu\u200bde",
    "n\u00adu\u00adde",
    "nu\ufeffde",
    "nudе",  # Cyrillic е
    "𝓃𝓊𝒹ℯ",
    "𝕟𝕦𝕕𝕖",
    "ⓝⓤⓓⓔ",
    "🅽🆄🅳🅴",
    "ɴᴜᴅᴇ",
    "ñüdé",
    "n̶u̶d̶e̶",
    "n u d e",
    "n.u.d.e",
    "n-u-d-e",
    "nu\U000e0061de",
    "nu\u3164de",
]


@pytest.mark.parametrize("text", HONEST)
def test_honest_writing_hides_nothing(text: str) -> None:
    assert not is_disguised(text)


@pytest.mark.parametrize("text", NUDE)
def test_a_word_is_read_as_people_read_it(text: str) -> None:
    assert "sexual" in screen(f"a {text} woman")


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("a ｓｃｈｏｏｌｇｉｒｌ", "minor"),
        ("a schооlgirl", "minor"),
        ("a t\u200be\u200be\u200bn", "minor"),
        ("１６ year old", "minor"),
        ("a 𝟏𝟔 year old", "minor"),
        ("Bаrаck Оbаmа", "named_person"),
        ("Ｏｂａｍａ", "named_person"),
        ("ob\u2060ama", "named_person"),
        ("a раssроrt picture", "impersonation"),
        ("a vоte fоr the park", "political"),
    ],
)
def test_every_list_sees_through_it(text: str, term: str) -> None:
    assert term in screen(text)


@pytest.mark.parametrize(
    "text",
    ["nudе", "раypal", "Αpple", "a nu\u200bde", "ch\u00adild", "\u202eedun", "a\u2066b", "tag\U000e0041", "t̷̢̛een"],
)
def test_what_honest_writing_has_no_need_of_is_told(text: str) -> None:
    assert is_disguised(text)
    assert "disguised" in screen(text)


@pytest.mark.parametrize(
    "purpose", ["frаud", "ｆｒａｕｄ", "fr\u200baud", "𝖋𝖗𝖆𝖚𝖉", "FRÁUD", " fraud\u00a0", "\ufefffraud"]
)
def test_a_purpose_is_compared_as_people_read_it(purpose: str) -> None:
    assert normalise(purpose) == "fraud"


@pytest.mark.parametrize(
    "purpose", ["fake\u2010account", "fake\u00a0account", "fake\u3000account", "ｆａｋｅ＿ａｃｃｏｕｎｔ"]
)
def test_every_gap_is_a_gap(purpose: str) -> None:
    assert normalise(purpose) == "fake_account"


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    assert unmasked(text) in readings(text)
    assert isinstance(is_disguised(text), bool)


@given(st.text(st.characters(categories=(), include_characters="abcXYZ 019.,!?()\n")))
def test_plain_english_stays_as_it_is(text: str) -> None:
    assert not is_disguised(text)
    assert readings(text)[0] == text.replace("\n", " ").casefold()
