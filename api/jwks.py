"""An issuer's public keys: fetched seldom, never more than one fetch at a time, and kept through a short outage."""

import asyncio
import json
from collections.abc import Callable
from time import monotonic
from typing import Final

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from api.errors import IssuerUnavailable

FRESH: Final = 3600.0
"""Seconds after which the keys are fetched again."""
KEPT: Final = 24 * 3600.0
"""Seconds for which old keys still count while the issuer does not answer."""
PATIENCE: Final = 60.0
"""Seconds between two fetches because of an unknown key id, and after a fetch that failed."""
TIMEOUT: Final = 4.0
MAX_BYTES: Final = 256 * 1024
UNAVAILABLE: Final = "The issuer's keys cannot be fetched; try again in a minute."
FAILURES: Final = (
    *(httpx.HTTPError, httpx.InvalidURL, TimeoutError),
    *(JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError),
)
"""Of a fetch, and of what was fetched."""
PUBLIC: Final = (RSAKey, ECKey, OKPKey)
"""Kinds of keys that check and cannot sign."""


class IssuerKeys:
    """The key set at `url`; `clock` tells seconds, from any start."""

    def __init__(self, url: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._failed = False

    async def find(self, key_id: str) -> KeySet | None:
        """A set with the key `key_id` and no other, or null. Raises `IssuerUnavailable`."""
        async with self._lock:
            if self._age() > FRESH:
                await self._refresh()
            found = self._pick(key_id)
            if found is None and self._clock() - self._tried_at >= PATIENCE:  # the issuer may have a new one
                await self._refresh()
                found = self._pick(key_id)
            if found is None and self._failed:
                raise IssuerUnavailable(UNAVAILABLE)
        return found

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _refresh(self) -> None:
        """Fetches, unless that failed a moment ago; raises `IssuerUnavailable` if no key is left that still counts."""
        if self._clock() - self._tried_at >= PATIENCE:
            self._tried_at = self._clock()
            try:
                self._keys = _public(await _fetch(self._url))
                self._fetched_at = self._clock()
                self._failed = False
            except FAILURES:
                self._failed = True
        if self._keys is None or self._age() > KEPT:
            raise IssuerUnavailable(UNAVAILABLE)

    def _pick(self, key_id: str) -> KeySet | None:
        keys = self._keys.keys if self._keys else []
        chosen = [key for key in keys if key.kid == key_id]
        return KeySet(chosen) if len(chosen) == 1 else None


async def _fetch(url: str) -> bytes:
    """At most `MAX_BYTES` from `url` itself: redirects are not followed."""
    async with (
        asyncio.timeout(TIMEOUT),
        httpx.AsyncClient(timeout=TIMEOUT) as client,
        client.stream("GET", url, headers={"accept": "application/json"}) as answer,
    ):
        answer.raise_for_status()  # a redirect is no success either
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > MAX_BYTES:
                raise ValueError("too large")
        return body


def _public(body: bytes) -> KeySet:
    """The public keys for signatures in a key set; raises one of what `_refresh` catches."""
    listed = json.loads(body)["keys"]
    usable = [each for each in listed if each.get("use", "sig") == "sig" and each.get("kty") in ("RSA", "EC", "OKP")]
    keys = KeySet.import_key_set({"keys": usable})
    return KeySet([key for key in keys.keys if isinstance(key, PUBLIC) and not key.is_private])
