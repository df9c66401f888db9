"""How long what was made of a file's credentials holds: while neither the trust lists nor the clock say otherwise.

The same bytes under the same lists are judged alike until a certificate begins or ends. The dates of the signers'
certificates and of the lists' are known here, those of intermediates and of time-stamps are not: so nothing is held for
long, and a stamped file not at all.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509

from detector.provenance.credentials import from_json
from detector.provenance.trust import Stamp, TrustStore
from detector.types import Credentials, CredentialState

HELD_SECONDS: Final = 60.0
"""At most so much too late counts what is not known here."""
TICK_SECONDS: Final = 3.0
"""File systems tell changes apart that lie further apart; the coarsest in use count in steps of two seconds."""
HELD_STATES: Final = (
    CredentialState.TRUSTED,
    CredentialState.VALID,
    CredentialState.INVALID,
    CredentialState.ABSENT,
)
"""The others come from elsewhere, or from a reader that failed."""


@dataclass(frozen=True, slots=True)
class TrustNow:
    """`settings` of a `TrustStore`, and when its certificates begin and end (seconds since 1970). Compared by identity:
    there is one of it until the lists change."""

    settings: Mapping[str, Any]
    dates: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`credentials` as judged under `trust` at `since`, and what holds until `until` (seconds since 1970)."""

    credentials: Credentials
    trust: TrustNow
    since: float
    until: float

    def holds(self, trust: TrustNow) -> bool:
        return trust is self.trust and self.since <= time.time() < self.until


class TrustWatch:
    """The lists of a store as they are now; the same object as before where nothing changed."""

    def __init__(self, store: TrustStore) -> None:
        self._store = store
        # Together, for several threads come here; no stamp where it was too young to tell a later change from it.
        self._last: tuple[Stamp | None, TrustNow] | None = None

    def now(self) -> TrustNow:
        """Raises `ProvenanceError` if a list is unusable."""
        stamp, last = self._store.stamp(), self._last
        if last is not None and last[0] == stamp:
            return last[1]
        telling = stamp if stamp.older_than(TICK_SECONDS) else None
        settings = self._store.settings()
        same = last is not None and last[1].settings == settings
        trust = last[1] if last and same else TrustNow(settings, tuple(_dates(settings["trust"]["anchors"])))
        self._last = (telling, trust)
        return trust


def judged(answer: object, trust: TrustNow, *, since: float) -> Judgement:
    """What the sandbox answered. Raises `ValueError` if that has not its form: a child is not believed."""
    if not isinstance(answer, dict):
        raise ValueError("no judgement")
    credentials, dates = from_json(answer.get("credentials")), _moments(answer.get("dates"))
    if dates is None or credentials.state not in HELD_STATES:
        return passing(credentials, trust)
    ahead = [moment for moment in (*dates, *trust.dates) if moment > since]
    return Judgement(credentials, trust, since, min([*ahead, since + HELD_SECONDS]))


def passing(credentials: Credentials, trust: TrustNow) -> Judgement:
    """A judgement that is not to be held."""
    return Judgement(credentials, trust, 0.0, 0.0)


def _moments(dates: object) -> Collection[float] | None:
    """`dates` (RFC 3339) in seconds since 1970; null where the child knows none. Raises `ValueError`."""
    if dates is None:
        return None
    if not isinstance(dates, list) or not all(isinstance(date, str) for date in dates):
        raise ValueError("no dates")
    return [datetime.fromisoformat(date).astimezone(UTC).timestamp() for date in dates]


def _dates(anchors: Iterable[Mapping[str, str]]) -> Iterable[float]:
    for anchor in anchors:
        for certificate in x509.load_pem_x509_certificates(anchor["trust_anchors"].encode()):
            yield certificate.not_valid_before_utc.timestamp()
            yield certificate.not_valid_after_utc.timestamp()
