"""`trust import` and `trust list`: whom this instance believes when a credential is signed."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_listed
from api.commands.running import at_work, load_settings

if TYPE_CHECKING:
    from api.workplace import Workplace
    from detector.provenance.trust import TrustList

COLUMNS = ("kind", "certificates", "imported", "sha256", "list")

app = typer.Typer(help="Trust lists for C2PA credentials; none is shipped.", no_args_is_help=True)


class Kind(StrEnum):
    """As `detector.provenance.trust.ListKind`, which takes longer to import than help may."""

    SIGNER = "signer"
    TSA = "tsa"


@app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="A PEM bundle or the official C2PA list (JSON).")],
    kind: Annotated[
        Kind | None, typer.Option(help="Signers or time-stamp authorities; default: as the list says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Trust the authorities in a list; an earlier list of the same name is replaced."""
    from detector.provenance.trust import ListKind, TrustStore

    async def job(workplace: "Workplace") -> "TrustList":
        imported = TrustStore.load(workplace.settings.home).import_file(file, kind=ListKind(kind) if kind else None)
        facts = {"kind": str(imported.kind), "sha256": imported.sha256, "certificates": len(imported.certificates)}
        async with workplace.database.write() as session:
            await workplace.audit.append(session, "trust.imported", {"actor": "local", "list": imported.name, **facts})
        return imported

    _show([at_work(job)], as_json=as_json)


@app.command("list")
def list_all(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a list.")] = False) -> None:
    """Show the lists that are trusted now."""
    from detector.provenance.trust import TrustStore

    lists = TrustStore.load(load_settings().home).lists()
    _show(lists, as_json=as_json)
    if not (lists or as_json):
        print("No trust list is loaded: no credential will be called trusted. Import one with `shingan trust import`.")


def _show(lists: "tuple[TrustList, ...] | list[TrustList]", *, as_json: bool) -> None:
    documents = [_document(item) for item in lists]
    print_listed(documents, COLUMNS, _row, as_json=as_json)


def _document(item: "TrustList") -> Mapping[str, Any]:
    return {
        "list": item.name,
        "kind": str(item.kind),
        "certificates": len(item.certificates),
        "imported_at": item.imported_at,
        "issued_at": item.issued_at,
        "sha256": item.sha256,
    }


def _row(document: Mapping[str, Any]) -> tuple[str, ...]:
    names = ("kind", "certificates", "imported_at", "sha256", "list")
    return tuple(str(document[name]) for name in names)
