"""RFC 3161 time-stamps over any bytes: the query, and what a reply proves."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a reply says: the SHA-256 that was stamped, and when (with its zone). Who says it is `vouched`'s matter."""

    digest: bytes
    moment: datetime


@dataclass(frozen=True, slots=True)
class Query:
    """`data` is a DER TimeStampReq for a SHA-256 with `nonce`, which asks for the authority's certificates."""

    data: bytes
    nonce: int

    @classmethod
    def about(cls, content: bytes) -> "Query":
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

        asked = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()
        return cls(asked.as_bytes(), asked.nonce or 0)


def read_stamp(reply: bytes, *, nonce: int | None = None) -> Stamp | None:
    """What `reply` (DER TimeStampResp) says; null if it grants nothing, or not to the query with `nonce`."""
    answer = _parsed(reply)
    if answer is None or answer.status != 0 or (nonce is not None and answer.tst_info.nonce != nonce):
        return None
    return Stamp(bytes(answer.tst_info.message_imprint.message), answer.tst_info.gen_time)


def vouched(reply: bytes, content: bytes, *, roots: Iterable[str]) -> bool:
    """Whether an authority under one of `roots` (PEM texts) stamped `content`."""
    from rfc3161_client import VerificationError, VerifierBuilder

    answer = _parsed(reply)
    trusted = [x509.load_pem_x509_certificate(root.encode()) for root in roots]
    if answer is None or not trusted:
        return False
    try:
        return VerifierBuilder(roots=trusted).build().verify(answer, hashlib.sha256(content).digest())
    except (VerificationError, ValueError):
        return False


def _parsed(reply: bytes) -> "TimeStampResponse | None":
    from rfc3161_client import decode_timestamp_response

    try:
        answer = decode_timestamp_response(reply)
        _ = answer.tst_info.message_imprint
    except ValueError:
        return None
    return answer
