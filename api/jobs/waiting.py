"""Now or later: what is answered while the caller waits, and what a caller may wish about it (RFC 7240)."""

import re
from dataclasses import dataclass
from typing import Final

from detector.media import sniff
from detector.types import MediaKind

IN_PLACE_BYTES: Final = 16 * 1024 * 1024
"""Largest picture that is answered at once: more takes seconds to send and to decode."""
LONGEST_WAIT: Final = 300.0
WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})", re.IGNORECASE)
LATER: Final = re.compile(r"(?:^|[,;\s])respond-async\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Preference:
    """`wait` in seconds, 0 if not asked for; `later` if a job is wanted whatever it is."""

    wait: float = 0.0
    later: bool = False

    @classmethod
    def read(cls, header: str) -> "Preference":
        """What a `Prefer` header says; what it says beside that is left alone, as the specification has it."""
        wait = WAIT.search(header)
        return cls(min(float(wait[1]), LONGEST_WAIT) if wait else 0.0, LATER.search(header) is not None)


def answers_in_place(data: bytes, wish: Preference) -> bool:
    """Whether a file is answered at once: no clip, no large picture, and nothing that shall be answered later."""
    return not wish.later and len(data) <= IN_PLACE_BYTES and sniff(data)[0] is not MediaKind.VIDEO
