"""`generate`: faces from a prompt, each marked, signed, registered and logged before its file is written."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import Lines, Progress
from api.commands.outcome import failure_of
from api.commands.running import at_work, write_whole
from api.labels import LabelName

if TYPE_CHECKING:
    from api.contract import Document
    from api.making import GenerateRequest
    from api.workplace import Workplace

COLUMNS = ("record", "seed", "receipt", "drawn", "file")
SEEDS = 2**32


def generate(
    prompt: Annotated[str, typer.Argument(help="What the face should look like, in English or simple Japanese.")],
    number: Annotated[int, typer.Option("-n", "--number", min=1, max=1000, help="How many faces.")] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, max=SEEDS - 1, help="Of the first face; the next counts up.")
    ] = None,
    purpose: Annotated[str, typer.Option(help="What the faces are for; the policy asks.")] = "research",
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for the files.")] = Path("faces"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")] = False,
    best_effort: Annotated[bool, typer.Option(help="Draw what can be drawn instead of refusing the rest.")] = False,
    label: Annotated[LabelName, typer.Option(help="Visible label; auto: as the jurisdiction asks.")] = "auto",
    consent: Annotated[bool, typer.Option(help="Attest that the person who is named agreed.")] = False,
    consent_reference: Annotated[str, typer.Option(help="A record of consent, or where it is on file.")] = "",
    backend: Annotated[str, typer.Option(help="What draws: embedded, diffusers or stylegan.")] = "embedded",
) -> None:
    """Generate marked faces of people who do not exist."""
    lines = Lines(COLUMNS, row, as_json=as_json)
    first = secrets.randbelow(SEEDS) if seed is None else seed

    async def job(workplace: "Workplace") -> None:
        from api.making import GenerateRequest

        wish = GenerateRequest(
            prompt,
            purpose=purpose,
            best_effort=best_effort,
            consent=consent,
            consent_reference=consent_reference,
            label=label,
            backend=backend,
        )
        order = Order(workplace, wish, out=out)
        with Progress.over(number, wanted=not as_json) as bar:
            for index in range(number):
                lines.add(await order.line((first + index) % SEEDS))
                bar.step()

    at_work(job)
    raise typer.Exit(lines.close())


class Order:
    """Faces of one prompt, for the operator of this machine."""

    def __init__(self, workplace: "Workplace", wish: "GenerateRequest", *, out: Path) -> None:
        from api.auth import Actor

        self._workplace = workplace
        self._actor = Actor.local(workplace.settings.tenant)
        self._wish = wish
        self._out = out.absolute()

    async def line(self, seed: int) -> "Document":
        """Makes the face of `seed` and writes it; the line says what came of it."""
        from api import making
        from api.contract import failed_generate

        try:
            made = await making.generate(self._workplace, self._actor, replace(self._wish, seed=seed))
            path = self._out / f"{made.document['record_id']}.png"
            write_whole(path, made.data)
        except Exception as error:  # one failed face is one line
            code, detail = failure_of(error)
            return failed_generate(prompt=self._wish.prompt, seed=seed, code=code, detail=detail)
        return {**made.document, "path": str(path)}


def row(document: Mapping[str, Any]) -> Sequence[str]:
    error = document["error"]
    if error:
        return "", str(document["seed"]), "", error["code"], error["detail"]
    drawn = "\n".join(f"{name} {value}" for name, value in document["attributes"]["honoured"].items())
    return document["record_id"], str(document["seed"]), str(document["receipt"]["entry"]), drawn, document["path"]
