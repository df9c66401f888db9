"""Length-prefixed messages between a process and its sandbox child: a JSON head and a raw body.

Nothing here can run code on arrival, which is why no pickle crosses the pipe: the child reads hostile bytes, and its
answer is as little trusted as they are.
"""

import json
import select
import struct
import time
from collections.abc import Mapping
from io import FileIO
from typing import Any, TypeAlias

Buffer: TypeAlias = bytes | memoryview
PREFIX = struct.Struct(">I")
MAX_HEAD_BYTES = 32 * 1024 * 1024
"""Largest JSON head; the largest credential report of the C2PA public test files is below 1 MiB."""


class WireClosed(Exception):
    """The other side is gone."""


class WireTimeout(Exception):
    """The other side did not answer in time."""


class WireBroken(Exception):
    """The other side sent what is no message."""


def send(
    stream: FileIO, head: Mapping[str, object], body: bytes | memoryview, *, deadline: float | None = None
) -> None:
    """Write one message; `deadline` is a `time.monotonic()` instant and needs a non-blocking `stream`."""
    encoded = json.dumps({**head, "size": len(body)}).encode()
    _write(stream, PREFIX.pack(len(encoded)) + encoded, deadline)
    _write(stream, body, deadline)


def receive(stream: FileIO, *, max_body: int, deadline: float | None = None) -> tuple[dict[str, Any], bytearray]:
    """Read one message whose body is at most `max_body` bytes; `deadline` as in `send`."""
    (length,) = PREFIX.unpack(_read(stream, PREFIX.size, deadline))
    if length > MAX_HEAD_BYTES:
        raise WireBroken
    head = _parse(_read(stream, length, deadline))
    size = head.pop("size", None)
    if type(size) is not int or not 0 <= size <= max_body:
        raise WireBroken
    return head, _read(stream, size, deadline)


def _parse(encoded: bytearray) -> dict[str, Any]:
    try:
        head = json.loads(encoded)
    except (ValueError, RecursionError) as error:
        raise WireBroken from error
    if not isinstance(head, dict):
        raise WireBroken
    return head


def _write(stream: FileIO, data: Buffer, deadline: float | None) -> None:
    view = memoryview(data).cast("B")
    while view:
        _wait(stream, select.POLLOUT, deadline)
        try:
            written = stream.write(view)
        except BrokenPipeError as error:
            raise WireClosed from error
        view = view[written or 0 :]


def _read(stream: FileIO, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        _wait(stream, select.POLLIN, deadline)
        count = stream.readinto(view)
        if count == 0:
            raise WireClosed
        view = view[count or 0 :]
    return data


def _wait(stream: FileIO, event: int, deadline: float | None) -> None:
    if deadline is None:
        return
    poll = select.poll()
    poll.register(stream, event)
    remaining = deadline - time.monotonic()
    if remaining <= 0 or not poll.poll(remaining * 1000):
        raise WireTimeout
