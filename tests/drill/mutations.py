"""Bad inputs out of good ones: bytes flipped, cut, spliced and repeated, lengths that lie, JSON with values of every
kind. The same `random.Random` makes the same input again."""

import json
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Final

MOST_AT_ONCE: Final = 6
"""Mutations of one input; most have one or two, so that the rest of it is still read."""
MAX_BYTES: Final = 4 * 1024 * 1024
LENGTHS: Final = (0, 1, 7, 8, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
PNG: Final = b"\x89PNG\r\n\x1a\n"
DEPTH: Final = 100_000
"""Of nested lists: deeper than any parser that calls itself goes."""
VALUES: Final[Sequence[Any]] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**53 + 1,
    2**64,
    10**400,
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\0",
    "\ud800",
    "\u2014 x AAAA",
    "é" * 300,
    "A" * 70_000,
    [],
    [[]],
    {},
    {"": None},
)
NAMES: Final = ("", "\0", "\ud800", "__class__", "x" * 300)


def mutated(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """`data` after a few mutations; `others` are what pieces are taken from."""
    for _ in range(min(MOST_AT_ONCE, 1 + int(chance.expovariate(1)))):
        data = chance.choice(KINDS)(data, chance, others)[:MAX_BYTES]
    # Half of the pictures whose chunks are summed up would otherwise be refused before anything else is read.
    return _summed(data) if data.startswith(PNG) and chance.random() < 0.7 else data


def mutated_json(text: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """JSON with a value changed, left out, or put elsewhere; now and then changed as bytes are, which is no JSON."""
    if chance.random() < 0.2:
        return mutated(text, chance, others)
    if chance.random() < 0.01:
        return b"[" * DEPTH
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):  # a mutation before this one saw to that
        return mutated(text, chance, others)
    for _ in range(chance.randint(1, 3)):
        _change(document, chance)
    return json.dumps(document, ensure_ascii=chance.random() < 0.9).encode("utf-8", "surrogatepass")


def mutated_lines(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Lines changed one by one, moved, doubled and left out."""
    lines = data.splitlines(keepends=True)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines)) if lines else 0
        kind = chance.randrange(5)
        if not lines or kind == 0:
            lines.insert(at, chance.choice(others).splitlines(keepends=True)[0])
        elif kind == 1:
            del lines[at]
        elif kind == 2:
            lines[at], lines[0] = lines[0], lines[at]
        else:
            change = mutated_json if lines[at].startswith(b"{") else mutated
            lines[at] = change(lines[at].rstrip(b"\n"), chance, others) + b"\n"
    return b"".join(lines)


def _change(document: Any, chance: random.Random) -> None:  # noqa: ANN401 - JSON
    """Walks to some place in `document`, which is a list or an object, and changes what is there."""
    while document:
        at = chance.choice(list(document)) if isinstance(document, dict) else chance.randrange(len(document))
        inside = document[at]
        if isinstance(inside, dict | list) and inside and chance.random() < 0.7:
            document = inside
            continue
        kind = chance.random()
        if kind < 0.1:
            del document[at]
        elif kind < 0.15 and isinstance(document, dict):
            document[chance.choice(NAMES)] = inside
        elif kind < 0.4 and isinstance(inside, str) and inside:
            document[at] = mutated(inside.encode("utf-8", "surrogatepass"), chance, [b"+", b"\n"]).decode("latin-1")
        elif kind < 0.5 and isinstance(inside, int):
            document[at] = inside + chance.choice((-1, 1, 2**32))
        else:
            document[at] = deepcopy(chance.choice(VALUES))
        return


def _flip(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _number in range(chance.choice((1, 1, 1, 4, 32)) if data else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    at, size = _piece(data, chance, longest=64)
    return data[:at] + chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size))) + data[at + size :]


def _cut(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: chance.randint(0, len(data))]


def _remove(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    at, size = _piece(data, chance, longest=4096)
    return data[:at] + data[at + size :]


def _insert(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.randbytes(chance.choice((1, 2, 4, 64, 5000))) + data[at:]


def _repeat(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    at, size = _piece(data, chance, longest=4096)
    return data[:at] + data[at : at + size] * chance.choice((2, 3, 100)) + data[at + size :]


def _splice(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    start, size = _piece(other, chance, longest=len(other))
    at = chance.randint(0, len(data))
    return data[:at] + other[start : start + size] + data[at + chance.choice((0, size)) :]


def _length(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """A number that may be a length, of either byte order, in place of what was there or before it."""
    form = chance.choice((">I", "<I", ">H", "<H", ">Q", "B"))
    number = chance.choice((*LENGTHS, len(data), chance.getrandbits(32)))
    packed = struct.pack(form, number & (1 << 8 * struct.calcsize(form)) - 1)
    at = chance.randint(0, min(len(data), chance.choice((64, 1024, len(data)))))
    return data[:at] + packed + data[at + chance.choice((0, len(packed))) :]


KINDS: Final[Sequence[Callable[[bytes, random.Random, Sequence[bytes]], bytes]]] = (
    _flip,
    _flip,
    _overwrite,
    _cut,
    _remove,
    _insert,
    _repeat,
    _splice,
    _length,
    _length,
)


def _piece(data: bytes, chance: random.Random, *, longest: int) -> tuple[int, int]:
    """Where a piece begins, and its length."""
    at = chance.randint(0, len(data))
    return at, chance.randint(0, min(longest, len(data) - at))


def _summed(png: bytes) -> bytes:
    """The same chunks with checksums that are right, as far as they go."""
    out, at = [PNG], len(PNG)
    while at + 12 <= len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        if end > len(png):
            break
        inside = png[at + 4 : end - 4]
        out += [png[at : at + 4], inside, struct.pack(">I", zlib.crc32(inside))]
        at = end
    return b"".join(out) + png[at:]
