"""`stamps retry`: time-stamps for releases that left while the authority was down."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.console import print_json, print_table
from api.commands.outcome import ExitCode
from api.commands.running import at_work

if TYPE_CHECKING:
    from api.workplace import Workplace

app = typer.Typer(help="Time-stamps (RFC 3161) of what was released.", no_args_is_help=True)


@app.command("retry")
def retry(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a release.")] = False) -> None:
    """Ask for the stamps that are missing; files stay as they are, and the registry's manifests get them."""
    results = at_work(_all)
    if as_json:
        for record_id, stamped in results:
            print_json({"record_id": record_id, "stamped": stamped})
    elif results:
        print_table(("record", "stamped"), [(record_id, "yes" if stamped else "no") for record_id, stamped in results])
    else:
        print("Every release has its stamp.")
    if not all(stamped for _, stamped in results):
        raise typer.Exit(ExitCode.ERROR)


async def _all(workplace: "Workplace") -> list[tuple[str, bool]]:
    from api import stamps

    return [result async for result in stamps.retry(workplace)]
