"""What was once read from a file's pixels, kept for when the same bytes come again: these do not change, trust does."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from detector.provenance.judgement import Judgement
from detector.types import Media, WatermarkReading, WatermarkTrace

CAPACITY = 4096
"""Files; about a kilobyte each."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Findings that follow from a file's bytes, the instance's watermark keys and releases that look like it; and what
    was last made of its credentials, which holds for a while."""

    watermark: WatermarkReading
    fingerprint: str
    quality: int
    others: tuple[WatermarkReading, ...] | None = None
    """Marks of other keys; null where a trusted signer's word made it needless to look for them."""
    judgement: Judgement | None = None
    alike: tuple[str, ...] = ()
    """Records of releases whose marks were asked for, since none could be read."""
    trace: WatermarkTrace | None = None
    resembles: bool | None = None
    """Whether it looks like the release that its mark names; null where there is neither, or nobody to ask."""


class LookMemory:
    """The newest `CAPACITY` looks of this process, thread-safe.

    Whoever `asker` is finds only what the same asker had looked at: how long an answer takes would else tell one tenant
    what another has seen.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, str], tuple[Media, Looks]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, asker: str, sha256: str) -> tuple[Media, Looks] | None:
        with self._lock:
            found = self._kept.get((asker, sha256))
            if found is not None:
                self._kept.move_to_end((asker, sha256))
            return found

    def forget(self, asker: str, sha256: str) -> None:
        with self._lock:
            self._kept.pop((asker, sha256), None)

    def keep(self, asker: str, media: Media, looks: Looks) -> None:
        with self._lock:
            self._kept[asker, media.sha256] = (media, looks)
            self._kept.move_to_end((asker, media.sha256))
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
