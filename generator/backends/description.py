"""Puts the attributes of a request into words again, for models that read them.

The prompt itself never gets there: a model reads more out of a text than the grammar that screened it does.
"""

from collections.abc import Mapping
from typing import Final

SEXES: Final[Mapping[str, str]] = {"female": "woman", "male": "man"}
ETHNICITIES: Final[Mapping[str, str]] = {
    "asian": "East Asian",
    "black": "Black",
    "white": "white",
    "latino": "Latin American",
}
HAIR_COLOURS: Final[Mapping[str, str]] = {
    name: name
    for name in ("black", "brown", "blond", "dark", "red", "grey", "white", "pink", "blue", "green", "purple")
}
HAIR_LENGTHS: Final[Mapping[str, str]] = {"long": "long", "medium": "shoulder-length", "short": "short"}
BACKGROUNDS: Final = (
    *("light", "dark", "white", "black", "grey"),
    *("blue", "green", "red", "pink", "yellow", "beige", "brown", "purple"),
)
PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "eye_colour": {
        "blue": "blue eyes",
        "green": "green eyes",
        "grey": "grey eyes",
        "brown": "brown eyes",
        "hazel": "hazel eyes",
    },
    "skin": {"light": "light skin", "medium": "olive skin", "dark": "dark skin"},
    "freckles": {"some": "freckles"},
    "lips": {"red": "red lipstick", "pink": "pink lipstick", "dark": "dark lipstick"},
    "glasses": {"clear": "wearing glasses", "dark": "wearing sunglasses"},
    "expression": {"smile": "smiling", "neutral": "with a neutral expression"},
    "mouth": {"open": "with an open mouth", "closed": "with a closed mouth"},
    "turn": {"left": "facing left", "right": "facing right", "front": "facing the camera"},
    "background": {name: f"plain {name} background" for name in BACKGROUNDS},
    "beard": {"full": "with a full beard", "none": "without a beard"},
    "look": {"mature": "middle-aged"},
    "age": {"adult": ""},
}
"""In the order in which they are said; every description says that the person is an adult."""
WORDED: Final[Mapping[str, Mapping[str, str]]] = {
    "sex": SEXES,
    "ethnicity": ETHNICITIES,
    "hair_colour": HAIR_COLOURS,
    "hair_length": HAIR_LENGTHS,
    **PHRASES,
}


def worded(attributes: Mapping[str, str]) -> dict[str, str]:
    """Those of `attributes` that there are words for."""
    return {name: value for name, value in attributes.items() if value in WORDED.get(name, {})}


def describe(attributes: Mapping[str, str]) -> str:
    """A prompt for one adult with these attributes; what there are no words for is left out."""
    said = worded(attributes)
    hair = [HAIR_LENGTHS.get(said.get("hair_length", ""), ""), HAIR_COLOURS.get(said.get("hair_colour", ""), "")]
    phrases = [PHRASES[name][said[name]] for name in PHRASES if name in said]
    person = ["an adult", ETHNICITIES.get(said.get("ethnicity", ""), ""), SEXES.get(said.get("sex", ""), "person")]
    if any(hair):
        person += ["with", *hair, "hair"]
    return ", ".join(part for part in (f"a studio portrait photo of {_spaced(person)}", *phrases) if part)


def _spaced(words: list[str]) -> str:
    return " ".join(word for word in words if word)
