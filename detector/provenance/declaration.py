"""What a file's XMP declares of its making, unsigned: IPTC's digital source type, and the AIGC field of GB 45438-2025.

Anybody can write such a line, so it is a reason to look and never a finding. The packet is found by its own first and
last bytes, as the XMP specification (part 1, 7.1) foresees, and read with expressions that take linear time: no parser
of XML or of any container sees these hostile bytes. The AIGC field also stands outside of XMP (text of PNG, comment of
EXIF, metadata of MP4 and MP3): there it is found by its name and the braces after it.
"""

import html
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from detector.provenance.credentials import AI_SOURCES
from detector.types import Declaration

FIRST, LAST = b"<x:xmpmeta", b"</x:xmpmeta>"
MAX_PACKET: Final = 1_048_576
MAX_TEXT: Final = 4096
AIGC: Final = b"AIGC"
MOST_BETWEEN: Final = 64
"""Bytes between the field's name and its braces: a box or a chunk has a few."""
MOST_FIELDS: Final = 64
"""Names that are looked behind, so that a file full of them takes no time."""
_SOURCE = re.compile(r"Iptc4xmpExt:DigitalSourceType(?:=\"|=')?[^\w\"'<]{0,8}(?:[\w:/.]{0,80}/)?(\w{1,64})")
_AIGC = re.compile(r"TC260:AIGC(?:>([^<]{1,4096})|=\"([^\"]{1,4096})|='([^']{1,4096}))")
_LABELS: Final = ("1", "2", "3")


def read_declaration(data: bytes) -> Declaration:
    """What the first XMP packet in `data` declares, or else a field AIGC by itself; never raises on bad bytes."""
    packet = _packet(data)
    source, field = _SOURCE.search(packet), _AIGC.search(packet)
    label, producer = _aigc(field.group(field.lastindex or 0)) if field else _bare_aigc(data)
    kind = source.group(1) if source else None
    return Declaration(kind, label, producer, declares_ai=kind in AI_SOURCES or label is not None)


def _packet(data: bytes) -> str:
    start = data.find(FIRST)
    end = data.find(LAST, start, start + MAX_PACKET) if start >= 0 else -1
    return data[start:end].decode("utf-8", "replace") if end >= 0 else ""


def _bare_aigc(data: bytes) -> tuple[str | None, str | None]:
    """The first field outside of XMP that has a label; its quotes may be escaped, where it is JSON within JSON."""
    for text in islice(_braced(data), MOST_FIELDS):
        for form in (text, text.replace('\\"', '"')):
            label, producer = _aigc(form)
            if label is not None:
                return label, producer
    return None, None


def _braced(data: bytes) -> Iterator[str]:
    """What stands in braces soon after the name of the field; empty where nothing does."""
    found = data.find(AIGC)
    while found >= 0:
        start = data.find(b"{", found + len(AIGC) + 1, found + len(AIGC) + MOST_BETWEEN)
        end = data.find(b"}", start, start + MAX_TEXT) if start >= 0 else -1
        yield data[start : end + 1].decode("utf-8", "replace") if end >= 0 else ""
        found = data.find(AIGC, found + len(AIGC))


def _aigc(text: str) -> tuple[str | None, str | None]:
    """Label (1 generated, 2 possibly, 3 suspected) and producer in an AIGC field."""
    try:
        field = json.loads(html.unescape(text[:MAX_TEXT]))
        label, producer = str(field["Label"]), field.get("ContentProducer")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None, None
    named = producer[:128] if isinstance(producer, str) and producer else None
    return (label, named) if label in _LABELS else (None, named)
