"""Emoji and other symbols in a prompt: nothing here draws them, so each is named, as an unknown word is."""

import re
import unicodedata
from typing import Final

JOINER: Final = "\u200d"
"""Makes one picture of the two symbols around it."""
VARIATIONS: Final = frozenset("\ufe0e\ufe0f\u20e3\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
"""How the symbol before them is shown: as text or as a picture, in a frame, in a tone of skin."""
SYMBOL: Final = "So"
"""Unicode's category of emoji, dingbats and signs."""
LETTERS: Final = re.compile(r"[a-z]+")


def symbols(text: str) -> list[str]:
    """The symbols of `text` in their order, each with what belongs to it."""
    found: list[str] = []
    belongs = False
    for letter in text:
        is_symbol = unicodedata.category(letter) == SYMBOL
        if belongs and (letter == JOINER or letter in VARIATIONS or (is_symbol and found[-1].endswith(JOINER))):
            found[-1] += letter
            continue
        belongs = is_symbol
        if is_symbol:
            found.append(letter)
    return [symbol.removesuffix(JOINER) for symbol in found]


def named_by(symbol: str) -> list[str]:
    """The words of the Unicode names of all that is in `symbol`, in lower case."""
    return LETTERS.findall(" ".join(unicodedata.name(letter, "") for letter in symbol).lower())
