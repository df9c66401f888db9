"""What was read from the pixels of a release before it left, as its record keeps it.

Whoever brings the very same bytes is answered from it: they are not decoded and searched again. Of credentials nothing
is kept: they are read anew, for trust changes and certificates end.
"""

import json
from collections.abc import Collection
from dataclasses import asdict

from detector.provenance.keys import MarkKey
from detector.provenance.looks import Looks
from detector.types import WatermarkReading


def packed(looks: Looks) -> str:
    """JSON, for `unpacked`."""
    others = None if looks.others is None else [asdict(other) for other in looks.others]
    kept = {"mark": asdict(looks.watermark), "fingerprint": looks.fingerprint, "quality": looks.quality}
    return json.dumps(kept | {"others": others}, separators=(",", ":"))


def unpacked(text: str, *, keys: Collection[MarkKey]) -> Looks | None:
    """What `packed` packed; null where the mark's key is none of the `keys` that count now."""
    kept = json.loads(text)
    mark, others = WatermarkReading(**kept["mark"]), kept["others"]
    if mark.key_id not in {key.key_id for key in keys}:
        return None
    beside = None if others is None else tuple(WatermarkReading(**other) for other in others)
    return Looks(mark, kept["fingerprint"], kept["quality"], beside, resembles=True)
