"""`known-media`: lists of pictures by fingerprint that every check compares with, brought in and given out as CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.commands.console import print_listed
from api.commands.running import at_work, load_settings, write_whole

if TYPE_CHECKING:
    from api.settings import Settings
    from api.workplace import Workplace
    from detector.provenance.known_media import KnownMediaList

FOLDER: Final = "known_media"
"""Below home, where `api.workplace` looks for lists."""
RESTART: Final = "Restart a running service, which keeps the lists that it started with."
COLUMNS = ("entries", "sha256", "list")

app = typer.Typer(help="Lists of known pictures by PDQ fingerprint; none is shipped.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a list, and nothing else.")]
Listed = Annotated[str, typer.Argument(metavar="NAME", help="As `known-media list` shows it.")]


@app.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(help="CSV with a column hash, pdq or signal_value, or hashes alone.")],
    name: Annotated[str | None, typer.Option(help="What to call it; default: the file's name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every picture from now on with a list; an earlier list of the same name is replaced."""
    from detector.provenance.known_media import NAME, KnownMediaList

    called = name or file.stem
    if not NAME.fullmatch(called):
        raise typer.BadParameter("A list's name has letters, digits, blanks, dots and dashes.", param_hint="--name")
    loaded = KnownMediaList.load(file, name=called)
    write_whole(_path(load_settings(), called), file.read_bytes())
    _log("known_media.imported", loaded)
    _show([loaded], as_json=as_json)
    if not as_json:
        print(RESTART)


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """Show the lists."""
    lists = _lists(load_settings())
    _show(lists, as_json=as_json)
    if not (lists or as_json):
        print("There is no list of known media. Bring one in with `shingan known-media import`.")


@app.command("export")
def export(name: Listed, out: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write the CSV.")]) -> None:
    """Write a list as it was brought in."""
    write_whole(out, _path(load_settings(), _found(name).name).read_bytes())


@app.command("remove")
def remove(name: Listed) -> None:
    """Compare with this list no more."""
    found = _found(name)
    _path(load_settings(), found.name).unlink()
    _log("known_media.removed", found)
    print(RESTART)


def _lists(settings: "Settings") -> "list[KnownMediaList]":
    from detector.provenance.known_media import KnownMediaList

    return [KnownMediaList.load(path) for path in sorted((settings.home / FOLDER).glob("*.csv"))]


def _found(name: str) -> "KnownMediaList":
    found = next((known for known in _lists(load_settings()) if known.name == name), None)
    if found is None:
        raise typer.BadParameter(f"There is no list called {name!r}.", param_hint="NAME")
    return found


def _path(settings: "Settings", name: str) -> Path:
    return settings.home / FOLDER / f"{name}.csv"


def _log(kind: str, known: "KnownMediaList") -> None:
    async def job(workplace: "Workplace") -> None:
        facts = {"actor": "local", "list": known.name, "sha256": known.sha256, "entries": len(known)}
        async with workplace.database.write() as session:
            await workplace.audit.append(session, kind, facts)

    at_work(job)


def _show(lists: "list[KnownMediaList]", *, as_json: bool) -> None:
    documents: list[Mapping[str, Any]] = [
        {"list": known.name, "entries": len(known), "sha256": known.sha256} for known in lists
    ]
    print_listed(documents, COLUMNS, _cells, as_json=as_json)


def _cells(document: Mapping[str, Any]) -> Sequence[str]:
    return tuple(str(document[column]) for column in COLUMNS)
