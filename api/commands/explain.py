"""`explain`: shows where in a picture the experts see traces, as a picture of its own; nothing is judged or logged."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.running import at_work, write_whole

if TYPE_CHECKING:
    from api.workplace import Workplace


def explain(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The heatmap, a .png file.")],
    expert: Annotated[str, typer.Option(help="manipulation or synthesis: whose traces are shown.")] = "manipulation",
) -> None:
    """Write IN in grey with the places tinted that look changed; a hint for people, not a finding."""
    if expert not in ("manipulation", "synthesis"):
        raise typer.BadParameter("manipulation or synthesis", param_hint="--expert")
    if target.suffix.lower() != ".png":
        raise typer.BadParameter("OUT ends in .png.", param_hint="OUT")

    async def job(workplace: "Workplace") -> bytes:
        return await workplace.run(lambda: heatmap_png(workplace, source, expert))

    write_whole(target.absolute(), at_work(job))


def heatmap_png(workplace: "Workplace", source: Path, expert: str) -> bytes:
    """The heatmap of the file at `source` as PNG bytes."""
    from PIL import Image

    from detector.media import read_file
    from detector.types import EvidenceKind

    picture = read_file(source, workplace.sandbox.limits)
    pixels = workplace.detector.explain(picture, EvidenceKind(expert))
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()
