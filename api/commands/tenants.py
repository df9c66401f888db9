"""`tenants create`, `tenants list`, `tenants change`, `tenants suspend` and `tenants resume`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_listed, say
from api.commands.running import at_work

if TYPE_CHECKING:
    from api.auth import Actor
    from api.tenant_repository import StoredTenant
    from api.workplace import Workplace

    Work = Callable[[Workplace, Actor], Awaitable[StoredTenant]]

COLUMNS = ("name", "state", "created", "suspended", "jurisdiction", "daily", "rate")
INSTANCE = "(instance)"
"""Shown where a tenant has no term of its own."""

app = typer.Typer(help="Tenants of this instance.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="a-z, 0-9, - and _.")]
Jurisdiction = Annotated[str | None, typer.Option(help="none, eu, california or china; default: the instance's.")]
Daily = Annotated[int | None, typer.Option(min=0, help="Releases a UTC day; default: the instance's.")]
Rate = Annotated[int | None, typer.Option(min=0, help="Requests a minute; 0 counts none; default: the instance's.")]


@app.command()
def create(name: Name, jurisdiction: Jurisdiction = None, daily: Daily = None, rate: Rate = None) -> None:
    """Make a tenant."""

    async def work(workplace: "Workplace", actor: "Actor") -> "StoredTenant":
        from api import tenants

        return await tenants.create(workplace, actor, name, tenants.Terms(jurisdiction, daily, rate))

    _do(work, "made")


@app.command("list")
def list_all(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a tenant.")] = False) -> None:
    """Show every tenant and its terms."""

    async def job(workplace: "Workplace") -> list[dict[str, Any]]:
        from api import tenants
        from api.auth import Actor

        return [tenants.told(each) for each in await tenants.listed(workplace, Actor.local(workplace.settings.tenant))]

    documents = at_work(job)
    print_listed(documents, COLUMNS, _row, as_json=as_json)


@app.command()
def change(name: Name, jurisdiction: Jurisdiction = None, daily: Daily = None, rate: Rate = None) -> None:
    """Give a tenant other terms."""

    async def work(workplace: "Workplace", actor: "Actor") -> "StoredTenant":
        from api import tenants

        return await tenants.change(workplace, actor, name, tenants.Terms(jurisdiction, daily, rate))

    _do(work, "changed")


@app.command()
def suspend(name: Name) -> None:
    """Shut a tenant's keys and tokens out; its data stay."""

    async def work(workplace: "Workplace", actor: "Actor") -> "StoredTenant":
        from api import tenants

        return await tenants.suspend(workplace, actor, name)

    _do(work, "suspended")


@app.command()
def resume(name: Name) -> None:
    """Let a suspended tenant in again."""

    async def work(workplace: "Workplace", actor: "Actor") -> "StoredTenant":
        from api import tenants

        return await tenants.resume(workplace, actor, name)

    _do(work, "active again")


def _do(work: "Work", outcome: str) -> None:
    async def job(workplace: "Workplace") -> "StoredTenant":
        from api.auth import Actor

        return await work(workplace, Actor.local(workplace.settings.tenant))

    say(f"{at_work(job).id} is {outcome}.")


def _row(document: Mapping[str, Any]) -> tuple[str, ...]:
    terms = ("jurisdiction", "daily_generations", "rate")
    return tuple(
        str(value) if value is not None else INSTANCE if name in terms else "" for name, value in document.items()
    )
