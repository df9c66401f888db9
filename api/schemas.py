"""Bodies that come in over HTTP; answers are the objects of `api/contracts`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.labels import AUTO, LabelName

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,63}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GenerationBody(_Body):
    """A face to be made; `seed` makes it repeatable."""

    prompt: str = Field(min_length=1, max_length=400)
    purpose: Code
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    label: LabelName = AUTO
    best_effort: bool = False
    """Draw what can be drawn of the prompt instead of refusing it."""
    consent: bool = False
    backend: Code = "embedded"


class IdolBody(_Body):
    """An idol to be made; `seed` makes it repeatable, `seconds` is the least length."""

    prompt: str = Field(default="", max_length=400)
    say: str = Field(default="", max_length=600)
    seconds: float | None = Field(default=None, ge=1, le=62)
    seed: int | None = Field(default=None, ge=0, lt=2**32)
    purpose: Code
    label: LabelName = AUTO
    still: bool = False
    consent: bool = False


class DecisionBody(_Body):
    """A dry run: what would the policy say if the caller asked for `action`?"""

    action: Code
    purpose: str = Field(default="", max_length=64)
    prompt: str = Field(default="", max_length=400)
    consent: bool = False
    visible_label: bool = False
    requested_age: int | None = Field(default=None, ge=0, le=150)
    quota_left: int | None = Field(default=None, ge=0, lt=2**31)


Days = Annotated[int, Field(ge=1, le=36500)]


class RetentionBody(_Body):
    """How long a tenant's answers and files are kept, in days; null: for ever. `zero`: files are not kept at all."""

    answer_days: Days | None = None
    file_days: Days | None = None
    zero: bool = False


class ErasureBody(_Body):
    """What is to be erased: the id of an answer, or the SHA-256 of a file that was sent or given out."""

    target: str = Field(pattern=r"^([0-9a-f]{64}|[a-z]{1,8}_[0-9a-f]{32})$")


class BindingBody(_Body):
    """A soft binding to look up, as in a query of C2PA's Soft Binding Resolution API."""

    alg: str = Field(max_length=128)
    value: str = Field(max_length=1_000_000)
