"""Japanese kana as sounds of speech: a mora is a vowel, with lips that close first for m, b and p."""

import unicodedata
from typing import Final, TypeAlias

Sounds: TypeAlias = tuple[str, ...]

VOWELS: Final = {"A": "a", "I": "i", "U": "u", "E": "e", "O": "o"}
CONSONANTS: Final = {
    **dict.fromkeys("MBP", ("m",)),
    **dict.fromkeys("TDNR", ("t",)),
    **dict.fromkeys("SZC", ("s",)),
    **dict.fromkeys("KGHY", ()),
    **{"W": ("w",), "V": ("f",)},
}
"""First sound by the first letter of a kana's name; k, g and h leave the lips to the vowel."""
LONG, STOPPED, NASAL = "ー", "っ", "ん"
HOLD: Final = ("rest",)
PREFIX: Final = "HIRAGANA LETTER "
SMALL: Final = "SMALL "
DIGITS: Final = ("ぜろ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
UNREAD_MORAE: Final = 2
"""Morae of a kanji whose reading is not given: the commonest length."""
UNREAD: Final[Sounds] = ("uh",)


def is_kana(letter: str) -> bool:
    return letter in LONG or unicodedata.name(letter, "").startswith(("HIRAGANA LETTER", "KATAKANA LETTER"))


def is_kanji(letter: str) -> bool:
    return letter in "々〆" or unicodedata.name(letter, "").startswith("CJK UNIFIED IDEOGRAPH")


def morae(text: str) -> list[Sounds]:
    """Sounds of each mora of `text`, which is kana, kanji and digits; small kana join the one before them."""
    found: list[Sounds] = []
    for letter in _hiragana(text):
        name = unicodedata.name(letter, "").removeprefix(PREFIX)
        if letter.isdecimal():
            found += morae(DIGITS[int(letter)])
        elif is_kanji(letter):
            found += [UNREAD] * UNREAD_MORAE
        elif letter == LONG:
            found.append(found[-1][-1:] if found else HOLD)
        elif letter == STOPPED:
            found.append(HOLD)
        elif letter == NASAL:
            found.append(("t",))
        elif name.startswith(SMALL) and found:
            found[-1] = (*found[-1][:-1], VOWELS[name[-1]])
        else:
            found.append(_mora(name.removeprefix(SMALL)))
    return found


def _mora(name: str) -> Sounds:
    first: Sounds = () if name[0] in VOWELS else tuple(CONSONANTS[name[0]])
    return (*first, VOWELS[name[-1]])


def _hiragana(text: str) -> str:
    """`text` with katakana turned into the hiragana of the same sound."""
    return "".join(chr(ord(letter) - 0x60) if "ァ" <= letter <= "ヴ" else letter for letter in text)
