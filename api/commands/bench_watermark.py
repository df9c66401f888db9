"""`bench watermark`: what our mark and its free peers survive, and how much they show, on a folder of photos."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_json, print_table, say
from api.commands.inputs import expand
from api.commands.outcome import ExtraMissing
from api.commands.running import load_settings

if TYPE_CHECKING:
    from detector.types import Pixels

CRITERION = "whole payload: ours 48-bit id with key and check; peers 32 bits with at least 30 right"


def watermark(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photos, each side at least 128 px.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many photos.")] = None,
    peers: Annotated[bool, typer.Option("--peers", help="Beside the peers that are installed.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="OUT.png", help="Also draw the table as bars.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Mark photos, attack them and read them back: shares recovered, PSNR, SSIM and times."""
    from detector.training.mark_lab import measure
    from detector.training.mark_peers import installed, ours

    photos = _photos(folder, limit)
    if not photos:
        raise typer.BadParameter("There is no picture in it of at least 128 px on each side.", param_hint="FOLDER")
    others, absent = installed() if peers else ([], [])
    document = {**measure(photos, [ours(), *others], progress=say), "criterion": CRITERION, "absent": absent}
    if plot is not None:
        _draw(document, plot)
    if as_json:
        print_json(document)
    else:
        _print(document)


def _photos(folder: Path, limit: int | None) -> "list[Pixels]":
    from detector.errors import DetectorError
    from detector.media import open_media, read_file
    from detector.provenance.watermark import MIN_SIDE
    from detector.sandbox import Limits, Sandbox

    chosen = load_settings()
    limits = Limits(max_bytes=chosen.max_bytes, max_pixels=chosen.max_pixels, seconds=chosen.decode_seconds)
    photos: list[Pixels] = []
    with Sandbox(limits=limits) as sandbox:
        for path in expand([str(folder)]):
            try:
                pixels = open_media(read_file(Path(path), limits), sandbox=sandbox)[1].pixels
            except DetectorError as error:
                say(f"{path}: {error}")
                continue
            if min(pixels.shape[:2]) >= MIN_SIDE:
                photos.append(pixels)
            if len(photos) == limit:
                break
    return photos


def _print(document: Mapping[str, Any]) -> None:
    marks = document["watermarks"]
    rows = [_row(title, [one[key] for one in marks.values()]) for title, key in _QUALITY]
    for name in next(iter(marks.values()))["rows"]:
        rows.append([name, *(_cell(one["rows"][name]) for one in marks.values())])
    print_table(("attack", *marks), rows, title=f"{document['photos']} photos; {document['criterion']}")
    for name in document["absent"]:
        say(f"{name} is not installed.")


_QUALITY = (("PSNR, dB", "psnr"), ("SSIM", "ssim"), ("embed, ms", "embed_ms"), ("detect, ms", "detect_ms"))


def _row(title: str, values: Sequence[float]) -> list[str]:
    return [title, *(f"{value:g}" for value in values)]


def _cell(share: Mapping[str, Any]) -> str:
    if not share["tries"]:
        return "-"
    part = 100 * share["recovered"] / share["tries"]
    return f"{part:.1f} [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"


def _draw(document: Mapping[str, Any], target: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ExtraMissing("`pip install 'shingan[lab]'` brings what --plot needs (matplotlib).") from error
    marks = document["watermarks"]
    names = list(next(iter(marks.values()))["rows"])
    figure = Figure(figsize=(8, 0.25 * len(names) * max(1, len(marks) / 2) + 1), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(marks)
    for number, (mark, one) in enumerate(marks.items()):
        shares = [one["rows"][name]["recovered"] / max(1, one["rows"][name]["tries"]) for name in names]
        axes.barh([place + number * height for place in range(len(names))], shares, height, label=mark)
    axes.set_yticks([place + 0.4 - height / 2 for place in range(len(names))], names)
    axes.invert_yaxis()
    axes.set_xlabel(document["criterion"], fontsize="small")
    axes.legend(loc="lower left")
    figure.savefig(target, dpi=120)
