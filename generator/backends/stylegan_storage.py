"""Reads the storages inside a network pickle: each is a file of its own in torch's older format, four pickles deep.

torch would read them with its own unpickler; this one knows the names of number types and nothing else.
"""

import io
import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from generator.backends.stylegan_arrays import Array, ArrayState

MAGIC: Final = 0x1950A86A20F9469CFC6C
PROTOCOL: Final = 1001
"""Of torch's older format; both stand at its start."""
COUNT_BYTES: Final = 8
TYPES: Final[Mapping[str, str]] = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers in a row, for tensors to be cut from."""

    values: Array


class _Reader(pickle.Unpickler):
    """Knows the types of storages by name, and takes the description of a storage for the storage."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        if module != "torch" or name not in TYPES:
            raise pickle.UnpicklingError(f"a storage in it names {module}.{name}")
        return TYPES[name]

    def persistent_load(self, pid: Any) -> tuple[str, str, int]:  # noqa: ANN401
        kind, code, key, _, count, *_ = pid
        if kind != "storage" or code not in TYPES.values():
            raise pickle.UnpicklingError("a storage in it is of an unknown kind")
        return code, str(key), int(count)


def read_storage(data: bytes) -> Storage:
    """The one storage that `data` holds; raises an `UnpicklingError`, or whatever reading rubbish ends in."""
    file = io.BytesIO(data)
    magic, protocol, _ = (_Reader(file).load() for _ in range(3))
    if (magic, protocol) != (MAGIC, PROTOCOL):
        raise pickle.UnpicklingError("a storage in it is in an unknown format")
    code, key, count = _Reader(file).load()
    if _Reader(file).load() != [key]:
        raise pickle.UnpicklingError("a storage in it is not alone")
    if int.from_bytes(file.read(COUNT_BYTES), "little") != count:
        raise pickle.UnpicklingError("a storage in it has another size than it says")
    return Storage(np.frombuffer(file.read(), np.dtype(code), count=count))


def tensor(storage: Storage, offset: int, size: Sequence[int], stride: Sequence[int], *_: object) -> ArrayState:
    """The tensor of shape `size` at `offset` in `storage`; `stride` counts numbers, not bytes."""
    values = storage.values
    numbers = (offset, *size, *stride)
    if any(type(number) is not int or number < 0 for number in numbers) or len(size) != len(stride):
        raise pickle.UnpicklingError("a tensor in it has no proper shape")
    if 0 in size:
        return ArrayState(np.zeros(size, values.dtype))
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if last >= len(values) or math.prod(size) > len(values):
        raise pickle.UnpicklingError("a tensor in it lies outside of its storage")
    steps = [step * values.itemsize for step in stride]
    return ArrayState(as_strided(values[offset:], tuple(size), steps, writeable=False).copy())
