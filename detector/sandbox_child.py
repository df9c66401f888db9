"""The process that touches hostile bytes: it limits itself, then answers one task at a time until its input ends.

A task is a function of the payload and of keyword options, named `package.module:function`, that returns an array or
anything JSON can say. Options and arguments come from the parent and are trusted; the payload is not.
"""

import importlib
import json
import math
import os
import resource
import sys
from collections.abc import Callable
from io import FileIO
from typing import Any

import numpy as np

from detector import sandbox_wire as wire
from detector.errors import DetectorError, MediaTooLarge, UnreadableMedia
from detector.heap import keep_pages
from detector.sandbox_shelf import NONE, Shelf

MAX_OPEN_FILES = 64
STDIN, STDOUT = 0, 1


class Failure(Exception):
    """A task that cannot even be started: a defect of ours, not of the payload."""


def main() -> None:
    """Serve tasks from standard input until it closes.

    The limits are the first argument, in JSON; the descriptor of the memory for answers is the second.
    """
    limits, descriptor = json.loads(sys.argv[1]), int(sys.argv[2])
    shelf = None if descriptor == NONE else Shelf(descriptor)
    source, sink = _take_pipe(STDIN, "rb", os.O_RDONLY), _take_pipe(STDOUT, "wb", os.O_WRONLY)
    _limit_process(limits["memory_bytes"])
    keep_pages()
    wire.send(sink, {"ready": True}, b"")
    while True:
        try:
            head, payload = wire.receive(source, max_body=limits["max_bytes"])
        except wire.WireClosed:
            return
        _limit_cpu(limits["seconds"])
        wire.send(sink, *_answer(head, payload, shelf))


def _take_pipe(descriptor: int, mode: str, null_flags: int) -> FileIO:
    """The stream at `descriptor`, which then leads nowhere, so that a chatty library cannot write into the answers."""
    stream = FileIO(os.dup(descriptor), mode)
    null = os.open(os.devnull, null_flags)
    os.dup2(null, descriptor)
    os.close(null)
    return stream


def _limit_process(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))


def _limit_cpu(seconds: float) -> None:
    """Allow `seconds` of processor time from now on; the kernel kills beyond it even when the parent is gone."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    allowed = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))


def _answer(
    head: dict[str, Any], payload: bytearray, shelf: Shelf | None
) -> tuple[dict[str, object], bytes | memoryview]:
    try:
        return _encode(_resolve(head["task"])(bytes(payload), **head["options"]), shelf)
    except Failure as error:
        return _failed(DetectorError.code, str(error))
    except DetectorError as error:
        return _failed(error.code, str(error))
    except MemoryError:
        return _failed(MediaTooLarge.code, "The file needs more memory than is allowed.")
    except Exception:  # a decoder may raise anything at all on hostile bytes
        return _failed(UnreadableMedia.code, "The file is damaged.")


def _resolve(task: str) -> Callable[..., object]:
    module, _, name = task.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Failure(f"The sandbox has no task {task}.") from error
    if not callable(function):
        raise Failure(f"The sandbox task {task} is no function.")
    return function  # type: ignore[no-any-return]


def _encode(value: object, shelf: Shelf | None) -> tuple[dict[str, object], bytes | memoryview]:
    if not isinstance(value, np.ndarray):
        return {"value": value}, b""
    head: dict[str, object] = {"dtype": value.dtype.name, "shape": list(value.shape)}
    data = np.ascontiguousarray(value).data.cast("B")
    if shelf is not None and shelf.put(data):
        return head | {"shared": data.nbytes}, b""
    return head, data


def _failed(code: str, detail: str) -> tuple[dict[str, object], bytes]:
    return {"error": code, "detail": detail}, b""


if __name__ == "__main__":
    main()
