"""Bodies that come in over HTTP; answers are the objects of `api/contracts`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.labels import AUTO, LabelName

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,63}$")]


class _Body(BaseModel):
    # With any bound a text must be one: without, half a surrogate pair would pass, which JSON can say.
    model_config = ConfigDict(extra="forbid", frozen=True, str_min_length=0)


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
    consent_reference: str = Field(default="", max_length=256)


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
    consent_reference: str = Field(default="", max_length=256)


class DecisionBody(_Body):
    """A dry run: what would the policy say if the caller asked for `action`?"""

    action: Code
    purpose: str = Field(default="", max_length=64)
    prompt: str = Field(default="", max_length=400)
    consent: bool = False
    visible_label: bool = False
    requested_age: int | None = Field(default=None, ge=0, le=150)
    quota_left: int | None = Field(default=None, ge=0, lt=2**31)
    consent_reference: str = Field(default="", max_length=256)
    version: int | None = Field(default=None, ge=0, lt=2**31)
    """Of the tenant's own policies, as if it were in force."""


class BundleBody(_Body):
    """A tenant's policies: text by file name (`*.cedar`, `*.cedarschema`, `tests/*.toml`)."""

    files: dict[str, str]
    note: str = Field(default="", max_length=400)


class ConsentBody(_Body):
    """A consent: `subject` is the caller's own reference to the person, and is kept as an HMAC alone."""

    subject: str = Field(min_length=1, max_length=256)
    purpose: Code
    days: int = Field(ge=1, le=3650)


class KeyBody(_Body):
    """An API key to be made; without `days` it never expires, without `rate` it has the instance's own."""

    name: str = Field(min_length=1, max_length=200)
    scopes: tuple[str, ...] = Field(min_length=1, max_length=32)
    days: int | None = Field(default=None, ge=1, le=36500)
    rate: int | None = Field(default=None, ge=0, lt=2**31)


class TermsBody(_Body):
    """What a tenant gets instead of the instance's own: `rate` is in requests a minute, and 0 counts none."""

    jurisdiction: str | None = Field(default=None, max_length=16)
    daily_generations: int | None = Field(default=None, ge=0, lt=2**31)
    rate: int | None = Field(default=None, ge=0, lt=2**31)


class TenantBody(TermsBody):
    """A tenant to be made."""

    name: str = Field(min_length=1, max_length=64)


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


class WebhookBody(_Body):
    """An address that is told of `events` (all, if none is named)."""

    url: str = Field(min_length=1, max_length=2048)
    events: tuple[str, ...] = Field(default=(), max_length=16)
