"""`demo`: the whole chain in one command, with a table that says whether it held."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.console import print_table, say
from api.commands.outcome import ExitCode

if TYPE_CHECKING:
    from api.demo import DemoCase

COLUMNS = ("case", "verdict", "action", "reasons and conflicts", "record", "receipt")


def demo(
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for everything.")] = Path("shingan-demo"),
) -> None:
    """Generate three faces, hand one on in four ways, inspect them and two photos, verify the log."""
    from api.demo import run

    done = asyncio.run(run(out.absolute(), tell=say))
    print_table(COLUMNS, [_row(case) for case in done.cases])
    print(f"Audit log: {done.audit.detail} {done.audit.size} entries, root {done.audit.root.hex()}")
    print(f"Results:   {done.results}\nReport:    {done.report}")
    for promise in done.broken:
        say(f"shingan: demo_failed: {promise}")
    raise typer.Exit(ExitCode.ERROR if done.broken else ExitCode.CLEAN)


def _row(case: "DemoCase") -> tuple[str, ...]:
    verdict, mark = case.answer.verdict, case.answer.provenance.watermark
    why = dict.fromkeys([*verdict.conflicts, *verdict.reasons])
    receipt = f"entry {case.answer.receipt.entry}"
    return case.case, str(verdict.label), str(verdict.action), "\n".join(why), mark.record_id or "", receipt
