"""`mark`: gives pictures that another program made every layer of marking, and registers them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import Lines
from api.commands.inputs import expand
from api.commands.outcome import failure_of
from api.commands.running import answer_all, at_work, stored_name, write_whole
from api.labels import LabelName

if TYPE_CHECKING:
    from api.contract import Document
    from api.marks import MarkRequest
    from api.workplace import Workplace

COLUMNS = ("record", "receipt", "from", "file")


def mark(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Pictures, folders, quoted patterns; - reads paths from stdin."),
    ],
    purpose: Annotated[str, typer.Option(help="What the pictures are for; the policy asks.")],
    software: Annotated[str, typer.Option(help="What made them; it is signed as declared.")] = "",
    edited: Annotated[bool, typer.Option("--edited", help="A real picture was edited, instead of all made.")] = False,
    label: Annotated[LabelName, typer.Option(help="Visible label; auto: as the jurisdiction asks.")] = "auto",
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for the marked files.")] = Path("marked"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")] = False,
) -> None:
    """Mark, sign and register pictures made elsewhere; what they say of their origin is kept."""
    lines = Lines(COLUMNS, row, as_json=as_json)

    async def job(workplace: "Workplace") -> None:
        from api.marks import MarkRequest

        wish = MarkRequest(b"", "", purpose, software, "edited" if edited else "generated", label)
        marker = Marker(workplace, wish, out=out.absolute())
        await answer_all(expand(files), marker.line, lines, progress=not as_json)

    at_work(job)
    raise typer.Exit(lines.close())


class Marker:
    """Marks one file after the other, each as `wish` declares, for the operator of this machine."""

    def __init__(self, workplace: "Workplace", wish: "MarkRequest", *, out: Path) -> None:
        from api.auth import Actor

        self._workplace = workplace
        self._actor = Actor.local(workplace.settings.tenant)
        self._wish = wish
        self._out = out

    async def line(self, path: str) -> "Document":
        """Marks the file at `path` and writes the marked one; the line says what came of it."""
        from api import marks
        from api.contract import failed_mark
        from detector.media import read_file, sha256_hex

        place, data, name = self._workplace, b"", stored_name(path)
        try:
            data = await place.run(lambda: read_file(Path(path), place.sandbox.limits))
            done = await marks.mark(place, self._actor, replace(self._wish, data=data, name=name))
            target = self._out / f"{Path(path).stem}-{done.record.record_id}.{_suffix(done.document['mime'])}"
            write_whole(target, done.data)
        except Exception as error:  # one bad file is one line
            code, detail = failure_of(error)
            digest = sha256_hex(data) if data else None
            return failed_mark(path=name, made=self._wish.made, code=code, detail=detail, sha256=digest)
        return {**done.document, "input": name, "path": str(target)}


def _suffix(mime: str) -> str:
    from generator.claim import SUFFIXES

    return SUFFIXES[mime]


def row(document: Mapping[str, Any]) -> Sequence[str]:
    error = document["error"]
    if error:
        return "", error["code"], document["input"], error["detail"]
    return document["record_id"], str(document["receipt"]["entry"]), document["input"], document["path"]
