"""Which visible label a release gets: the one asked for, or the one that the place asks for."""

from typing import TYPE_CHECKING, Final, Literal

from api.errors import InvalidRequest

if TYPE_CHECKING:
    from api.auth import Actor
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


async def label_for(workplace: "Workplace", actor: "Actor", wish: str) -> str:
    """`wish`, or for `AUTO` the label that the jurisdiction of the actor's tenant asks for."""
    from api.terms import jurisdiction_of

    return REQUIRED.get(await jurisdiction_of(workplace, actor), "none") if wish == AUTO else wish


async def satisfies(workplace: "Workplace", actor: "Actor", wish: str) -> bool:
    """Whether the label behind `wish` is the one that the jurisdiction asks for, if it asks for any.

    Raises `InvalidRequest` for a label that there is not.
    """
    from api.terms import jurisdiction_of

    label = str(chosen(workplace, await label_for(workplace, actor, wish)))
    return label == REQUIRED.get(await jurisdiction_of(workplace, actor), label) and label != "none"
