"""The two stages of a bulk scan: reading and decoding, in tasks on any core; scoring, in actors that keep the networks.

Neither raises for what an input is: a bad one is a row with an error code.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from api.bulk.sources import Item, is_remote, open_any
from api.commands.outcome import failure_of
from api.contract import failed_scan, scan_object
from api.settings import Settings
from api.workplace import Workplace
from detector.errors import MediaTooLarge, SourceNotFound
from detector.media import open_media, read_file, require_bytes, sha256_hex, sniff
from detector.sandbox import Limits, Sandbox
from detector.types import Frame, Media, Pixels, Report, WatermarkReading
from detector.video import is_clip

if TYPE_CHECKING:
    import pyarrow

Row = dict[str, Any]
ReadMarks = Callable[[Sequence[Pixels]], Sequence[WatermarkReading | None]]
RESULT: Final = "row"
WHOLE: Final = -1
"""In the column `size`: to the end of the file."""
UNDECODED: Final[Row] = {"pixels": b"", "height": 0, "width": 0}


def row_of(item: Item) -> Row:
    """`item` as Ray passes it on."""
    return {**asdict(item), "size": WHOLE if item.size is None else item.size}


def decode(row: Mapping[str, Any], *, limits: Limits) -> Row:
    """The input of `row` (as `row_of` makes it) with its bytes, and the pixels of a picture; or with its error."""
    size = int(row["size"])
    item = Item(row["name"], row["uri"], int(row["offset"]), None if size == WHOLE else size)
    empty: Row = {"name": item.name, "data": b"", "code": "", "detail": "", **UNDECODED}
    data = b""
    try:
        data = _read(item, limits)
        if is_clip(data):
            return empty | {"data": data}
        _, frame = open_media(data, sandbox=_sandbox(limits))
    except Exception as error:  # one bad file is one row
        code, detail = failure_of(error)
        return empty | {"data": data, "code": code, "detail": detail}
    height, width = frame.pixels.shape[:2]
    return empty | {"data": data, "pixels": frame.pixels.tobytes(), "height": height, "width": width}


def _read(item: Item, limits: Limits) -> bytes:
    """The bytes of `item`; raises `SourceNotFound`, `EmptyMedia` or `MediaTooLarge`."""
    if item.size is None and not is_remote(item.uri):
        return read_file(Path(item.uri), limits)
    if item.size is not None and item.size > limits.max_bytes:
        raise MediaTooLarge(f"The file is larger than {limits.max_bytes} bytes.")
    try:
        with open_any(item.uri) as file:
            file.seek(item.offset)
            data = file.read(limits.max_bytes + 1 if item.size is None else item.size)
    except OSError as error:
        raise SourceNotFound(f"Cannot open {item.uri}.") from error
    require_bytes(data, limits)
    return data


@lru_cache(maxsize=1)
def _sandbox(limits: Limits) -> Sandbox:
    """One of each process that decodes."""
    return Sandbox(limits=limits)


class Scorer:
    """Judges what was decoded, with the whole of an instance behind it: networks, keys, lists, registry."""

    def __init__(self, settings: Settings) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="registry")
        self._thread.start()
        self._place = asyncio.run_coroutine_threadsafe(Workplace.open(settings), self._loop).result()
        tenant = self._place.tenant_lists.of(settings.tenant)
        self._known = asyncio.run_coroutine_threadsafe(tenant, self._loop).result()

    def __call__(self, batch: "pyarrow.Table") -> dict[str, list[str]]:
        """Rows as `decode` makes them, as a table; the result rows, each as JSON in the column `row`."""
        rows = batch.to_pylist()
        marks = read_together(rows, self._place.detector.read_marks)
        return {RESULT: [json.dumps(self.row(row, mark=mark)) for row, mark in zip(rows, marks, strict=True)]}

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._place.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def row(self, row: Row, *, mark: WatermarkReading | None = None) -> Row:
        """The result of one decoded input; `mark` is what was read in its pixels already."""
        name, data = str(row["name"]), bytes(row["data"])
        code, detail = str(row["code"]), str(row["detail"])
        if not code:
            try:
                return flattened(scan_object(self._report(row, data, mark), path=name))
            except Exception as error:  # one bad file is one row
                code, detail = failure_of(error)
        known = {"sha256": sha256_hex(data), "kind": str(sniff(data)[0])} if data else {}
        return flattened(failed_scan(path=name, code=code, detail=detail, **known))

    def _report(self, row: Row, data: bytes, mark: WatermarkReading | None) -> Report:
        if not row["height"]:
            return self._place.detector.inspect(data, known=self._known)
        pixels = _pixels(row)
        kind, mime = sniff(data)
        media = Media(sha256_hex(data), kind, mime, len(data), pixels.shape[1], pixels.shape[0])
        frame = Frame(0, None, pixels)
        return self._place.detector.inspect_picture(data, media, frame, known=self._known, mark=mark)


def read_together(rows: Sequence[Row], read: ReadMarks) -> list[WatermarkReading | None]:
    """What `read` makes of the pictures among `rows` together, and null for the other rows."""
    marks = iter(read([_pixels(row) for row in rows if row["height"]]))
    return [next(marks) if row["height"] else None for row in rows]


def _pixels(row: Row) -> Pixels:
    return np.frombuffer(row["pixels"], np.uint8).reshape(int(row["height"]), int(row["width"]), 3)


def flattened(document: Mapping[str, Any]) -> Row:
    """A line of `scan` as a row: what is asked for most as columns, and all of it as JSON in `document`."""
    verdict, error = document["verdict"], document["error"] or {}
    return {
        "input": document["path"],
        "sha256": document["sha256"],
        "kind": document["kind"],
        "error": error.get("code"),
        "label": verdict["label"],
        "action": verdict["action"],
        "probability": verdict["probability"],
        "reasons": list(verdict["reasons"]),
        "record_id": document["watermark"]["record_id"],
        "document": json.dumps(document, separators=(",", ":")),
    }
