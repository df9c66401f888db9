"""Searches a prompt for what the policy has rules about: minors, sexual content, politics, papers, persons by name."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from api.disguise import DISGUISED, is_disguised, plain, readings

TERMS = Path(__file__).with_name("screening.toml")
TOPICS = ("minor", "sexual", "political", "impersonation")
"""Lists in `TERMS` whose words alone call for a rule."""
ADULT = 18
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
NUMBERS += ["eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"]
_NUMBER = rf"(\d{{1,3}}|{'|'.join(NUMBERS)})"
AGES = (
    re.compile(rf"\b{_NUMBER}[\s-]*(?:years?|yrs?|y\.?o|y/o)\b"),
    re.compile(rf"\b(?:age|aged|ages)[\s:]*(?:of\s+)?{_NUMBER}\b"),
    re.compile(r"(\d{1,3})\s*[歳才]"),
)
CAPITALISED = re.compile(r"[^\W\d_a-z][\w'’-]*(?:\s+[^\W\d_a-z][\w'’-]*)+")
"""Two or more words in a row that start with a capital."""

Terms: TypeAlias = dict[str, frozenset[str]]


def screen(text: str) -> frozenset[str]:
    """What `text` asks for, out of `TOPICS`, `named_person` and `DISGUISED`: for `PolicyContext.screened`."""
    age, ways = requested_age(text), readings(text)
    found = {name for name in TOPICS if _mentions(ways, name)}
    if age is not None and age < ADULT:
        found.add("minor")
    if _mentions(ways, "person") or _mentions(ways, "named_by") or _has_name(plain(text)):
        found.add("named_person")
    if is_disguised(text):
        found.add(DISGUISED)
    return frozenset(found)


def requested_age(text: str) -> int | None:
    """The lowest age in years that `text` names, in English or Japanese, if any."""
    named = [match for way in readings(text) for pattern in AGES for match in pattern.findall(way)]
    return min((int(age) if age.isdecimal() else NUMBERS.index(age) + 1 for age in named), default=None)


def _mentions(ways: Sequence[str], name: str) -> bool:
    """Whether a list's word is in any of the ways to read a text."""
    return any(_patterns()[name].search(way) for way in ways)


def _has_name(text: str) -> bool:
    runs = (re.split(r"\s+", run) for run in CAPITALISED.findall(text))
    return any(_looks_like_name(run) for run in runs)


def _looks_like_name(run: list[str]) -> bool:
    """Whether two neighbours in `run` are both no ordinary words."""
    odd = [not _is_ordinary(word) for word in run]
    return any(first and second for first, second in pairwise(odd))


def _is_ordinary(word: str) -> bool:
    """Whether `word`, or each of its hyphenated parts, is on a list of words that are no names."""
    known = _terms()["ordinary"] | _terms()["minor"] | _terms()["sexual"]
    return all(part in known for part in word.casefold().split("-"))


@cache
def _terms() -> Terms:
    return {name: frozenset(words) for name, words in tomllib.loads(TERMS.read_text("utf-8")).items()}


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """One pattern per list; Latin words match whole."""
    return {name: _pattern(words) for name, words in _terms().items()}


def _pattern(words: frozenset[str]) -> re.Pattern[str]:
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return re.compile("|".join(rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word) for word in ordered))
