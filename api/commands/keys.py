"""`keys create`, `keys list`, `keys rotate` and `keys revoke`: API keys for the HTTP service."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.commands.console import print_json, print_listed, say
from api.commands.running import at_work

if TYPE_CHECKING:
    from api.auth import Actor, IssuedKey
    from api.workplace import Workplace

SCOPES: Final = (
    "verify",
    "inspect",
    "generate",
    "mark",
    "edit_portrait",
    "stylise",
    "export",
    "review",
    "read_audit",
    "manage_known_media",
    "manage_webhooks",
    "manage",
)
"""The codes of `api.auth.Scope`, for the help, which loads no more than it must."""
COLUMNS = ("id", "prefix", "scopes", "created", "expires", "revoked", "last used", "name")

app = typer.Typer(help="API keys of this instance.", no_args_is_help=True)
TenantOption = Annotated[str | None, typer.Option(help="Whose it is; default: the command line's own tenant.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a key, and nothing else.")]


def _known(scopes: list[str]) -> list[str]:
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise typer.BadParameter(f"There is no scope {unknown[0]!r}, only {', '.join(SCOPES)}.")
    return scopes


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[list[str], typer.Option(callback=_known, help=f"{', '.join(SCOPES)}; repeat for several.")],
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="Days until it expires; default: never.")] = None,
    rate: Annotated[int | None, typer.Option(min=0, help="Requests a minute; 0 counts none.")] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is shown once and kept nowhere."""
    expires = datetime.now(UTC) + timedelta(days=days) if days else None

    async def job(workplace: "Workplace") -> "IssuedKey":
        from api.auth import ApiKeys
        from api.key_care import issue

        keys = ApiKeys.open(workplace.settings)
        return await issue(
            workplace, _actor(workplace, tenant), keys, name=name, scopes=scope, expires_at=expires, rate=rate
        )

    _show(at_work(job), as_json=as_json)


@app.command("list")
def list_all(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Show the keys of a tenant, without their secrets."""

    async def job(workplace: "Workplace") -> list[dict[str, Any]]:
        from api.key_care import listed, told

        return [told(key) for key in await listed(workplace, _actor(workplace, tenant))]

    documents = at_work(job)
    print_listed(
        documents,
        COLUMNS,
        _row,
        as_json=as_json,
        nothing="There is no API key. Make one with `shingan keys create NAME --scope inspect`.",
    )


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="As `keys list` shows it.")],
    overlap: Annotated[float, typer.Option(min=0, max=720, help="Hours for which the old key works on.")] = 24,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key in the place of an old one, which works on for a while."""

    async def job(workplace: "Workplace") -> "IssuedKey":
        from api.auth import ApiKeys
        from api.key_care import rotate as rotated

        keys = ApiKeys.open(workplace.settings)
        return await rotated(workplace, _actor(workplace, tenant), keys, key_id, overlap=timedelta(hours=overlap))

    _show(at_work(job), as_json=as_json)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `keys list` shows it.")], tenant: TenantOption = None
) -> None:
    """End a key at once."""

    async def job(workplace: "Workplace") -> None:
        from api.auth import ApiKeys
        from api.key_care import revoke as revoked

        await revoked(workplace, _actor(workplace, tenant), ApiKeys.open(workplace.settings), key_id)

    at_work(job)
    say(f"{key_id} is revoked.")


def _actor(workplace: "Workplace", tenant: str | None) -> "Actor":
    from api.auth import Actor

    return Actor.local(tenant or workplace.settings.tenant)


def _show(issued: "IssuedKey", *, as_json: bool) -> None:
    from api.key_care import told

    if as_json:
        print_json({**told(issued.key), "token": issued.token})
    else:
        say(f"{issued.key.id} ({', '.join(issued.key.scopes)}); keep it now, it is not shown again:")
        print(issued.token)


def _row(document: Mapping[str, Any]) -> tuple[str, ...]:
    shown = {name: value for name, value in document.items() if name not in ("rotated_from", "rate")}
    return tuple("\n".join(value) if isinstance(value, list) else str(value or "") for value in shown.values())
