"""Has signatures time-stamped (RFC 3161), so that they outlive their certificate; an outage costs the stamp alone."""

import logging
from collections.abc import Callable
from typing import TypeVar

import c2pa

from generator.signing import KeySource
from generator.timestamp_relay import Relay

T = TypeVar("T")
_log = logging.getLogger(__name__)


def with_stamp(source: KeySource, sign: Callable[[c2pa.Signer], T]) -> tuple[T, bool]:
    """What `sign` makes with a signer of `source`, and whether its signature is time-stamped.

    `sign` is called a second time, with another signer, where the authority that `source` names gives no stamp within
    `timestamp_relay.SECONDS`: so it has to start afresh each time. What it raises then is let out, as is the
    `SigningFailed` of `source`.
    """
    reason: str | None = None
    if source.timestamp_url is not None:
        with Relay(source.timestamp_url) as relay:
            try:
                with source.signer(timestamp_url=relay.url) as signer:
                    return sign(signer), True
            except c2pa.C2paError:  # if the key is to blame and no stamp, it fails again below
                reason = relay.fault or "not_accepted"
    with source.signer() as signer:
        made = sign(signer)
    if reason is not None:
        _log.warning("timestamp_unavailable", extra={"reason": reason})
    return made, False
