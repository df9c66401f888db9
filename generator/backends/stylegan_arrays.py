"""Stand-ins for numpy's own reconstruction of arrays from a pickle, for plain numbers alone."""

import math
import pickle
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
CODES: Final = frozenset({"b1", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8"})
ORDERS: Final[Mapping[str, Literal["<", ">", "|"]]] = {"<": "<", ">": ">", "|": "|", "=": "<"}


class ArrayType:
    """What was pickled as a `numpy.dtype`."""

    def __init__(self, code: str, *_: object) -> None:
        if code not in CODES:
            raise pickle.UnpicklingError("it holds an array of something else than numbers")
        self._code, self._order = str(code), "<"

    def __setstate__(self, state: Sequence[Any]) -> None:
        self._order = ORDERS[state[1]]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._order + self._code)


class ArrayState:
    """What was pickled as an array or a tensor."""

    def __init__(self, values: Array | None = None) -> None:
        self.values: Array = np.zeros(0, np.float32) if values is None else values

    def __setstate__(self, state: Sequence[Any]) -> None:
        _, shape, kind, fortran, data = state
        self.values = _filled(data, kind, shape, "F" if fortran else "C")


def scalar(kind: ArrayType, data: bytes) -> bool | int | float:
    """A number that was pickled as one of numpy's."""
    number: bool | int | float = _filled(data, kind, (), "C").item()
    return number


def buffer(data: bytes, kind: ArrayType, shape: Sequence[int], order: str = "C") -> ArrayState:
    """An array as protocol 5 writes it."""
    return ArrayState(_filled(data, kind, shape, "F" if order == "F" else "C"))


def _filled(data: bytes, kind: ArrayType, shape: Sequence[int], order: Literal["C", "F"]) -> Array:
    if not isinstance(data, bytes | bytearray) or not isinstance(kind, ArrayType):
        raise pickle.UnpicklingError("it holds a malformed array")
    return np.frombuffer(bytes(data), kind.dtype, count=math.prod(shape)).reshape(tuple(shape), order=order).copy()
