"""Whether this instance can do its work: each part is really used, and a short memory keeps that from being a load.

The database takes a write, the blob store keeps and gives back a blob, both signing keys sign or fit, the sandbox
decodes a picture, and the weight files are those that their cards name.
"""

import asyncio
import os
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import select, update

from api.clock import timestamp, utc_now
from api.errors import DatabaseUnavailable, NotFound, StorageUnavailable, problem_of
from api.signing_keys import describe
from api.tables import probes
from api.weights_check import WeightsCheck
from detector.media import open_media
from detector.sandbox import Sandbox

if TYPE_CHECKING:
    from api.workplace import Workplace

FRESH_SECONDS: Final = 5.0
"""How long an answer holds: whoever asks more often costs nothing more."""
PART_SECONDS: Final = 10.0
"""Patience for one part; one that takes longer is `timeout`."""
TOKEN_BYTES: Final = 16
OK: Final = "ok"
TIMEOUT: Final = "timeout"
PICTURE: Final = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR42mOs6IliwAaYGHCAwSkBABXpAW5r8NZxAAAAAElFTkSuQmCC"
)
"""A PNG of eight pixels a side, for the sandbox to decode."""
Probe = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """`parts` says `ok` or an error code for each part."""

    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return all(state == OK for state in self.parts.values())


class ReadinessCheck:
    """Tries the parts of `workplace`, all at once, and by never more than one caller at a time."""

    def __init__(self, workplace: "Workplace", *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._place = workplace
        self._sandbox = Sandbox(limits=workplace.sandbox.limits)
        self._weights = WeightsCheck()
        self._fresh_seconds = fresh_seconds
        self._lock = asyncio.Lock()
        self._last: tuple[float, Readiness] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sandbox.close()

    async def now(self) -> Readiness:
        """The state of all parts, at most `fresh_seconds` old."""
        async with self._lock:
            if self._last is None or time.monotonic() - self._last[0] >= self._fresh_seconds:
                found = await self._try_all()
                self._last = (time.monotonic(), found)
            return self._last[1]

    async def _try_all(self) -> Readiness:
        parts: Mapping[str, Probe] = {
            "database": self._database,
            "blobs": self._blobs,
            "audit_key": self._audit_key,
            "signing_key": self._signing_key,
            "sandbox": self._decode,
            "weights": self._intact,
        }
        states = await asyncio.gather(*(_state(probe) for probe in parts.values()))
        return Readiness(dict(zip(parts, states, strict=True)))

    async def _database(self) -> None:
        token = os.urandom(TOKEN_BYTES).hex()
        async with self._place.database.write() as session:
            await session.execute(update(probes).values(token=token, written_at=timestamp()))
            if (await session.execute(select(probes.c.token))).scalar_one() != token:
                raise DatabaseUnavailable("The database did not keep what was written.")

    async def _blobs(self) -> None:
        data, blobs = os.urandom(TOKEN_BYTES), self._place.blobs
        name = await blobs.put(data)
        try:
            if await blobs.get(name) != data:
                raise StorageUnavailable("The blob store did not keep what was written.")
        finally:
            await blobs.delete(name)

    async def _audit_key(self) -> None:
        async with self._place.database.read() as session:
            try:
                note = await self._place.audit.checkpoint(session)
            except NotFound:
                return
        self._place.audit.verifier.open(note)

    async def _signing_key(self) -> str:
        """Makes the keys that a new instance lacks, so that they can be copied once this was asked."""

        def signs() -> str:
            self._place.mark_keys  # noqa: B018 - read or made
            return describe(self._place.key_source, now=utc_now())

        return await asyncio.to_thread(signs)

    async def _decode(self) -> object:
        return await asyncio.to_thread(lambda: open_media(PICTURE, sandbox=self._sandbox))

    async def _intact(self) -> int:
        return await asyncio.to_thread(self._weights.require_intact)


async def _state(probe: Probe) -> str:
    try:
        async with asyncio.timeout(PART_SECONDS):
            await probe()
    except TimeoutError:
        return TIMEOUT
    except Exception as error:  # a failure is the finding
        return str(problem_of(error).body["code"])
    return OK
