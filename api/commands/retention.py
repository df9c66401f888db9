"""`retention show`, `set`, `sweep` and `erase`: how long this instance keeps what, and letting go of it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_json, print_table
from api.commands.running import at_work

if TYPE_CHECKING:
    from api.workplace import Workplace

app = typer.Typer(help="How long answers and files are kept, and erasing them.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="JSON objects, and nothing else.")]
Days = typer.Option(min=1, max=36500, help="Default: for ever.")


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show the rule that holds for this tenant."""

    async def job(workplace: "Workplace") -> Mapping[str, Any]:
        from api.retention import retention_of

        tenant = workplace.settings.tenant
        return {"tenant": tenant, **asdict(await retention_of(workplace, tenant))}

    _print(at_work(job), as_json=as_json)


@app.command("set")
def set_rule(
    answer_days: Annotated[int | None, Days] = None,
    file_days: Annotated[int | None, Days] = None,
    zero: Annotated[bool, typer.Option("--zero", help="Keep no file and no preview at all.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give this tenant a rule of its own; the next sweep applies it to what is there."""

    async def job(workplace: "Workplace") -> Mapping[str, Any]:
        from api.auth import Actor
        from api.retention import Retention, set_retention

        actor = Actor.local(workplace.settings.tenant)
        return await set_retention(workplace, actor, Retention(answer_days, file_days, zero))

    _print(at_work(job), as_json=as_json)


@app.command()
def sweep(as_json: AsJson = False) -> None:
    """Let go of what is older than its tenant's rule allows; for a timer, beside the running service."""

    async def job(workplace: "Workplace") -> Mapping[str, Mapping[str, int]]:
        from api.retention import sweep as run

        return await run(workplace)

    done = at_work(job)
    if as_json:
        for tenant, counts in done.items():
            print_json({"tenant": tenant, **counts})
    elif done:
        rows = [
            (tenant, "\n".join(f"{count} {name}" for name, count in counts.items())) for tenant, counts in done.items()
        ]
        print_table(("tenant", "let go"), rows)
    else:
        print("Nothing is older than it may be.")


@app.command()
def erase(
    target: Annotated[str, typer.Argument(help="The id of an answer, or the SHA-256 of a file.")],
    as_json: AsJson = False,
) -> None:
    """Erase an answer, or all that is kept of a file; the receipt in the answer proves it."""

    async def job(workplace: "Workplace") -> Mapping[str, Any]:
        from api.auth import Actor
        from api.erasures import erase as run

        return await run(workplace, Actor.local(workplace.settings.tenant), target)

    _print(at_work(job), as_json=as_json)


def _print(document: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        if name != "receipt":
            print(f"{name.replace('_', ' ')}: {'for ever' if value is None else value}")
