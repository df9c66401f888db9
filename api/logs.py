"""The service's log: a JSON object a line, of known fields alone, so that no name, key or person slips into it.

What a library says is kept as the text that stands in its code, without the values that it puts in; of an exception
its kind and the places in the code that it went through, without its message.
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

from api.clock import timestamp

FIELDS: Final = ("method", "route", "status", "ms", "code", "kind", "job", "queue", "product", "count", "address")
"""What a line may say beside its event; each is a code, a number or an address that this machine listens on."""
OWN: Final = "shingan"
"""Loggers of this name, and below it, write events with fields; all others are libraries."""
MAX_FRAMES: Final = 20
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request in work; the same one is in the answer's header `X-Request-ID`."""


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One line; keys that say nothing are left out."""
        line: dict[str, Any] = {
            "ts": timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": str(record.msg).strip(),
            "request_id": request_id.get(),
        }
        if record.name.partition(".")[0] == OWN:
            line |= {name: getattr(record, name, None) for name in FIELDS}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = list(_chain(record.exc_info[1]))
        return json.dumps({name: value for name, value in line.items() if value is not None}, ensure_ascii=True)


def configure(level: str = "info", *, stream: TextIO | None = None) -> None:
    """Has every logger of this process write JSON lines to `stream`, standard error unless told otherwise."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    # Its lines hold callers' addresses and the names in their paths; `api.middleware` writes our own.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _chain(error: BaseException) -> Iterator[dict[str, Any]]:
    """The exception and those that it came from, newest first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.extract_tb(current.__traceback__)[-MAX_FRAMES:]
        yield {
            "type": type(current).__qualname__,
            "at": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
        }
        current = current.__cause__ or current.__context__
