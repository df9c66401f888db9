"""The validation report of a file in C2PA's own form (crJSON), which a validator has to give and other tools read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from detector.errors import DecodeTimeout, MediaTooLarge, UnreadableMedia
from detector.media import sniff
from detector.provenance.credentials import crjson, read_credentials
from detector.provenance.trust import TrustStore
from detector.sandbox import Sandbox
from detector.types import CredentialState

READ_REPORT: Final = "detector.provenance.report:report_in_sandbox"


@dataclass(frozen=True, slots=True)
class CredentialReport:
    """`crjson` is the report; null where `state` is absent, remote or unreadable."""

    state: CredentialState
    crjson: Mapping[str, Any] | None = None


def report_in_sandbox(data: bytes, *, mime: str, settings: Mapping[str, Any]) -> dict[str, str | None]:
    """State and report, as text, of `data`: a sandbox task."""
    state = read_credentials(data, mime, settings).state
    return {"state": str(state), "crjson": crjson(data, mime, settings)}


def read_report(data: bytes, *, sandbox: Sandbox, trust: TrustStore) -> CredentialReport:
    """The report on `data` by the lists of `trust`; a broken file is unreadable and no error.

    Raises `ProvenanceError` if a trust list is unusable and `DetectorError` if the sandbox itself is.
    """
    try:
        return _from_json(sandbox.call(READ_REPORT, data, mime=sniff(data)[1], settings=trust.settings()))
    except (UnreadableMedia, DecodeTimeout, MediaTooLarge, ValueError, RecursionError):
        return CredentialReport(CredentialState.UNREADABLE)


def _from_json(answer: object) -> CredentialReport:
    """Raises `ValueError` or `RecursionError` if `answer` has not its form: a child is not believed."""
    if not isinstance(answer, dict):
        raise ValueError("no report")
    state, text = CredentialState(str(answer.get("state"))), answer.get("crjson")
    if text is None:
        return CredentialReport(state)
    report = json.loads(str(text), parse_constant=_refuse)
    if not isinstance(report, dict):
        raise ValueError("no report")
    return CredentialReport(state, report)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
