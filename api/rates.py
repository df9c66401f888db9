"""How often a caller may ask: fixed windows of a minute, counted in the database that all processes share.

The strategy is that of the library `limits`; what is counted, for whom, and how it is told, stands here. The headers
are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Connection

from api.clock import utc_now
from api.tenant_repository import RateRepository

WINDOW: Final = 60
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is counted together: `name` is told to the caller, `key` says whose it is, `rate` is requests a minute."""

    name: str
    key: str
    rate: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A bucket after a request: `left` in this window, which ends in `seconds`; `over` is how far it is exceeded."""

    bucket: Bucket
    left: int
    seconds: int
    over: int


class DatabaseStorage(Storage):
    """The library's counters as rows, within the caller's transaction."""

    STORAGE_SCHEME = None

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._rows = RateRepository(connection)
        self._seen: dict[str, tuple[int, int]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """None of the database's: `Database` translates them."""
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        self._seen[key] = self._rows.hit(key, now=_now(), seconds=expiry, amount=amount)
        return self._seen[key][0]

    def get(self, key: str) -> int:
        hits, end = self.window(key)
        return hits if end > _now() else 0

    def get_expiry(self, key: str) -> float:
        return self.window(key)[1]

    def window(self, key: str) -> tuple[int, int]:
        """Hits, and end in seconds since 1970."""
        if key not in self._seen:
            self._seen[key] = self._rows.get(key)
        return self._seen[key]

    def check(self) -> bool:
        self._rows.get("")
        return True

    def reset(self) -> int | None:
        self._rows.forget()
        return None

    def clear(self, key: str) -> None:
        self._seen.pop(key, None)
        self._rows.forget(key=key)


def count(connection: Connection, buckets: Sequence[Bucket]) -> Sequence[Standing]:
    """Counts one request in each of `buckets`, in their order: whoever counts at once waits in the same order."""
    storage = DatabaseStorage(connection)
    limiter = FixedWindowRateLimiter(storage)
    return [_hit(limiter, storage, bucket) for bucket in sorted(buckets, key=lambda each: each.key)]


def _hit(limiter: FixedWindowRateLimiter, storage: DatabaseStorage, bucket: Bucket) -> Standing:
    item: RateLimitItem = RateLimitItemPerMinute(bucket.rate)
    limiter.hit(item, bucket.key)
    hits, end = storage.window(item.key_for(bucket.key))
    return Standing(bucket, max(0, bucket.rate - hits), max(1, end - _now()), max(0, hits - bucket.rate))


def headers(standings: Sequence[Standing]) -> dict[str, str]:
    """`RateLimit-Policy` and `RateLimit`, and `Retry-After` where a bucket is exceeded."""
    told = {
        "ratelimit-policy": ", ".join(f'"{each.bucket.name}";q={each.bucket.rate};w={WINDOW}' for each in standings),
        "ratelimit": ", ".join(f'"{each.bucket.name}";r={each.left};t={each.seconds}' for each in standings),
    }
    if exceeded := [each.seconds for each in standings if each.over]:
        told["retry-after"] = str(max(exceeded))
    return told


def _now() -> int:
    return int(utc_now().timestamp())
