"""`consents give`, `consents list` and `consents revoke`: records of what people who are shown agreed to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_listed, say
from api.commands.running import at_work

if TYPE_CHECKING:
    from api.consent_repository import StoredConsent
    from api.workplace import Workplace

COLUMNS = ("id", "state", "expires", "purpose")
MOST = 200
"""Records that are listed."""

app = typer.Typer(help="Records of consent.", no_args_is_help=True)


@app.command()
def give(
    subject: Annotated[str, typer.Argument(help="Your own reference to the person; kept as an HMAC alone.")],
    purpose: Annotated[str, typer.Option(help="What it is for; a request for another purpose is refused.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it ends.")] = 365,
) -> None:
    """Record a consent and print its id, which `--consent-reference` takes."""

    async def job(workplace: "Workplace") -> "StoredConsent":
        from api import consents
        from api.auth import Actor

        actor = Actor.local(workplace.settings.tenant)
        return await consents.give(workplace, actor, subject=subject, purpose=purpose, days=days)

    print(at_work(job).id)


@app.command("list")
def list_all(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a record.")] = False) -> None:
    """Show the newest records, without whom they are about."""

    async def job(workplace: "Workplace") -> list[dict[str, Any]]:
        from api import consents
        from api.auth import Actor

        found = await consents.listed(workplace, Actor.local(workplace.settings.tenant), limit=MOST)
        return [consents.told(consent) for consent in found]

    documents = at_work(job)
    print_listed(documents, COLUMNS, _row, as_json=as_json, nothing="There is no record of a consent.")


@app.command()
def revoke(consent_id: Annotated[str, typer.Argument(help="As `consents list` shows it.")]) -> None:
    """End a consent at once."""

    async def job(workplace: "Workplace") -> None:
        from api import consents
        from api.auth import Actor

        await consents.revoke(workplace, Actor.local(workplace.settings.tenant), consent_id)

    at_work(job)
    say(f"{consent_id} is revoked.")


def _row(document: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(document[name]) for name in ("id", "state", "expires_at", "purpose"))
