"""Reads the tensors and nodes of an ONNX file by its wire format, so that unpacking a base needs no extra package.

Only what a weight conversion needs is read (`onnx.proto`, IR version 10): the initializers, and of each node its
operator, name and inputs. Anything else is skipped by its length.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types of protocol buffers."""
MAX_VARINT: Final = 10
"""Bytes of the longest varint (64 bits, 7 a byte)."""
GRAPH, NODE, INITIALIZER = 7, 1, 5
"""Field numbers of `ModelProto.graph`, `GraphProto.node` and `GraphProto.initializer`."""
DIMS, KIND, FLOATS, INTEGERS, NAME, RAW = 1, 2, 4, 5, 8, 9
"""Field numbers of `TensorProto`; `INTEGERS` packs all whole kinds up to 32 bits."""
DTYPES: Final = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 10: "<f2"}
"""`TensorProto.DataType` of the kinds that are read, as little-endian numpy kinds."""


class MalformedOnnx(ValueError):
    """The bytes do not follow the format."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of the graph."""

    operator: str
    name: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in file order and tensors by name."""

    nodes: tuple[Node, ...]
    tensors: dict[str, NDArray[np.generic]]


def read_graph(data: bytes) -> Graph:
    """Nodes and tensors of the model `data`; tensors of kinds not in `DTYPES` are left out. Raises `MalformedOnnx`."""
    nodes: list[Node] = []
    tensors: dict[str, NDArray[np.generic]] = {}
    for number, body in _fields(memoryview(data)):
        if number == GRAPH and not isinstance(body, int):
            for part, inner in _fields(body):
                if part == NODE and not isinstance(inner, int):
                    nodes.append(_node(inner))
                elif part == INITIALIZER and not isinstance(inner, int):
                    tensors |= _tensor(inner)
    return Graph(tuple(nodes), tensors)


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field number and value of each field of one message."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if wire == BYTES:
            length, at = _varint(data, at)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
        else:
            raise MalformedOnnx(f"unknown wire type {wire}")
        if at + length > len(data):
            raise MalformedOnnx("a field is longer than its message")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(MAX_VARINT):
        if at + place >= len(data):
            break
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise MalformedOnnx("a number does not end")


def _node(data: memoryview) -> Node:
    texts: dict[int, list[str]] = {1: [], 3: [], 4: []}
    for number, body in _fields(data):
        if number in texts and not isinstance(body, int):
            texts[number].append(_text(body))
    return Node("".join(texts[4]), "".join(texts[3]), tuple(texts[1]))


def _tensor(data: memoryview) -> dict[str, NDArray[np.generic]]:
    """The tensor by its name; empty if its numbers are of another kind."""
    shape: list[int] = []
    kind, name = 0, ""
    stored: dict[int, memoryview] = {}
    for number, body in _fields(data):
        if number == DIMS:
            shape += [body] if isinstance(body, int) else _packed(body)
        elif number == KIND and isinstance(body, int):
            kind = body
        elif number == NAME and not isinstance(body, int):
            name = _text(body)
        elif number in (FLOATS, INTEGERS, RAW) and not isinstance(body, int):
            stored[number] = body
    if not stored or kind not in DTYPES:
        return {}
    try:
        return {name: _values(stored, DTYPES[kind]).reshape(shape)}
    except (ValueError, OverflowError) as error:
        raise MalformedOnnx(f"the tensor {name!r} does not have its stated shape") from error


def _values(stored: dict[int, memoryview], dtype: str) -> NDArray[np.generic]:
    """The numbers of a tensor, whichever of its three fields holds them."""
    if RAW in stored:
        return np.frombuffer(stored[RAW], dtype)
    if FLOATS in stored:
        return np.frombuffer(stored[FLOATS], "<f4").astype(dtype)
    return np.array([_signed(value) for value in _packed(stored[INTEGERS])], np.int64).astype(dtype)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _packed(data: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values


def _text(data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise MalformedOnnx("a name is not text") from error
