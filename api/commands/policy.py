"""`policy test`: does the policy decide as its table tests say?"""

from pathlib import Path
from typing import Annotated

import typer

from api.commands.console import print_json, print_table
from api.commands.outcome import ExitCode
from api.commands.running import load_settings

app = typer.Typer(help="The Cedar policy.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """A callback keeps a group with one command a group."""


@app.command("test")
def run_tests(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of the tests; default: those beside the policy in use.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a case, and nothing else.")] = False,
) -> None:
    """Run the policy's table tests; exit code 1 if a case is decided otherwise than it says."""
    from api.policy import Policy
    from api.policy_tests import run_policy_tests

    own = load_settings().policy_folder
    policy = Policy.load(own)
    results = run_policy_tests(policy, folder or (own / "tests" if own else None))
    if as_json:
        for result in results:
            print_json({"file": result.file, "name": result.name, "passed": result.passed, "detail": result.detail})
    else:
        rows = [("ok" if r.passed else "FAILED", r.file, r.detail, r.name) for r in results]
        print_table(("result", "file", "decided", "case"), rows, title=f"bundle {policy.bundle_hash}")
    raise typer.Exit(ExitCode.CLEAN if all(result.passed for result in results) else ExitCode.ERROR)
