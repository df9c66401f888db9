"""Words that the prompt parser knows; every other word is refused by name."""

from collections.abc import Mapping
from typing import TypeAlias

Attributes: TypeAlias = Mapping[str, str]


def listed(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


PLAIN: Mapping[str, Attributes] = {
    "woman": {"sex": "female"},
    "lady": {"sex": "female"},
    "female": {"sex": "female"},
    "man": {"sex": "male"},
    "gentleman": {"sex": "male"},
    "guy": {"sex": "male"},
    "male": {"sex": "male"},
    "asian": {"ethnicity": "asian"},
    "east asian": {"ethnicity": "asian"},
    "japanese": {"ethnicity": "asian"},
    "korean": {"ethnicity": "asian"},
    "chinese": {"ethnicity": "asian"},
    "african": {"ethnicity": "black"},
    "african american": {"ethnicity": "black"},
    "african-american": {"ethnicity": "black"},
    "black person": {"ethnicity": "black"},
    "caucasian": {"ethnicity": "white"},
    "european": {"ethnicity": "white"},
    "white person": {"ethnicity": "white"},
    "latino": {"ethnicity": "latino"},
    "hispanic": {"ethnicity": "latino"},
    "latin american": {"ethnicity": "latino"},
    "latina": {"ethnicity": "latino", "sex": "female"},
    "brunette": {"hair_colour": "brown"},
    "blonde": {"hair_colour": "blond"},
    "blond": {"hair_colour": "blond"},
    "black-haired": {"hair_colour": "black"},
    "dark-haired": {"hair_colour": "dark"},
    "brown-haired": {"hair_colour": "brown"},
    "fair-haired": {"hair_colour": "blond"},
    "long-haired": {"hair_length": "long"},
    "short-haired": {"hair_length": "short"},
    "redhead": {"hair_colour": "red"},
    "red-haired": {"hair_colour": "red"},
    "ginger": {"hair_colour": "red"},
    "grey-haired": {"hair_colour": "grey"},
    "gray-haired": {"hair_colour": "grey"},
    "white-haired": {"hair_colour": "white"},
    "pink-haired": {"hair_colour": "pink"},
    "blue-haired": {"hair_colour": "blue"},
    "bearded": {"beard": "full", "sex": "male"},
    "clean-shaven": {"beard": "none"},
    "beardless": {"beard": "none"},
    "no beard": {"beard": "none"},
    "without a beard": {"beard": "none"},
    "mature": {"look": "mature"},
    "middle-aged": {"look": "mature"},
    "light-skinned": {"skin": "light"},
    "fair-skinned": {"skin": "light"},
    "dark-skinned": {"skin": "dark"},
    "smile": {"expression": "smile"},
    "big smile": {"expression": "smile"},
    "smiling": {"expression": "smile"},
    "grinning": {"expression": "smile"},
    "happy": {"expression": "smile"},
    "laughing": {"expression": "smile", "mouth": "open"},
    "not smiling": {"expression": "neutral"},
    "unsmiling": {"expression": "neutral"},
    "no smile": {"expression": "neutral"},
    "without a smile": {"expression": "neutral"},
    "without smiling": {"expression": "neutral"},
    "serious": {"expression": "neutral"},
    "neutral expression": {"expression": "neutral"},
    "looking left": {"turn": "left"},
    "facing left": {"turn": "left"},
    "turned left": {"turn": "left"},
    "looking right": {"turn": "right"},
    "facing right": {"turn": "right"},
    "turned right": {"turn": "right"},
    "frontal": {"turn": "front"},
    "facing forward": {"turn": "front"},
    "looking at the camera": {"turn": "front"},
    "facing the camera": {"turn": "front"},
    "blue-eyed": {"eye_colour": "blue"},
    "green-eyed": {"eye_colour": "green"},
    "brown-eyed": {"eye_colour": "brown"},
    "glasses": {"glasses": "clear"},
    "eyeglasses": {"glasses": "clear"},
    "spectacles": {"glasses": "clear"},
    "sunglasses": {"glasses": "dark"},
    "freckles": {"freckles": "some"},
    "freckled": {"freckles": "some"},
    "adult": {"age": "adult"},
    "young": {"age": "adult"},
    "grown-up": {"age": "adult"},
}
"""Words and phrases that say it all. Nationalities are drawn as the wider group that the model knows. `young` means an
adult like most of the model's faces; it draws nobody younger on request."""

HEADS: Mapping[str, Mapping[str, Attributes]] = {
    "hair": {
        "black": {"hair_colour": "black"},
        "dark": {"hair_colour": "dark"},
        "brown": {"hair_colour": "brown"},
        "brunette": {"hair_colour": "brown"},
        "blond": {"hair_colour": "blond"},
        "blonde": {"hair_colour": "blond"},
        "fair": {"hair_colour": "blond"},
        "red": {"hair_colour": "red"},
        "ginger": {"hair_colour": "red"},
        "grey": {"hair_colour": "grey"},
        "gray": {"hair_colour": "grey"},
        "silver": {"hair_colour": "grey"},
        "white": {"hair_colour": "white"},
        "pink": {"hair_colour": "pink"},
        "blue": {"hair_colour": "blue"},
        "green": {"hair_colour": "green"},
        "purple": {"hair_colour": "purple"},
        "long": {"hair_length": "long"},
        "short": {"hair_length": "short"},
        "medium": {"hair_length": "medium"},
        "medium-length": {"hair_length": "medium"},
        "shoulder-length": {"hair_length": "medium"},
    },
    "skin": {
        "light": {"skin": "light"},
        "fair": {"skin": "light"},
        "pale": {"skin": "light"},
        "white": {"skin": "light"},
        "medium": {"skin": "medium"},
        "olive": {"skin": "medium"},
        "tan": {"skin": "medium"},
        "tanned": {"skin": "medium"},
        "brown": {"skin": "dark"},
        "dark": {"skin": "dark"},
        "black": {"skin": "dark"},
    },
    "background": {
        "light": {"background": "light"},
        "bright": {"background": "light"},
        "dark": {"background": "dark"},
        "white": {"background": "white"},
        "black": {"background": "black"},
        "grey": {"background": "grey"},
        "gray": {"background": "grey"},
        "blue": {"background": "blue"},
        "green": {"background": "green"},
        "red": {"background": "red"},
        "pink": {"background": "pink"},
        "yellow": {"background": "yellow"},
        "beige": {"background": "beige"},
        "brown": {"background": "brown"},
        "purple": {"background": "purple"},
        "plain": {},
        "neutral": {},
    },
    "mouth": {
        "open": {"mouth": "open"},
        "closed": {"mouth": "closed"},
        "shut": {"mouth": "closed"},
        "red": {"lips": "red"},
        "pink": {"lips": "pink"},
    },
    "eyes": {
        "blue": {"eye_colour": "blue"},
        "green": {"eye_colour": "green"},
        "grey": {"eye_colour": "grey"},
        "gray": {"eye_colour": "grey"},
        "brown": {"eye_colour": "brown"},
        "dark": {"eye_colour": "brown"},
        "hazel": {"eye_colour": "hazel"},
    },
    "lipstick": {"red": {"lips": "red"}, "pink": {"lips": "pink"}, "dark": {"lips": "dark"}},
    "beard": {"full": {"beard": "full", "sex": "male"}},
    "expression": {"happy": {"expression": "smile"}, "neutral": {"expression": "neutral"}},
    "person": {"black": {"ethnicity": "black"}, "white": {"ethnicity": "white"}},
}
"""Nouns, and what an adjective before them (or after them and `is`) means."""

DEFAULTS: Mapping[str, Attributes] = {"lipstick": {"lips": "red"}, "beard": {"beard": "full", "sex": "male"}}
"""What a noun means without an adjective."""

HEAD_WORDS: Mapping[str, str] = {
    "hair": "hair",
    "haired": "hair",
    "skin": "skin",
    "skinned": "skin",
    "complexion": "skin",
    "background": "background",
    "backdrop": "background",
    "mouth": "mouth",
    "lips": "mouth",
    "eye": "eyes",
    "eyes": "eyes",
    "lipstick": "lipstick",
    "beard": "beard",
    "expression": "expression",
    "person": "person",
    "human": "person",
    "face": "person",
    "portrait": "person",
    "headshot": "person",
    "woman": "person",
    "lady": "person",
    "female": "person",
    "man": "person",
    "gentleman": "person",
    "guy": "person",
    "male": "person",
    "adult": "person",
}

ABSENT = frozenset(
    f"{without} {article}{thing}"
    for without in ("no", "without")
    for article in ("", "a ", "any ")
    for thing in ("glasses", "sunglasses", "hat", "cap", "mask", "headscarf")
)
"""Things that nobody gets without asking, so that their absence is a promise that is kept."""

FILLER = listed(
    """a against an and any at before behind big bright broad camera close-up closeup create for from front gentle
    generate get give has have having he her here high high-quality his i image in is are it kind little like
    make me my of on one photo photograph photographic photorealistic picture please plain professional
    quality realistic she shot show showing shoulders slight slightly soft some someone somebody studio
    synthetic that the their them they this to very want warm wearing wide who whose with looking human"""
)
"""Words that ask for nothing, or for what every picture of the model is."""

UNDRAWN = listed(
    """beards bangs cap cheeks cheekbones chin clothes collar dimples dress ear earring earrings ears
    eyebrows eyelashes forehead fringe hat headscarf hijab jacket jaw jewellery jewelry
    makeup mask mole moustache mustache necklace nose piercing ponytail scar scarf shirt stubble suit
    tattoo teeth tie uniform wrinkles"""
)
"""Nouns that the model cannot draw on request; adjectives before them belong to them."""

LINKS = frozenset({"is", "are"})

MINOR = listed(
    """adolescent babies baby boy boys child child's childhood childish childlike children girl girls infant infants
    juvenile kid kids kindergartner loli minor minors newborn preschooler preteen preteens pupil schoolboy
    schoolgirl schoolkid shota teen teenage teenaged teenager teenagers teens toddler toddlers tween underage
    youngster youth"""
)

SEXUAL = listed(
    """erotic fetish lewd lingerie naked nsfw nude nudes nudity porn porno pornographic seductive sex sexual sexualised
    sexualized sexy topless undressed xxx"""
)

NAMED = listed(
    """called celebrity chancellor deepfake doppelganger famous impersonating lookalike look-alike named politician
    president resemble resembles resembling"""
)
NAMED_PHRASES = ("looks like", "look like", "looking like", "likeness of", "prime minister", "deepfake of", "same as")

NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
"""In order, from 1."""
