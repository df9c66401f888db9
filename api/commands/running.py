"""Runs a command's work: settings from the environment, one event loop and one workplace for all its files."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from api.commands.console import Lines, Progress
from api.commands.outcome import HomeUnusable, OutputUnwritable

if TYPE_CHECKING:
    from api.contract import Document
    from api.settings import Settings
    from api.workplace import Workplace

S = TypeVar("S")
T = TypeVar("T")

AHEAD = 3
"""Files in work at once: as many as the workplace has threads, and one that waits for its turn."""


def load_settings() -> "Settings":
    """The settings in the environment, with a home that exists; a wrong setting is a mistake in use."""
    from pydantic import ValidationError

    from api.settings import Settings

    try:
        settings = Settings()
        settings.ensure_home()
    except ValidationError as error:
        faults = (f"SHINGAN_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors())
        raise typer.BadParameter("; ".join(faults)) from error
    except OSError as error:
        raise HomeUnusable(f"Cannot make the home folder: {error.strerror}.") from error
    return settings


def at_work(job: "Callable[[Workplace], Awaitable[T]]", settings: "Settings | None" = None) -> T:
    """What `job` returns for a workplace that is open while it runs."""
    from api.workplace import Workplace

    chosen = settings or load_settings()

    async def run() -> T:
        async with await Workplace.open(chosen) as workplace:
            return await job(workplace)

    return asyncio.run(run())


async def answer_all(
    paths: Iterable[str], work: "Callable[[str], Awaitable[Document]]", lines: Lines, *, progress: bool
) -> None:
    """Adds the line of each path to `lines`, in order."""
    chosen = list(paths)
    with Progress.over(len(chosen), wanted=progress) as bar:
        async with aclosing(in_order(chosen, work)) as documents:
            async for document in documents:
                lines.add(document)
                bar.step()


async def in_order(
    items: Iterable[S], work: Callable[[S], Awaitable[T]], *, ahead: int = AHEAD
) -> AsyncGenerator[T, None]:
    """The results of `work` in the order of `items`, with up to `ahead` in work at once."""
    waiting: deque[asyncio.Future[T]] = deque()
    try:
        for item in items:
            waiting.append(asyncio.ensure_future(work(item)))
            if len(waiting) >= ahead:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()


def stored_name(path: str) -> str:
    """`path` as text that can be stored; bytes of a name that are no Unicode become escapes."""
    return path.encode("utf-8", "backslashreplace").decode()


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file that is complete or not there; raises `OutputUnwritable`."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".shingan-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(draft, 0o666 & ~_umask())
        os.replace(draft, path)
    except OSError as error:
        raise OutputUnwritable(f"Cannot write {path}: {error.strerror}.") from error


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
