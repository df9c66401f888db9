"""What commands print: JSON lines for machines, tables for people, progress on a terminal and nowhere else."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, Self

from api.commands.outcome import ExitCode, is_finding

WIDE = 100_000
"""More characters than any table has: the width at which nothing is cut."""
LEAST_FOLDED = 24
"""Characters that the last column of a table keeps on a narrow terminal."""


class Row(Protocol):
    """A line of output as the cells of a table; a cell may hold several lines."""

    def __call__(self, document: Mapping[str, Any], /) -> Sequence[str]: ...


class Lines:
    """Takes the lines of a command: prints them at once as JSON, or keeps them for a table; and knows how it ends."""

    def __init__(self, columns: Sequence[str], row: Row, *, as_json: bool) -> None:
        self._columns = columns
        self._row = row
        self._as_json = as_json
        self._rows: list[Sequence[str]] = []
        self._failed = self._found = False

    def add(self, document: Mapping[str, Any]) -> None:
        self._failed |= document["error"] is not None
        self._found |= is_finding(document)
        if self._as_json:
            print_json(document)
        else:
            self._rows.append(self._row(document))

    def close(self) -> ExitCode:
        """Prints the table, if there is one."""
        if self._rows:
            print_table(self._columns, self._rows)
        if self._failed:
            return ExitCode.ERROR
        return ExitCode.FINDING if self._found else ExitCode.CLEAN


def print_json(document: Mapping[str, Any]) -> None:
    """One line, at once; names that are no Unicode come out as escapes that a JSON reader turns back."""
    print(json.dumps(document, allow_nan=False, separators=(",", ":")), flush=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
    """Every cell whole; on a terminal that is too narrow the last column alone is folded."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for name in columns[:-1]:
        table.add_column(name, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    for cells in rows:
        table.add_row(*(Text(printable(cell)) for cell in cells))
    natural = Measurement.get(console, console.options.update(max_width=WIDE), table).maximum
    if console.is_terminal:
        foldable = max(_longest(cells[-1]) for cells in rows) - LEAST_FOLDED
        console.width = max(min(natural, console.width), natural - max(0, foldable))
    else:
        console.width = natural
    console.print(table)


def print_listed(
    documents: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    row: Callable[[Mapping[str, Any]], Sequence[str]],
    *,
    as_json: bool,
    nothing: str = "",
) -> None:
    """A list of documents: a line of JSON each, or a table of their `row`s; `nothing` says that there are none."""
    if as_json:
        for document in documents:
            print_json(document)
    elif documents:
        print_table(columns, [row(document) for document in documents])
    elif nothing:
        print(nothing)


def say(text: str) -> None:
    """A line for people on standard error."""
    print(printable(text), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """`text` with everything escaped that could steer a terminal or that it could not show."""
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


class Progress:
    """Counts what is done; shows nothing unless a terminal is there to show it."""

    def __init__(self, advance: Callable[[int], None] | None = None) -> None:
        self._advance = advance

    def step(self) -> None:
        if self._advance:
            self._advance(1)

    @classmethod
    @contextmanager
    def over(cls, total: int, *, wanted: bool) -> Iterator[Self]:
        """A bar over `total` steps on standard error, if `wanted` and if that is a terminal."""
        if not (wanted and sys.stderr.isatty()):
            yield cls()
            return
        from rich import progress
        from rich.console import Console

        parts = (progress.BarColumn(), progress.MofNCompleteColumn(), progress.TimeRemainingColumn())
        with progress.Progress(*parts, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
            task = bar.add_task("", total=total)
            yield cls(lambda steps: bar.advance(task, steps))


def _longest(cell: str) -> int:
    from rich.cells import cell_len

    return max(cell_len(line) for line in printable(cell).split("\n"))
