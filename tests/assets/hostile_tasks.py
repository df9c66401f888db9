"""Sandbox tasks that do what a decoder taken over by a file might do; run in sandbox children by its tests."""

import ctypes
import gc
import json
import os
import sys
import tempfile
import time
from io import FileIO

import numpy as np
from numpy.typing import NDArray

from detector.errors import MediaTooLarge
from detector.sandbox_wire import PREFIX


def echo(data: bytes, **options: object) -> dict[str, object]:
    return {"length": len(data), "options": options}


def array(data: bytes, *, dtype: str, shape: list[int]) -> NDArray[np.generic]:
    return np.frombuffer(data, dtype=dtype).reshape(shape)


def counted(data: bytes, *, size: int) -> NDArray[np.uint8]:
    return (np.arange(size) % 251).astype(np.uint8)


def shrink_what_is_shared(data: bytes) -> list[bool]:
    """Whether each of the memories that are shared could be made smaller."""
    numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    links = {number: os.readlink(f"/proc/self/fd/{number}") for number in numbers if _open(number)}
    return [_shrinks(number) for number, link in links.items() if link.startswith("/memfd:")]


def _open(number: int) -> bool:
    return os.path.lexists(f"/proc/self/fd/{number}")


def _shrinks(number: int) -> bool:
    try:
        os.ftruncate(number, 0)
    except OSError:
        return False
    return True


def process_id(data: bytes) -> int:
    return os.getpid()


def surroundings(data: bytes) -> dict[str, object]:
    return {
        "environment": list(os.environ),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "torch": "torch" in sys.modules,
    }


def chatter(data: bytes) -> str:
    os.write(1, b"libfoo: warning: odd marker\n" * 100)
    sys.stdout.write("more of it")
    sys.stdout.flush()
    return "fine"


def refuse(data: bytes) -> None:
    raise MediaTooLarge("just so")


def sleep(data: bytes) -> None:
    time.sleep(60)


def spin_in_native_code(data: bytes) -> None:
    sum(range(10**12))


def allocate(data: bytes) -> int:
    return len(bytearray(1 << 40))


def fail(data: bytes) -> None:
    raise RuntimeError("decoder tripped over /some/path")


def recurse(data: bytes) -> None:
    recurse(data)


def crash(data: bytes) -> None:
    ctypes.string_at(0)


def leave(data: bytes) -> None:
    os._exit(0)


def write_a_file(data: bytes) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(data)


def answer_the_unspeakable(data: bytes) -> object:
    return object()


def answer_an_unknown_array(data: bytes) -> NDArray[np.complex128]:
    return np.zeros(3, np.complex128)


def forge_an_error(data: bytes) -> None:
    _forge(json.dumps({"error": "__class__", "detail": "", "size": 0}).encode())


def forge_a_shape(data: bytes) -> None:
    _forge(json.dumps({"dtype": "uint8", "shape": [-1, 10**30], "size": 4}).encode() + b"four", head_bytes=-4)


def forge_a_shared_size(data: bytes) -> None:
    _forge(json.dumps({"dtype": "uint8", "shape": [1], "shared": 10**15, "size": 0}).encode())


def forge_a_negative_shared_size(data: bytes) -> None:
    _forge(json.dumps({"dtype": "uint8", "shape": [1], "shared": -1, "size": 0}).encode())


def forge_a_shape_of_what_is_shared(data: bytes) -> None:
    _forge(json.dumps({"dtype": "uint8", "shape": [5], "shared": 4, "size": 0}).encode())


def forge_a_huge_head(data: bytes) -> None:
    _pipe().write(b"\xff" * 8)
    os._exit(0)


def forge_a_huge_body(data: bytes) -> None:
    _forge(json.dumps({"dtype": "uint8", "shape": [1], "size": 10**15}).encode())


def forge_deep_json(data: bytes) -> None:
    _forge(b"[" * 1_000_000)


def _forge(message: bytes, *, head_bytes: int = 0) -> None:
    """Send `message` as an answer, its last `-head_bytes` bytes as body, and be gone."""
    pipe = _pipe()
    data = PREFIX.pack(len(message) + head_bytes) + message
    while data:
        data = data[pipe.write(data) :]
    os._exit(0)


def _pipe() -> FileIO:
    return next(
        item for item in gc.get_objects() if isinstance(item, FileIO) and item.mode == "wb" and item.fileno() > 2
    )
