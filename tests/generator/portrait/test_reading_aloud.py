"""Text becomes sounds: English by its spelling, Japanese by its kana, and nothing unknown passes in silence."""

import pytest

from generator.errors import SpeechUnusable
from generator.portrait.english import word_sounds
from generator.portrait.kana import morae
from generator.portrait.speech import BREATHS, MAX_SECONDS, MORA, Speech, read_aloud
from generator.portrait.visemes import REST, SHAPES


def shapes(speech: Speech) -> list[str]:
    return [sound.shape for sound in speech.sounds]


@pytest.mark.parametrize(
    ("word", "sounds"),
    [
        ("hello", "e t o"),
        ("make", "m e i k"),
        ("time", "t a i m"),
        ("thought", "th o t"),
        ("Nation", "t a sh uh t"),
        ("five", "f a i f"),
        ("27", "t u s e f e t"),
        ("naïve", "t a a i f"),
        ("the", "th uh"),
    ],
)
def test_english_follows_its_spelling(word: str, sounds: str) -> None:
    assert " ".join(word_sounds(word)) == sounds


@pytest.mark.parametrize(
    ("text", "vowels"),
    [
        ("こんにちは", "o t t+i t+i a"),
        ("マップ", "m+a rest m+u"),
        ("きょう", "o u"),
        ("ケーキ", "e e i"),
        ("3", "s+a t"),
    ],
)
def test_kana_are_vowels_with_lips_that_close_for_m_b_and_p(text: str, vowels: str) -> None:
    assert " ".join("+".join(mora) for mora in morae(text)) == vowels


@pytest.mark.parametrize("start", [0x3041, 0x30A1])
def test_every_kana_has_a_shape(start: int) -> None:
    for code in range(start, start + 0x56):
        assert all(shape in SHAPES for mora in morae(chr(code)) for shape in mora)


def test_a_mora_takes_its_time_and_a_full_stop_a_breath() -> None:
    assert read_aloud("あまい").seconds == pytest.approx(3 * MORA)
    pause = read_aloud("あ。い").sounds[1]
    assert (pause.shape, pause.seconds) == (REST, BREATHS["。"])


def test_capitals_and_exclamations_are_stressed() -> None:
    said = read_aloud("we said NO")
    assert [sound.stress for sound in said.sounds if sound.shape == "o"] == [1.0]
    assert max(sound.stress for sound in read_aloud("it is so. it is so!").sounds) == 1.0


def test_kanji_are_read_as_their_brackets_say_or_named() -> None:
    assert read_aloud("漢字(かんじ)") == read_aloud("かんじ")
    unread = read_aloud("今日はいい☆")
    assert unread.unread == ("今", "日", "☆")
    assert shapes(unread)[:4] == ["uh"] * 4


@pytest.mark.parametrize(("text", "named"), [("Привет", "П"), ("안녕", "안"), ("...", "nothing"), ("☆", "nothing")])
def test_what_cannot_be_said_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(SpeechUnusable, match=named):
        read_aloud(text)


def test_long_speech_is_refused() -> None:
    with pytest.raises(SpeechUnusable, match="letters"):
        read_aloud("a" * 601)
    with pytest.raises(SpeechUnusable, match=f"{MAX_SECONDS:g} seconds"):
        read_aloud("ま" * 590)
