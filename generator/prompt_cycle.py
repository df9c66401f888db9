"""Prompts that between them ask for every class and most attributes: what a backend is measured by."""

from typing import Final

PROMPTS: Final = (
    "",
    "a smiling woman",
    "a man",
    "an asian woman with long black hair",
    "a black man",
    "a blonde woman",
    "a white man with brown hair, serious",
    "a latina with long hair",
    "an asian man, smiling",
    "a black woman with an open mouth",
    "a latino man with a beard",
    "a white woman with short hair, dark background",
    "a woman with blue eyes, red hair and freckles",
    "a man with glasses",
    "an asian woman with pink hair and red lipstick, blue background",
    "a middle-aged man with grey hair",
)
"""Cycled."""
