"""What an inspection or a verification is asked of the policy as, and what it is answered with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.auth import Actor
from api.entries import Entry
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.receipts import Receipt
from api.workplace import Workplace
from detector.types import Provenance, Report, Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """`document` is the JSON object of the output contract, recorded; `report` is null for a verification."""

    id: str
    document: Mapping[str, Any]
    receipt: Receipt
    entry: Entry
    verdict: Verdict
    provenance: Provenance
    report: Report | None = None


def request_of(workplace: Workplace, actor: Actor, action: PolicyAction, purpose: str) -> PolicyRequest:
    """What the policy is asked about an inspection or verification."""
    return PolicyRequest(actor, action, purpose, PolicyContext(jurisdiction=workplace.settings.jurisdiction))
