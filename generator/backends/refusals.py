"""What no backend draws, whatever a policy permits and whatever its model could."""

from collections.abc import Mapping, Sequence
from typing import Final

from generator.errors import UnsupportedAttribute
from generator.prompt import FaceRequest

NEVER: Final[Mapping[str, str]] = {
    "minor": "the face of a minor",
    "named_person": "the face of a particular person",
    "sexual": "a sexual picture",
}
"""By the reason for which a request was screened; best effort makes no difference."""


def require_drawable(request: FaceRequest, *, beyond: Sequence[str] = ()) -> None:
    """Raises `UnsupportedAttribute` for a screened request, and unless best effort for what lies `beyond` the model."""
    refused = [NEVER[reason] for reason in request.screened if reason in NEVER]
    if not request.best_effort:
        refused += [*request.unsupported, *beyond]
    if refused:
        raise UnsupportedAttribute(refused)


def named(attribute: str, value: str) -> str:
    """An attribute in words, for a refusal: `black hair colour`."""
    return f"{value} {attribute}".replace("_", " ")
