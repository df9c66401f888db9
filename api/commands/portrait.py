"""`portrait`: redraws a consenting person's picture, or a made-up one; every result leaves marked and registered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import Lines
from api.commands.inputs import expand
from api.commands.outcome import failure_of
from api.commands.running import answer_all, at_work, load_settings, stored_name, write_whole
from api.labels import LabelName

if TYPE_CHECKING:
    from api.contract import Document
    from api.portraits import PortraitRequest
    from api.workplace import Workplace

OUTLINE_ERROR = 1.5
"""Pixels by which the outline of a mask may be off, so that it has few corners."""
STYLES = "oil, watercolour, ink, woodblock, low_poly or mosaic"
COLUMNS = ("record", "receipt", "from", "file")
app = typer.Typer(no_args_is_help=True, help="Redraw portraits: art, surgery previews, 3D.")

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Pictures, folders, quoted patterns; - reads paths from stdin.")
]
Purpose = Annotated[str, typer.Option(help="What the result is for; the policy asks.")]
Consent = Annotated[bool, typer.Option("--consent", help="You attest that the person shown agreed to this.")]
Reference = Annotated[str, typer.Option(help="Where the consent is on file; logged as a digest alone.")]
LabelOption = Annotated[LabelName, typer.Option(help="Visible label; auto: as the jurisdiction asks.")]
FaceNumber = Annotated[
    int | None, typer.Option("--face", min=1, help="Which face is meant, from left to right, where there are several.")
]
Out = Annotated[Path, typer.Option(file_okay=False, help="Folder for the results.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")]


def run(files: Sequence[str], wish: "PortraitRequest", *, out: Path, as_json: bool) -> None:
    """Redraws each file as `wish` asks, prints a line each, and exits."""
    lines = Lines(COLUMNS, row, as_json=as_json)

    async def job(workplace: "Workplace") -> None:
        studio = Studio(workplace, wish, out=out.absolute())
        await answer_all(expand(files), studio.line, lines, progress=not as_json)

    at_work(job)
    raise typer.Exit(lines.close())


class Studio:
    """Redraws one file after the other, each as `wish` asks, for the operator of this machine."""

    def __init__(self, workplace: "Workplace", wish: "PortraitRequest", *, out: Path) -> None:
        from api.auth import Actor

        self._workplace = workplace
        self._actor = Actor.local(workplace.settings.tenant)
        self._wish = wish
        self._out = out

    async def line(self, path: str) -> "Document":
        """Redraws the file at `path` and writes the result; the line says what came of it."""
        from api import portraits
        from api.contract import failed_portrait
        from detector.media import read_file, sha256_hex

        place, wish, data, name = self._workplace, self._wish, b"", stored_name(path)
        try:
            data = await place.run(lambda: read_file(Path(path), place.sandbox.limits))
            done = await portraits.redraw(place, self._actor, replace(wish, data=data, name=name))
            target = (
                self._out / f"{Path(path).stem}-{wish.tool}-{done.record.record_id}.{_suffix(done.document['mime'])}"
            )
            write_whole(target, done.data)
        except Exception as error:  # one bad file is one line
            code, detail = failure_of(error)
            digest = sha256_hex(data) if data else None
            return failed_portrait(
                path=name, tool=wish.tool, settings=wish.settings_told(), code=code, detail=detail, sha256=digest
            )
        return {**done.document, "input": name, "path": str(target)}


def row(document: Mapping[str, Any]) -> Sequence[str]:
    error = document["error"]
    if error:
        return "", error["code"], document["input"], error["detail"]
    return document["record_id"], str(document["receipt"]["entry"]), document["input"], document["path"]


def _suffix(mime: str) -> str:
    from api.releases import suffix_of

    return suffix_of(mime)


@app.command()
def artwork(
    files: Files,
    purpose: Purpose,
    style: Annotated[str, typer.Option(help=f"{STYLES}.")] = "oil",
    strength: Annotated[float, typer.Option(min=0.0, max=1.0, help="How far from the photo.")] = 0.7,
    seed: Annotated[int, typer.Option(min=0, help="Of what is left to chance.")] = 0,
    style_picture: Annotated[
        Path | None, typer.Option("--style-picture", help="A picture whose manner to take, in place of --style.")
    ] = None,
    consent: Consent = False,
    consent_reference: Reference = "",
    label: LabelOption = "auto",
    face: FaceNumber = None,
    out: Out = Path("portraits"),
    as_json: AsJson = False,
) -> None:
    """Turn a face into a picture by hand: oil, watercolour, ink, woodblock, low-poly, mosaic, or as in a picture."""
    from api.portraits import PortraitRequest

    data = b"" if style_picture is None else _style(style_picture)
    settings = {"style": "style_picture" if data else style, "strength": strength, "seed": seed}
    wish = PortraitRequest("artwork", b"", "", purpose, consent, consent_reference, settings, label, data, face)
    run(files, wish, out=out, as_json=as_json)


def _style(path: Path) -> bytes:
    from detector.errors import DetectorError
    from detector.media import read_file

    try:
        return read_file(path)
    except DetectorError as error:
        raise typer.BadParameter(str(error), param_hint="--style-picture") from error


@app.command()
def surgery(
    files: Files,
    purpose: Purpose,
    change: Annotated[
        list[str], typer.Option("--set", metavar="NAME=MM", help="A measure and by how many millimetres; repeatable.")
    ],
    view: Annotated[str, typer.Option(help="after, before_after, or turntable (in 3D).")] = "after",
    consent: Consent = False,
    consent_reference: Reference = "",
    label: LabelOption = "auto",
    face: FaceNumber = None,
    out: Out = Path("portraits"),
    as_json: AsJson = False,
) -> None:
    """Preview a surgical change of nose, chin, jaw, brows, lids, lips or ears, in millimetres."""
    from api.portraits import PortraitRequest

    settings = {"changes": dict(_change(text) for text in change), "view": view}
    wish = PortraitRequest("surgery", b"", "", purpose, consent, consent_reference, settings, label, face=face)
    run(files, wish, out=out, as_json=as_json)


@app.command()
def reconstruct(
    files: Files,
    purpose: Purpose,
    output: Annotated[str, typer.Option(help="views (a picture), or model (GLB).")] = "views",
    hidden: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,X,Y,X,Y…", help="Corners of a damaged or covered region, in pixels; repeatable."),
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The same as a picture: white where it is not to be believed.")
    ] = None,
    consent: Consent = False,
    consent_reference: Reference = "",
    label: LabelOption = "auto",
    face: FaceNumber = None,
    out: Out = Path("portraits"),
    as_json: AsJson = False,
) -> None:
    """Rebuild a face in 3D from one photo: views from other sides, or a textured model."""
    from api.portraits import PortraitRequest

    regions = [_region(text) for text in hidden or ()]
    if mask is not None:
        regions += _regions_of(mask)
    settings = {"output": output, "hidden": regions}
    wish = PortraitRequest("reconstruct", b"", "", purpose, consent, consent_reference, settings, label, face=face)
    run(files, wish, out=out, as_json=as_json)


def _region(text: str) -> list[list[float]]:
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) < 6 or len(numbers) % 2:
        raise typer.BadParameter(f"{text!r} is not X,Y,X,Y,X,Y…", param_hint="--hidden")
    return [numbers[at : at + 2] for at in range(0, len(numbers), 2)]


def _regions_of(mask: Path) -> list[list[list[float]]]:
    """Outlines of the white parts of a picture, coarse enough to be few."""
    import cv2

    from detector.media import open_media, read_file
    from detector.sandbox import Limits, Sandbox

    chosen = load_settings()
    limits = Limits(max_bytes=chosen.max_bytes, max_pixels=chosen.max_pixels, seconds=chosen.decode_seconds)
    with Sandbox(limits=limits) as sandbox:
        pixels = open_media(read_file(mask, limits), sandbox=sandbox)[1].pixels
    white = cv2.inRange(pixels, (128, 128, 128), (255, 255, 255))
    outlines = cv2.findContours(white, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    coarse = (cv2.approxPolyDP(outline, OUTLINE_ERROR, True) for outline in outlines)
    return [outline[:, 0].astype(float).tolist() for outline in coarse if len(outline) >= 3]


def _change(text: str) -> tuple[str, float]:
    name, _, amount = text.partition("=")
    try:
        return name.strip(), float(amount)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not NAME=MM.", param_hint="--set") from error
