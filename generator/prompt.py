"""Reads a prompt, English or simple Japanese, as attributes; what it does not understand it names, never drops.

The grammar is small: phrases that say it all (`smiling`), and adjectives bound to the noun that follows them (`long
black hair`) or precedes them and a link (`hair is black`). Japanese words are first read as their English ones.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from generator import vocabulary as words
from generator.errors import UnsupportedAttribute
from generator.japanese import to_english
from generator.pictographs import named_by, symbols

ADULT_AGE = 18
LONGEST_PHRASE = 4
LONGEST_NAME = 40
"""Characters of an unknown word that an error repeats."""

ADJECTIVES = frozenset(adjective for meanings in words.HEADS.values() for adjective in meanings)
TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[,.;:!?。、]")
AGE = re.compile(
    r"(?<!\d)(\d{1,3})\s*(?:-|\s)?\s*(?:years?\b|yrs?\b|yo\b|y/o|歳|才)(?:[\s-]*olds?\b)?|\baged?\s+(\d{1,3})\b"
)
DECADE = re.compile(r"(?:\b(?:in|of)\s+(?:his|her|their|the)\s+)?(?<!\d)([1-9]0)(?:'?s\b|代)")
CAPITALISED = re.compile(r"^[A-Z][a-zA-Z'’-]+$")


@dataclass(frozen=True, slots=True)
class FaceRequest:
    """What a face should look like; an attribute that is not in `attributes` is left to chance."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    """By name: sex, ethnicity, hair_colour, hair_length, skin, expression, mouth, turn, background, age, look,
    beard, eye_colour, lips, freckles, glasses."""
    screened: tuple[str, ...] = ()
    """Reasons for the policy to look closer: minor, sexual, named_person."""
    requested_age: int | None = None
    unsupported: tuple[str, ...] = ()
    """What was asked and will not be drawn; empty unless `best_effort` or something is `screened`."""
    best_effort: bool = False


def parse(text: str, *, best_effort: bool = False) -> FaceRequest:
    """The request that `text` makes; an empty text asks for any face.

    Raises `UnsupportedAttribute` with every word that cannot be honoured, unless `best_effort`. A screened request is
    returned instead, for the policy to refuse.
    """
    reader = _Reader()
    reader.read(unicodedata.normalize("NFKC", text))
    request = FaceRequest(
        attributes=reader.attributes,
        screened=tuple(sorted(reader.screened)),
        requested_age=reader.age,
        unsupported=tuple(dict.fromkeys(reader.unsupported)),
        best_effort=best_effort,
    )
    if request.unsupported and not best_effort and not request.screened:
        raise UnsupportedAttribute(request.unsupported)
    return request


class _Reader:
    """One pass over the tokens, with the adjectives that wait for their noun."""

    def __init__(self) -> None:
        self.attributes: dict[str, str] = {}
        self.unsupported: list[str] = []
        self.screened: set[str] = set()
        self.age: int | None = None
        self._waiting: list[str] = []
        self._head: str | None = None
        self._linked = False

    def read(self, text: str) -> None:
        text = self._ages(_digits(to_english(text)))
        self._names(text)
        tokens = [token.removesuffix("'s") for token in TOKEN.findall(text.lower().replace("’", "'"))]
        at = 0
        while at < len(tokens):
            at += self._step(tokens[at : at + LONGEST_PHRASE])
        self._settle()
        self._symbols(text)

    def _symbols(self, text: str) -> None:
        """A symbol is refused by itself, and screened by what Unicode calls it: a picture of a baby says `baby`."""
        for symbol in symbols(text):
            self._refuse(symbol)
            for word in named_by(symbol):
                self._screen(word)

    def _ages(self, text: str) -> str:
        for found in AGE.finditer(text):
            self._aged(int(found[1] or found[2]))
        text = AGE.sub(" ", text)
        for found in DECADE.finditer(text):
            self._decade(int(found[1]))
        return DECADE.sub(" ", text)

    def _aged(self, age: int) -> None:
        self.age = age if self.age is None else min(age, self.age)
        if age < ADULT_AGE:
            self.screened.add("minor")
        else:
            self.unsupported.append(f"age {age}")

    def _decade(self, age: int) -> None:
        if age < ADULT_AGE:
            self.screened.add("minor")
        else:
            self.unsupported.append(f"age {age}s")

    def _names(self, text: str) -> None:
        """Flags what looks like a person's name: two unknown capitalised words, or one inside a sentence."""
        lowered = text.lower()
        if any(phrase in lowered for phrase in words.NAMED_PHRASES):
            self.screened.add("named_person")
        written = [word.strip(",.;:!?\"'()") for word in text.split()]
        names = [bool(CAPITALISED.match(word)) and not _known(word.lower()) for word in written]
        for at, name in enumerate(names):
            beside = at + 1 < len(names) and names[at + 1]
            described = at + 1 < len(names) and written[at + 1].lower() in words.HEAD_WORDS
            if name and (beside or (at > 0 and not described)):
                self.screened.add("named_person")

    def _step(self, ahead: list[str]) -> int:
        """Takes the longest phrase that starts here and says how many tokens it was."""
        for length in range(len(ahead), 0, -1):
            phrase = " ".join(ahead[:length])
            if length > 1 and phrase in words.ABSENT:
                return length
            if phrase in words.PLAIN and not self._bound(phrase, ahead[length:]):
                self._set(words.PLAIN[phrase])
                self._close(words.HEAD_WORDS.get(phrase))
                return length
        self._word(ahead[0])
        return 1

    def _bound(self, phrase: str, following: list[str]) -> bool:
        """Whether a word that can stand alone (`blond`) is here an adjective of a noun (`blond hair`)."""
        return phrase in ADJECTIVES and any(words.HEAD_WORDS.get(word) in ("hair", "skin") for word in following)

    def _word(self, word: str) -> None:
        if word in words.LINKS or word == ":":
            self._linked = self._head is not None
        elif self._screen(word):
            return
        elif word in words.HEAD_WORDS:
            self._close(words.HEAD_WORDS[word])
        elif word in ADJECTIVES:
            self._adjective(word)
        elif word in words.UNDRAWN:
            self._refuse(" ".join([*self._waiting, word]))
            self._waiting, self._head, self._linked = [], None, False
        elif word[0].isalnum() and word not in words.FILLER:
            self._waiting.append(word)

    def _screen(self, word: str) -> bool:
        for reason, listed in (("minor", words.MINOR), ("sexual", words.SEXUAL), ("named_person", words.NAMED)):
            if word in listed:
                self.screened.add(reason)
                return True
        return False

    def _adjective(self, word: str) -> None:
        if self._linked and self._head and word in words.HEADS[self._head]:
            self._set(words.HEADS[self._head][word])
        else:
            self._waiting.append(word)

    def _close(self, head: str | None) -> None:
        """Binds the waiting adjectives to `head`, or to the noun before it where they fit only that one."""
        if head is None:
            return
        if not self._waiting:
            self._set(words.DEFAULTS.get(head, {}))
        for word in self._waiting:
            self._bind(word, head)
        self._waiting, self._head, self._linked = [], head, False

    def _bind(self, word: str, head: str) -> None:
        before = self._head if head == "person" else None
        for candidate in (head, before):
            if candidate and word in words.HEADS[candidate]:
                self._set(words.HEADS[candidate][word])
                return
        self._refuse(word if head in ("person", "expression") else f"{word} {head}")

    def _settle(self) -> None:
        for word in self._waiting:
            meanings = {**words.HEADS["person"], **words.HEADS[self._head or "person"]}
            if word in meanings:
                self._set(meanings[word])
            else:
                self._refuse(word)

    def _set(self, attributes: words.Attributes) -> None:
        for name, value in attributes.items():
            if self.attributes.setdefault(name, value) != value:
                self._refuse(f"both {self.attributes[name]} and {value}")

    def _refuse(self, name: str) -> None:
        self.unsupported.append(name[:LONGEST_NAME])


def _known(word: str) -> bool:
    listed = (words.PLAIN, words.HEAD_WORDS, words.FILLER, words.MINOR, words.SEXUAL, words.NAMED, ADJECTIVES)
    return any(word in each for each in listed) or word in {part for phrase in words.PLAIN for part in phrase.split()}


def _digits(text: str) -> str:
    """Ages in words as digits: `fifteen-year-old` as `15-year-old`."""
    for number, name in reversed(list(enumerate(words.NUMBERS, 1))):
        text = re.sub(rf"\b{name}(?=[\s-]years?\b)", str(number), text, flags=re.IGNORECASE)
    return text
