"""`audit verify`: is the log as it was written?"""

import asyncio
import json
from typing import Annotated

import typer

from api.commands.outcome import ExitCode
from api.commands.running import load_settings

app = typer.Typer(help="The tamper-evident audit log.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """A callback keeps a group with one command a group."""


@app.command()
def verify(as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False) -> None:
    """Check every entry, the tree above it and each signed head; exit code 1 names the first entry that is wrong."""
    from api.audit import verify_database

    check = asyncio.run(verify_database(load_settings()))
    if as_json:
        facts = {"ok": check.ok, "size": check.size, "first_bad": check.first_bad, "detail": check.detail}
        print(json.dumps(facts | {"root": check.root.hex(), "signed": check.signed}))
    else:
        print(f"{'ok' if check.ok else 'audit_broken'}: {check.detail} {check.size} sound entries.")
        print(f"root {check.root.hex()}")
    raise typer.Exit(ExitCode.CLEAN if check.ok else ExitCode.ERROR)
