"""`verify`: what does this file say of its own origin? Needs no neural network."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.console import Lines
from api.commands.crjson import print_reports
from api.commands.inputs import expand, read_input
from api.commands.outcome import failure_of
from api.commands.running import answer_all, at_work, stored_name
from api.commands.scan import row as verdict_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from api.contract import Document
    from api.workplace import Workplace

COLUMNS = ("verdict", "credentials", "watermark", "why", "file")


def verify(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Files, folders, quoted patterns, addresses; - reads them from stdin."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")] = False,
    crjson: Annotated[
        bool, typer.Option("--crjson", help="C2PA's own report (crJSON), one a line; nothing is judged or logged.")
    ] = False,
) -> None:
    """Check provenance alone: C2PA credentials, watermark, registry, known media."""
    if crjson:
        if as_json:
            raise typer.BadParameter("--json or --crjson, not both.", param_hint="--crjson")
        raise typer.Exit(at_work(lambda workplace: print_reports(workplace, expand(files))))
    lines = Lines(COLUMNS, row, as_json=as_json)

    async def job(workplace: "Workplace") -> None:
        await answer_all(expand(files), Verifier(workplace).line, lines, progress=not as_json)

    at_work(job)
    raise typer.Exit(lines.close())


class Verifier:
    """Verifies one path after the other for the operator of this machine."""

    def __init__(self, workplace: "Workplace") -> None:
        from api.auth import Actor

        self._workplace = workplace
        self._actor = Actor.local(workplace.settings.tenant)

    async def line(self, path: str) -> "Document":
        """The line of `path`, whatever happens to it."""
        from api import products
        from api.contract import failed_verify
        from detector.media import sha256_hex

        place, data, name = self._workplace, b"", stored_name(path)
        try:
            data = await read_input(place, path)
            answer = await products.verify(place, self._actor, data, name=name)
        except Exception as error:  # one bad file is one line
            code, detail = failure_of(error)
            return failed_verify(path=path, code=code, detail=detail, sha256=sha256_hex(data) if data else None)
        return {**answer.document, "path": path}


def row(document: "Mapping[str, Any]") -> "Sequence[str]":
    label, _, _, why, path = verdict_row(document)
    return label, document["credentials"]["state"], document["watermark"]["record_id"] or "", why, path
