"""English words as sounds of speech, by simple rules of spelling: close enough for lips, not for ears."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final, TypeAlias

Sounds: TypeAlias = tuple[str, ...]

WORDS: Final[Mapping[str, Sounds]] = {
    "a": ("uh",),
    "an": ("uh", "t"),
    "are": ("a", "r"),
    "be": ("m", "i"),
    "do": ("t", "u"),
    "eight": ("e", "i", "t"),
    "have": ("a", "f"),
    "he": ("i",),
    "i": ("a", "i"),
    "me": ("m", "i"),
    "my": ("m", "a", "i"),
    "of": ("uh", "f"),
    "one": ("w", "uh", "t"),
    "people": ("m", "i", "m", "t"),
    "said": ("s", "e", "t"),
    "she": ("sh", "i"),
    "some": ("s", "uh", "m"),
    "the": ("th", "uh"),
    "there": ("th", "e", "r"),
    "they": ("th", "e", "i"),
    "to": ("t", "u"),
    "two": ("t", "u"),
    "was": ("w", "uh", "s"),
    "we": ("w", "i"),
    "were": ("w", "r"),
    "what": ("w", "uh", "t"),
    "who": ("u",),
    "you": ("i", "u"),
    "your": ("i", "o", "r"),
}
"""Common words that are not said as they are spelt."""
LETTERS: Final[Mapping[str, Sounds]] = {
    **{"tion": ("sh", "uh", "t"), "sion": ("sh", "uh", "t"), "ture": ("sh", "r"), "ough": ("o",), "augh": ("o",)},
    **{"eigh": ("e", "i"), "igh": ("a", "i"), "tch": ("sh",), "dge": ("sh",), "sch": ("s", "k")},
    **{"ch": ("sh",), "sh": ("sh",), "th": ("th",), "ph": ("f",), "wh": ("w",), "ck": ("k",), "ng": ("k",)},
    **{"qu": ("k", "w"), "gh": (), "kn": ("t",), "wr": ("r",), "ce": ("s", "e"), "ci": ("s", "ih"), "cy": ("s", "i")},
    **{"ee": ("i",), "ea": ("i",), "ie": ("i",), "oo": ("u",), "ew": ("u",), "ue": ("u",), "ui": ("u",)},
    **{"ou": ("a", "u"), "ow": ("a", "u"), "ai": ("e", "i"), "ay": ("e", "i"), "ei": ("e", "i"), "ey": ("i",)},
    **{"oa": ("o", "u"), "oe": ("o", "u"), "oi": ("o", "i"), "oy": ("o", "i"), "au": ("o",), "aw": ("o",)},
    **{"ar": ("a", "r"), "er": ("uh", "r"), "ir": ("uh", "r"), "ur": ("uh", "r"), "or": ("o", "r")},
    **dict.fromkeys(("b", "bb", "p", "pp", "m", "mm"), ("m",)),
    **dict.fromkeys(("f", "ff", "v"), ("f",)),
    **dict.fromkeys(("d", "dd", "l", "ll", "n", "nn", "t", "tt"), ("t",)),
    **dict.fromkeys(("s", "ss", "z", "zz"), ("s",)),
    **dict.fromkeys(("c", "cc", "g", "gg", "k", "q"), ("k",)),
    **{"j": ("sh",), "r": ("r",), "rr": ("r",), "w": ("w",), "x": ("k", "s"), "h": ()},
    **{"a": ("a",), "e": ("e",), "i": ("ih",), "o": ("o",), "u": ("uh",), "y": ("i",)},
}
"""Spellings, the longest of which counts."""
LONG: Final[Mapping[str, Sounds]] = {"a": ("e", "i"), "e": ("i",), "i": ("a", "i"), "o": ("o", "u"), "u": ("u",)}
"""Vowels before one consonant and a silent e."""
MAGIC: Final = re.compile(r"([aeiou])(th|ck|[bcdfgklmnpstvz])e(s|d)?$")
SILENT: Final = re.compile(r"(?<=[^aeiou])e$")
VOWELS: Final = frozenset("aeiouy")
DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def word_sounds(word: str) -> Sounds:
    """Shapes of `generator.portrait.visemes` for a word of Latin letters, accents and case aside; a digit is read."""
    plain = "".join(letter for letter in unicodedata.normalize("NFD", word).lower() if letter.isascii())
    if plain.isdecimal():
        return tuple(sound for digit in plain for sound in word_sounds(DIGITS[int(digit)]))
    plain = "".join(letter for letter in plain if letter.isalpha())
    if plain in WORDS:
        return WORDS[plain]
    if magic := MAGIC.search(plain):
        head, vowel, middle = plain[: magic.start()], magic[1], magic[2]
        return (*_spelt(head), *LONG[vowel], *_spelt("s" if middle == "c" else middle), *_spelt(magic[3] or ""))
    return _spelt(SILENT.sub("", plain) if VOWELS & set(plain[:-1]) else plain)


def _spelt(letters: str) -> Sounds:
    sounds: list[str] = []
    while letters:
        size = next(size for size in (4, 3, 2, 1) if letters[:size] in LETTERS)
        sounds += LETTERS[letters[:size]]
        letters = letters[size:]
    return tuple(sounds)
