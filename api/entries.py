"""Audit entries as values: their canonical JSON, which is what the log's leaves are hashes of."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rfc8785

from api.errors import InvalidRequest
from api.merkle import leaf_hash

KIND = re.compile(r"[a-z][a-z0-9_.]{0,63}")
MAX_BYTES = 2**16 - 1
"""What an entry bundle can hold (C2SP tlog-tiles)."""
PERSONAL = "personal"
"""Key of an entry's body under which the HMACs of personal data stand."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is in the log; `body` is canonical JSON (RFC 8785) and `leaf_hash` has 32 bytes."""

    index: int
    ts: str
    kind: str
    body: bytes
    leaf_hash: bytes

    @property
    def json(self) -> bytes:
        """The canonical JSON that `leaf_hash` is the hash of."""
        return entry_json(self.index, self.ts, self.kind, self.body)

    @property
    def content(self) -> Mapping[str, Any]:
        """`body`, parsed."""
        parsed: Mapping[str, Any] = json.loads(self.body)
        return parsed


def entry_json(index: int, ts: str, kind: str, body: bytes) -> bytes:
    """The canonical JSON of an entry, its keys in RFC 8785 order; `body` goes in byte for byte."""
    return b'{"body":%b,"entry":%d,"kind":%b,"ts":%b}' % (body, index, _text(kind), rfc8785.dumps(ts))


@lru_cache(maxsize=256)
def _text(kind: str) -> bytes:
    return rfc8785.dumps(kind)


def new_entry(
    index: int, ts: str, kind: str, body: Mapping[str, Any], personal: Mapping[str, str] | None, salt: bytes
) -> Entry:
    """The entry of `body`, and of `personal` as HMACs under `salt`; raises `InvalidRequest` if it has no such form."""
    if not KIND.fullmatch(kind):
        raise InvalidRequest("The kind of an audit entry is a dotted name in lower case.")
    if PERSONAL in body:
        raise InvalidRequest("Personal data goes into an audit entry by its own argument.")
    extra = {PERSONAL: {name: pseudonym(salt, name, value) for name, value in personal.items()}} if personal else {}
    try:
        content = rfc8785.dumps({**body, **extra})
    except (rfc8785.CanonicalizationError, TypeError, ValueError) as error:
        raise InvalidRequest("The body of an audit entry holds something that JSON cannot.") from error
    text = entry_json(index, ts, kind, content)
    if len(text) > MAX_BYTES:
        raise InvalidRequest(f"An audit entry may have {MAX_BYTES} bytes.")
    return Entry(index, ts, kind, content, leaf_hash(text))


def pseudonym(salt: bytes, field: str, value: str) -> str:
    """HMAC-SHA256 of `value`, bound to the name of its `field`, in hexadecimal."""
    return hmac.digest(salt, f"{field}\0{value}".encode(), hashlib.sha256).hex()
