"""Which visible label a release gets: the one asked for, or the one that the place asks for."""

from typing import TYPE_CHECKING, Final, Literal

from api.errors import InvalidRequest

if TYPE_CHECKING:
    from api.workplace import Workplace
    from generator.label import Label

LabelName = Literal["auto", "none", "eu", "china"]
LABELS: Final = ("auto", "none", "eu", "china")
AUTO: Final = "auto"
REQUIRED: Final = {"china": "china"}
"""Label that a jurisdiction asks for on every picture; where none is named, it is the operator's choice."""


def chosen(workplace: "Workplace", wish: str) -> "Label":
    """The label behind `wish`, one of `LABELS`; raises `InvalidRequest` for another."""
    from generator.label import Label

    if wish not in LABELS:
        raise InvalidRequest(f"A label is one of {', '.join(LABELS)}.")
    return Label(REQUIRED.get(workplace.settings.jurisdiction, "none") if wish == AUTO else wish)


def satisfies(workplace: "Workplace", wish: str) -> bool:
    """Whether the label behind `wish` is the one that the jurisdiction asks for, if it asks for any."""
    label = str(chosen(workplace, wish))
    return label == REQUIRED.get(workplace.settings.jurisdiction, label) and label != "none"
