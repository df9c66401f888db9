"""`policy test` tries the policy; `policy upload`, `list`, `activate` and `rollback` keep a tenant's own versions."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_json, print_listed, print_table, say
from api.commands.outcome import ExitCode
from api.commands.running import at_work, load_settings

if TYPE_CHECKING:
    from api.auth import Actor
    from api.policy_repository import StoredActivation, StoredBundle
    from api.workplace import Workplace

COLUMNS = ("version", "in force", "bundle", "stored", "note")

app = typer.Typer(help="The Cedar policy.", no_args_is_help=True)
TenantOption = Annotated[str | None, typer.Option(help="Whose it is; default: the command line's own tenant.")]


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


@app.command()
def upload(
    folder: Annotated[Path, typer.Argument(help="Holds *.cedar, tests/*.toml and, if it has its own, *.cedarschema.")],
    note: Annotated[str, typer.Option(help="What is new in it.")] = "",
    tenant: TenantOption = None,
) -> None:
    """Store the next version of a tenant's own policies, after its tests; it is not in force yet."""
    from api.policy_folder import files_in

    files = files_in(folder)

    async def job(workplace: "Workplace") -> "StoredBundle":
        from api.policy_bundles import bring_in

        return await bring_in(workplace, _actor(workplace, tenant), files, note=note)

    stored = at_work(job)
    say(f"Version {stored.version} is stored (bundle {stored.bundle_hash[:12]}).")


@app.command("list")
def list_all(
    tenant: TenantOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a version.")] = False,
) -> None:
    """Show the versions of a tenant's own policies, newest first."""

    async def job(workplace: "Workplace") -> list[dict[str, Any]]:
        from api.policy_bundles import listed, told

        active, bundles = await listed(workplace, _actor(workplace, tenant))
        return [told(bundle) | {"active": bundle.version == active} for bundle in bundles]

    documents = at_work(job)
    print_listed(
        documents,
        COLUMNS,
        _row,
        as_json=as_json,
        nothing="There are no policies of this tenant's own: the instance's alone are in force.",
    )


@app.command()
def activate(
    version: Annotated[int, typer.Argument(min=0, help="As `policy list` shows it; 0 for none of its own.")],
    tenant: TenantOption = None,
) -> None:
    """Put a version in force."""

    async def job(workplace: "Workplace") -> "StoredActivation":
        from api.policy_bundles import activate as activated

        return await activated(workplace, _actor(workplace, tenant), version)

    say(f"Version {at_work(job).version} is in force.")


@app.command()
def rollback(tenant: TenantOption = None) -> None:
    """Put in force what was so before the last change."""

    async def job(workplace: "Workplace") -> "StoredActivation":
        from api.policy_bundles import roll_back

        return await roll_back(workplace, _actor(workplace, tenant))

    say(f"Version {at_work(job).version} is in force.")


def _actor(workplace: "Workplace", tenant: str | None) -> "Actor":
    from api.auth import Actor

    return Actor.local(tenant or workplace.settings.tenant)


def _row(document: Mapping[str, Any]) -> tuple[str, ...]:
    force = "yes" if document["active"] else ""
    return (str(document["version"]), force, document["bundle_hash"], document["created_at"], document["note"])
