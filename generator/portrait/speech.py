"""What is to be said, as timed sounds: English by its spelling, Japanese by its kana, at a steady pace."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from generator.errors import SpeechUnusable
from generator.portrait.english import word_sounds
from generator.portrait.kana import is_kana, is_kanji, morae
from generator.portrait.visemes import REST, Sound, duration

MAX_TEXT: Final = 600
MAX_SECONDS: Final = 60.0
"""Longest speech."""
VOWEL, CONSONANT = 0.112, 0.066
"""Seconds a sound: about 150 English words a minute."""
MORA: Final = 0.135
"""Seconds a mora: 7.4 a second, as in Japanese news."""
MORA_VOWEL: Final = 0.6
"""Share of a mora that its vowel has, if a consonant comes first."""
BREATHS: Final = {**dict.fromkeys(",、;:，；：・", 0.22), **dict.fromkeys(".。!?！？…\n", 0.45)}
"""Seconds of silence after a mark."""
VOWELS: Final = frozenset({"a", "e", "i", "ih", "o", "u", "uh"})
OPENING, LOUD, LONG_WORD = 0.5, 1.0, 0.35
"""Stress of what begins a sentence, of capitals and exclamations, and of words of `LONG_LETTERS` and more."""
LONG_LETTERS: Final = 7
KANA: Final = "぀-ゟ゠-ヿ"
KANJI: Final = "々〆㐀-䶿一-鿿"
READING: Final = re.compile(rf"[{KANJI}]+[{KANA}]*\(([{KANA}]+)\)")
TOKEN: Final = re.compile(rf"[{KANA}{KANJI}]+|\d+|[^\W\d_{KANA}{KANJI}]+(?:['’][^\W\d_{KANA}{KANJI}]+)*|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Speech:
    """Timed sounds; `unread` are the letters and signs whose sound is not known, each once."""

    sounds: tuple[Sound, ...]
    unread: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return duration(self.sounds)


def read_aloud(text: str) -> Speech:
    """`text` in English, in kana, or in both; a kanji's reading may follow it in brackets: 漢字(かんじ).

    A kanji without one gets two neutral morae and is listed as `unread`, as are signs, which stay silent. Raises
    `SpeechUnusable` for letters of any other script, a text without a sound, and one that is too long.
    """
    plain = READING.sub(r"\1", unicodedata.normalize("NFKC", text)).strip()
    if len(plain) > MAX_TEXT:
        raise SpeechUnusable(f"The text has more than {MAX_TEXT} letters.")
    foreign = sorted({letter for letter in plain if letter.isalpha() and not _is_known(letter)})
    if foreign:
        raise SpeechUnusable(f"Only English and kana can be read aloud, not {' '.join(foreign)}.")
    sounds = _trimmed(tuple(_sounds(plain)))
    if not sounds:
        raise SpeechUnusable("The text has nothing in it that could be said.")
    if duration(sounds) > MAX_SECONDS:
        raise SpeechUnusable(f"Saying this would take longer than {MAX_SECONDS:g} seconds.")
    silent = (letter for letter in plain if is_kanji(letter) or unicodedata.category(letter)[0] not in "LMNPZC")
    return Speech(sounds, tuple(dict.fromkeys(silent)))


def _trimmed(sounds: tuple[Sound, ...]) -> tuple[Sound, ...]:
    """Without the silence at the end, which every clip has anyway."""
    last = max((at for at, sound in enumerate(sounds) if sound.shape != REST), default=-1)
    return sounds[: last + 1]


def _is_known(letter: str) -> bool:
    return is_kana(letter) or is_kanji(letter) or "LATIN" in unicodedata.name(letter, "")


def _sounds(text: str) -> Iterator[Sound]:
    japanese = any(is_kana(letter) or is_kanji(letter) for letter in text)
    opening, rest = True, text
    for token in TOKEN.findall(text):
        rest = rest[len(token) :]
        if token in BREATHS:
            yield Sound(REST, BREATHS[token])
            opening = opening or BREATHS[token] > BREATHS[","]
        elif token[0].isalnum():
            stress = max(OPENING if opening else 0.0, _stress(token, rest))
            yield from _spoken(token, stress, japanese=japanese)
            opening = False


def _stress(token: str, rest: str) -> float:
    if (token.isupper() and len(token) > 1) or rest[:1] in ("!", "！"):
        return LOUD
    return LONG_WORD if len(token) >= LONG_LETTERS else 0.0


def _spoken(token: str, stress: float, *, japanese: bool) -> Iterator[Sound]:
    if is_kana(token[0]) or is_kanji(token[0]) or (japanese and token.isdecimal()):
        for mora in morae(token):
            shares = (MORA_VOWEL,) if len(mora) == 1 else (1 - MORA_VOWEL, MORA_VOWEL)
            whole = sum(shares)
            for shape, share in zip(mora, shares, strict=True):
                yield Sound(shape, MORA * share / whole, stress)
        return
    for shape in word_sounds(token):
        yield Sound(shape, VOWEL if shape in VOWELS else CONSONANT, stress)
