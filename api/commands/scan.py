"""`scan`: is this picture or clip real, manipulated, synthetic or marked?"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.commands.console import Lines
from api.commands.inputs import expand, read_input
from api.commands.outcome import failure_of
from api.commands.running import answer_all, at_work, load_settings, stored_name

if TYPE_CHECKING:
    from api.contract import Document
    from api.workplace import Workplace

COLUMNS = ("verdict", "action", "probability", "why", "file")


def scan(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Files, folders, quoted patterns, addresses; - reads them from stdin."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")] = False,
    purpose: Annotated[str, typer.Option(help="What the answer is for; the policy may ask.")] = "",
    tier: Annotated[
        Literal["auto", "small", "vit"] | None, typer.Option(help="Synthesis expert; default: SHINGAN_DETECTOR.")
    ] = None,
) -> None:
    """Inspect pictures and clips: faces, both experts, credentials, watermark; a verdict with reasons for each."""
    lines = Lines(COLUMNS, row, as_json=as_json)

    async def job(workplace: "Workplace") -> None:
        inspector = Inspector(workplace, purpose=purpose)
        await answer_all(expand(paths), inspector.line, lines, progress=not as_json)

    settings = load_settings()
    at_work(job, settings.model_copy(update={"detector": tier}) if tier else settings)
    raise typer.Exit(lines.close())


class Inspector:
    """Inspects one path after the other for the operator of this machine."""

    def __init__(self, workplace: "Workplace", *, purpose: str) -> None:
        from api.auth import Actor

        self._workplace = workplace
        self._actor = Actor.local(workplace.settings.tenant)
        self._purpose = purpose

    async def line(self, path: str) -> "Document":
        """The line of `path`, whatever happens to it."""
        from api import products
        from api.contract import failed_scan
        from detector.media import sha256_hex, sniff

        place, data, name = self._workplace, b"", stored_name(path)
        try:
            data = await read_input(place, path)
            answer = await products.inspect(place, self._actor, data, name=name, purpose=self._purpose)
        except Exception as error:  # one bad file is one line
            code, detail = failure_of(error)
            known = {"sha256": sha256_hex(data), "kind": str(sniff(data)[0])} if data else {}
            return failed_scan(path=path, code=code, detail=detail, **known)
        return {**answer.document, "path": path}


def row(document: Mapping[str, Any]) -> Sequence[str]:
    """The table row of a scan or verify line: conflicts first, then reasons."""
    verdict, error = document["verdict"], document["error"]
    chance = "" if verdict["probability"] is None else f"{verdict['probability']:.3f}"
    why = [error["code"]] if error else dict.fromkeys([*verdict["conflicts"], *verdict["reasons"]])
    return verdict["label"], verdict["action"], chance, "\n".join(why), document["path"]
