"""`backup` and `restore`: the whole instance as one file, and back."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_json, say
from api.commands.running import at_work, load_settings

if TYPE_CHECKING:
    from api.workplace import Workplace

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")]


def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT.tar", dir_okay=False, help="Where to write it; replaced whole.")],
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="The secret keys as well; whoever has the file can sign with them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write database, blobs, lists and the digests of the keys to one file, of one moment, while the service runs."""

    async def job(workplace: "Workplace") -> Mapping[str, Any]:
        from api.backup import write_backup

        return await write_backup(workplace, out, with_keys=with_keys)

    _show(at_work(job), as_json=as_json)
    if not with_keys:
        say("The keys are not in it: keep the folder `keys` as well, elsewhere, or the backup cannot be used.")


def restore(
    file: Annotated[Path, typer.Argument(metavar="IN.tar", exists=True, dir_okay=False, help="A backup.")],
    check: Annotated[bool, typer.Option("--check", help="Hash everything in it, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back into an empty instance, every part checked by its hash and the audit log entry by entry."""
    from api.backup import summary
    from api.restore import read_manifest
    from api.restore import restore as bring_back

    facts = summary(read_manifest(file)) if check else asyncio.run(bring_back(load_settings(), file))
    _show(facts, as_json=as_json)


def _show(facts: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        print(f"{name.replace('_', ' ')}: {value}")
