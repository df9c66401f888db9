"""`evaluate --pair`: how well the shipped generator and detector know each other, over their versions."""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.commands.console import Progress, print_json, print_table
from api.commands.running import at_work

if TYPE_CHECKING:
    from api.pair import Pair
    from api.workplace import Workplace

FLAG = "--pair"


def run(arguments: Sequence[str]) -> None:
    """Measures, prints and, with `--history`, sets the figures beside those of earlier versions."""
    asked = _read(arguments)
    with tempfile.TemporaryDirectory() as folder:
        pair = _measured(Path(folder), asked.count, quiet=asked.json)
    from api.pair import remember

    rows = remember(pair, asked.history) if asked.history else [pair.as_dict()]
    if asked.json:
        print_json({"pair": pair.as_dict(), "versions": list(rows)})
        return
    for row in rows:
        _show(row)


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    reader = argparse.ArgumentParser(prog="shingan evaluate", description=__doc__)
    reader.add_argument(FLAG, action="store_true", required=True)
    reader.add_argument("--count", type=_positive, default=64, help="faces; default: 64")
    reader.add_argument("--history", type=Path, help="a file that keeps the figures of each pair of versions")
    reader.add_argument("--json", action="store_true", help="one JSON object, and nothing else")
    return reader.parse_args(list(arguments))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _measured(home: Path, count: int, *, quiet: bool) -> "Pair":
    from api.pair import measure
    from api.settings import Settings

    with Progress.over(count, wanted=not quiet) as bar:

        async def job(workplace: "Workplace") -> "Pair":
            return await workplace.run(lambda: measure(workplace, count=count, tell=lambda _: bar.step()))

        return at_work(job, Settings(home=home))


def _show(row: Mapping[str, Any]) -> None:
    generator = ", ".join(f"{name} {value[:6]}" for name, value in row["generator"].items())
    detector = ", ".join(row["detector"].values())
    print(f"generator {generator}; detector {detector}")
    columns = ("declared", "flagged", "reviewed", "cleared")
    table = [(name, *(str(seen[column]) for column in columns)) for name, seen in row["seen"].items()]
    print_table(("faces", *columns), table)
