"""`idol`: made-up people who speak, each marked, signed, registered and logged before the file is written."""

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
    from api.idols import IdolRequest
    from api.workplace import Workplace

COLUMNS = ("record", "seed", "receipt", "seconds", "file")
SEEDS = 2**32


def idol(
    purpose: Annotated[str, typer.Option(help="What the idol is for; the policy asks.")],
    prompt: Annotated[str, typer.Argument(help="What the face should look like; any adult if left out.")] = "",
    say: Annotated[
        str, typer.Option(help="What the lips say, silently, in English or kana; 漢字(かんじ) gives a reading.")
    ] = "",
    wav: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A recording to speak along to, 16-bit PCM, at most 60 s.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=1.0, max=62.0, help="Least length of the clip.")] = None,
    number: Annotated[int, typer.Option("-n", "--number", min=1, max=1000, help="How many idols.")] = 1,
    seed: Annotated[
        int | None, typer.Option(min=0, max=SEEDS - 1, help="Of the first idol; the next counts up.")
    ] = None,
    still: Annotated[bool, typer.Option("--still", help="Only the picture, as PNG.")] = False,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for the files.")] = Path("idols"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")] = False,
    label: Annotated[LabelName, typer.Option(help="Visible label; auto: as the jurisdiction asks.")] = "auto",
    consent: Annotated[bool, typer.Option(help="Attest that the person who is named agreed.")] = False,
    consent_reference: Annotated[str, typer.Option(help="A record of consent, or where it is on file.")] = "",
) -> None:
    """Make idols: people who do not exist, and who say what they are told to."""
    if say and wav:
        raise typer.BadParameter("An idol either says a text or speaks along to a recording.", param_hint="--say")
    lines = Lines(COLUMNS, row, as_json=as_json)
    first = secrets.randbelow(SEEDS) if seed is None else seed

    async def job(workplace: "Workplace") -> None:
        from api.idols import IdolRequest

        wish = IdolRequest(prompt, say, b"", seconds, None, purpose, label, still, consent, consent_reference)
        stage = Stage(workplace, wish, wav=wav, out=out)
        with Progress.over(number, wanted=not as_json) as bar:
            for index in range(number):
                lines.add(await stage.line((first + index) % SEEDS))
                bar.step()

    at_work(job)
    raise typer.Exit(lines.close())


class Stage:
    """Idols of one wish, for the operator of this machine."""

    def __init__(self, workplace: "Workplace", wish: "IdolRequest", *, wav: Path | None, out: Path) -> None:
        from api.auth import Actor

        self._workplace = workplace
        self._actor = Actor.local(workplace.settings.tenant)
        self._wish = wish
        self._wav = wav
        self._out = out.absolute()

    async def line(self, seed: int) -> "Document":
        """Makes the idol of `seed` and writes it; the line says what came of it."""
        from api import idols
        from api.contract import failed_idol
        from generator.claim import SUFFIXES

        try:
            wish = replace(self._wish, seed=seed, wav=self._recording())
            made = await idols.perform(self._workplace, self._actor, wish)
            path = self._out / f"{made.record.record_id}.{SUFFIXES[made.document['mime']]}"
            write_whole(path, made.data)
        except Exception as error:  # one failed idol is one line
            code, detail = failure_of(error)
            return failed_idol(prompt=self._wish.prompt, say=self._wish.say, seed=seed, code=code, detail=detail)
        return {**made.document, "path": str(path)}

    def _recording(self) -> bytes:
        from detector.media import read_file

        return read_file(self._wav, self._workplace.sandbox.limits) if self._wav else b""


def row(document: Mapping[str, Any]) -> Sequence[str]:
    error = document["error"]
    if error:
        return "", str(document["seed"]), "", error["code"], error["detail"]
    seconds = document["speech"]["seconds"]
    length = "" if seconds is None else f"{seconds:.1f}"
    return document["record_id"], str(document["seed"]), str(document["receipt"]["entry"]), length, document["path"]
