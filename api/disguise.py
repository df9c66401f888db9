"""Sees through text that is written to be read by people and missed by lists: look-alike letters, invisible ones.

`plain` is NFKC without what cannot be seen. `unmasked` goes on to the Latin letters that others look like, by Unicode's
table of confusables (UTS 39), and drops accents and gaps between single letters. `is_disguised` tells text that has
such things where no honest writing needs them.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby
from typing import Final

INVISIBLE_CATEGORIES: Final = frozenset({"Cf", "Cc", "Co", "Cs", "Cn"})
FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that show nothing: joiners and fillers of several scripts."""
STEERING: Final = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
"""Turns the direction of writing around, or is a tag that nobody sees."""
HIDDEN: Final = "[\u00ad\u034f\u115f\u1160\u180e\u200b-\u200f\u2060-\u2064\u3164\ufe00-\ufe0f\ufeff\uffa0]"
BETWEEN: Final = re.compile(rf"(?<=[A-Za-z]){HIDDEN}+(?=[A-Za-z])")
"""Something invisible inside a Latin word, which is not hyphenated by it either."""
LOOKALIKE_SCRIPTS: Final = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")
WORD: Final = re.compile(r"\w+")
SPACED: Final = re.compile(r"(?<!\w)\w(?:([\s.\-_*·|/])\w)(?:\1\w)+(?!\w)")
"""Three or more single letters with gaps, as in `n u d e`."""
NAMED: Final = re.compile(r"(?:LETTER|CAPITAL) ([A-Z])(?: WITH .*)?$")
"""How Unicode names a letter that is a Latin one with something about it."""
LOOKALIKES: Final = (
    *(*LOOKALIKE_SCRIPTS, "LATIN", "MATHEMATICAL", "FULLWIDTH", "ROMAN", "SCRIPT", "REGIONAL INDICATOR"),
    *("CIRCLED", "SQUARED", "NEGATIVE CIRCLED", "NEGATIVE SQUARED", "PARENTHESIZED"),
)
"""How names begin of what is taken for Latin. Kana and ideographs are not: there a likeness is chance."""
DISGUISED: Final = "disguised"
"""In `PolicyContext.screened`: a text hides what it says."""
STACKED: Final = 3
"""Combining marks on one letter that no orthography needs."""


def plain(text: str) -> str:
    """`text` in NFKC without invisible characters; line ends and tabs become blanks."""
    spaced = "".join(" " if letter.isspace() else letter for letter in text)
    shown = "".join(letter for letter in unicodedata.normalize("NFKC", spaced) if not _is_invisible(letter))
    return unicodedata.normalize("NFKC", shown)


def unmasked(text: str) -> str:
    """`plain(text)` in lower case, with Latin letters in the place of what looks like them, and without accents."""
    latin = "".join(_latin(letter) for letter in plain(text))
    return _without_accents(latin).casefold()


def readings(text: str) -> tuple[str, ...]:
    """The ways in which `text` may be meant, in lower case, each once: as it stands, unmasked, and closed up."""
    open_text = unmasked(text)
    closed = SPACED.sub(_closed, open_text)
    return tuple(dict.fromkeys((plain(text).casefold(), open_text, closed)))


def is_disguised(text: str) -> bool:
    """Whether `text` hides something: turned writing, invisible letters in Latin words, words of mixed alphabets."""
    return bool(
        STEERING.search(text)
        or BETWEEN.search(text)
        or any(_is_mixed(word) for word in WORD.findall(unicodedata.normalize("NFKC", text)))
        or _longest_stack(text) >= STACKED
    )


def _closed(spaced: re.Match[str]) -> str:
    """Single letters as one word, with and without the first, which may be an article."""
    word = "".join(letter for letter in spaced.group() if letter.isalnum())
    return f"{word} {word[1:]}"


def _is_invisible(letter: str) -> bool:
    return letter in FILLERS or unicodedata.category(letter) in INVISIBLE_CATEGORIES or "\ufe00" <= letter <= "\ufe0f"


def _is_mixed(word: str) -> bool:
    """Whether Latin letters stand beside letters of an alphabet that has the same shapes."""
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in word if letter.isalpha()}
    return "LATIN" in scripts and not scripts.isdisjoint(LOOKALIKE_SCRIPTS)


def _longest_stack(text: str) -> int:
    """Most combining marks on one letter."""
    runs = groupby(unicodedata.normalize("NFD", text), key=lambda letter: unicodedata.combining(letter) > 0)
    return max((sum(1 for _ in run) for is_mark, run in runs if is_mark), default=0)


def _latin(letter: str) -> str:
    """The ASCII letter that `letter` looks like, or itself."""
    name = unicodedata.name(letter, "")
    if letter.isascii() or not name.startswith(LOOKALIKES):
        return letter
    told = NAMED.search(name)
    return _table().get(letter) or (told.group(1) if told and "CYRILLIC" not in name else letter)


def _without_accents(text: str) -> str:
    """`text` without what is combined with ASCII letters; marks of other scripts are letters in their own right."""
    kept, base = [], ""
    for letter in unicodedata.normalize("NFKD", text):
        if not unicodedata.combining(letter):
            base = letter
        elif base.isascii():
            continue
        kept.append(letter)
    return unicodedata.normalize("NFKC", "".join(kept))


@cache
def _table() -> dict[str, str]:
    """ASCII letter by look-alike."""
    from confusable_homoglyphs.confusables import confusables_data

    found = {letter: _ascii_letter(likes) for letter, likes in confusables_data.items() if not letter.isascii()}
    return {letter: latin for letter, latin in found.items() if latin}


def _ascii_letter(likes: Iterable[Mapping[str, str]]) -> str:
    return next((each["c"] for each in likes if each["c"].isascii() and each["c"].isalpha()), "")
