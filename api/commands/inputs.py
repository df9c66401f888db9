"""Which files a command was given: arguments, folders, patterns and lists, as absolute paths in order of answer.

An address is passed on as it is; `scan` and `verify` fetch what lies there.
"""

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.workplace import Workplace

STANDARD_INPUT = "-"


def expand(arguments: Iterable[str], *, lines: Callable[[], Iterator[str]] | None = None) -> Iterator[str]:
    """An absolute path per input: a folder's regular files, sorted, at any depth; a pattern's matches; else itself.

    `-` stands for the paths that `lines` gives (default: standard input, one a line). What does not exist is passed
    on, so that whoever opens it says so, and so is a folder that may not be listed.
    """
    for argument in arguments:
        if argument == STANDARD_INPUT:
            for path in (lines or _standard_input)():
                yield from _one(path)
        else:
            yield from _one(argument)


def is_address(text: str) -> bool:
    """Whether `text` is meant as an address and not as a path."""
    return text.lower().startswith(("http://", "https://"))


async def read_input(workplace: "Workplace", path: str) -> bytes:
    """The bytes of a file or of what lies at an address; raises an `ApiError` or a `DetectorError`."""
    if is_address(path):
        from api.ingest.fetching import fetch

        return (await fetch(path, workplace.settings)).data
    from detector.media import read_file

    return await workplace.run(lambda: read_file(Path(path), workplace.sandbox.limits))


def _one(argument: str) -> Iterator[str]:
    if is_address(argument):
        yield argument
        return
    if os.path.lexists(argument) or not glob.has_magic(argument):
        yield from _walk(argument)
        return
    matches = sorted(glob.glob(argument, recursive=True, include_hidden=True))
    for match in matches or [argument]:
        yield from _walk(match)


def _walk(argument: str) -> Iterator[str]:
    path = os.path.abspath(argument)
    if not os.path.isdir(path):
        yield path
        return
    closed: list[str] = []
    found = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(path, onerror=lambda error: closed.append(str(error.filename)))
        for name in names
        if os.path.isfile(os.path.join(folder, name))
    ]
    yield from map(str, sorted(map(Path, [*found, *closed])))


def _standard_input() -> Iterator[str]:
    for line in sys.stdin.buffer:
        path = os.fsdecode(line.rstrip(b"\r\n"))
        if path:
            yield path
