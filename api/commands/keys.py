"""`keys create`, `keys list` and `keys revoke`: API keys for the HTTP service."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_json, print_table, say
from api.commands.running import at_work

if TYPE_CHECKING:
    from api.auth import IssuedKey
    from api.repositories import StoredKey
    from api.workplace import Workplace

COLUMNS = ("id", "prefix", "scopes", "created", "expires", "revoked", "last used", "name")

app = typer.Typer(help="API keys of this instance.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[list[str], typer.Option(help="verify, inspect, generate, …; repeat for several.")],
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="Days until it expires; default: never.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Make a key. It is shown once and kept nowhere."""
    expires = datetime.now(UTC) + timedelta(days=days) if days else None

    async def job(workplace: "Workplace") -> "IssuedKey":
        from api.auth import ApiKeys

        tenant, keys = workplace.settings.tenant, ApiKeys.open(workplace.settings)
        async with workplace.database.write() as session:
            issued = await keys.issue(session, name=name, scopes=scope, tenant=tenant, expires_at=expires)
            facts = {"actor": "local", "tenant": tenant, "key": issued.key.id, "scopes": list(issued.key.scopes)}
            await workplace.audit.append(session, "key.issued", facts)
        return issued

    issued = at_work(job)
    if as_json:
        print_json({**_document(issued.key), "token": issued.token})
    else:
        say(f"{issued.key.id} ({', '.join(issued.key.scopes)}); keep it now, it is not shown again:")
        print(issued.token)


@app.command("list")
def list_all(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a key.")] = False) -> None:
    """Show the keys of this tenant, without their secrets."""

    async def job(workplace: "Workplace") -> list["StoredKey"]:
        from api.repositories import KeyRepository

        async with workplace.database.read() as session:
            return list(await KeyRepository(session).of_tenant(workplace.settings.tenant))

    documents = [_document(key) for key in at_work(job)]
    if as_json:
        for document in documents:
            print_json(document)
    elif documents:
        print_table(COLUMNS, [_row(document) for document in documents])
    else:
        print("There is no API key. Make one with `shingan keys create NAME --scope inspect`.")


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="As `keys list` shows it.")]) -> None:
    """End a key at once."""

    async def job(workplace: "Workplace") -> None:
        from api.auth import ApiKeys

        tenant, keys = workplace.settings.tenant, ApiKeys.open(workplace.settings)
        async with workplace.database.write() as session:
            await keys.revoke(session, key_id, tenant=tenant)
            await workplace.audit.append(session, "key.revoked", {"actor": "local", "tenant": tenant, "key": key_id})

    at_work(job)
    say(f"{key_id} is revoked.")


def _document(key: "StoredKey") -> dict[str, Any]:
    return {
        "id": key.id,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "name": key.name,
    }


def _row(document: dict[str, Any]) -> tuple[str, ...]:
    return tuple("\n".join(value) if isinstance(value, list) else str(value or "") for value in document.values())
