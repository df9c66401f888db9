"""`scan`: is this picture or clip real, manipulated, synthetic or marked?"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.commands.console import Lines, print_json
from api.commands.inputs import expand, read_input
from api.commands.outcome import ExitCode, failure_of
from api.commands.running import answer_all, at_work, load_settings, stored_name

if TYPE_CHECKING:
    from api.bulk.run import BulkDone
    from api.contract import Document
    from api.settings import Settings
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
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="ray: on many cores or machines, into --out; reads more sources.")
    ] = "local",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="For ray: the folder of Parquet files; a second run goes on.")
    ] = None,
    scorers: Annotated[int, typer.Option(min=1, max=1024, help="For ray: how many actors judge.")] = 1,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="For ray: a running cluster; default: this machine.")
    ] = None,
) -> None:
    """Inspect pictures and clips: faces, both experts, credentials, watermark; a verdict with reasons for each."""
    settings = load_settings()
    settings = settings.model_copy(update={"detector": tier}) if tier else settings
    if engine == "ray":
        if out is None:
            raise typer.BadParameter("A scan with Ray writes to a folder.", param_hint="--out")
        raise typer.Exit(_bulk(settings, paths, out, purpose, scorers, address, as_json=as_json))
    lines = Lines(COLUMNS, row, as_json=as_json)

    async def job(workplace: "Workplace") -> None:
        inspector = Inspector(workplace, purpose=purpose)
        await answer_all(expand(paths), inspector.line, lines, progress=not as_json)

    at_work(job, settings)
    raise typer.Exit(lines.close())


def _bulk(
    settings: "Settings",
    paths: Sequence[str],
    out: Path,
    purpose: str,
    scorers: int,
    address: str | None,
    *,
    as_json: bool,
) -> ExitCode:
    async def job(workplace: "Workplace") -> "BulkDone":
        from api.auth import Actor
        from api.bulk.run import BulkOrder, run

        order = BulkOrder(paths, out, purpose, scorers, address)
        return await run(workplace, Actor.local(workplace.settings.tenant), order)

    with redirect_stdout(sys.stderr):  # Ray tells there of machines that come and go
        done = at_work(job, settings)
    if as_json:
        print_json({"out": str(out), **done.as_dict()})
    else:
        print(
            f"{done.done} inspected, {done.skipped} were already, {done.flagged} flagged, {done.failed} failed: {out}"
        )
    if done.failed:
        return ExitCode.ERROR
    return ExitCode.FINDING if done.flagged else ExitCode.CLEAN


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
