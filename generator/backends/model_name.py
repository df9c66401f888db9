"""How a backend and the model in it are called, in the signed manifest and in the registry."""

from typing import Final

LONGEST: Final = 64
"""Characters that the registry keeps."""


def model_name(backend: str, model: str, *, mark: str = "") -> str:
    """`backend`, as much of `model` as fits, and the `mark` that tells it from others of its name."""
    tail = f" {mark}" if mark else ""
    return f"{backend} {model}"[: LONGEST - len(tail)] + tail
