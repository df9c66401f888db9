"""`bench watermark`: what our mark and its free peers survive and how much they show, on a folder of photos; what it
survives in clips; what damage that takes it leaves; and how often it is seen where there is none.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_json, print_table, say
from api.commands.inputs import expand
from api.commands.outcome import ExtraMissing
from api.commands.running import load_settings

if TYPE_CHECKING:
    from detector.training.mark_journal import Journal
    from detector.types import Pixels

CRITERION = "whole payload: ours 48-bit id with key and check; peers 32 bits with at least 30 right"
ONE_LAB = "Pictures (--peers, --plot), --clips, --traces, --copies, --negatives and --scores are measured apart."


def watermark(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Photos, each side at least 128 px.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many photos.")] = None,
    peers: Annotated[bool, typer.Option("--peers", help="Beside the peers that are installed.")] = False,
    plot: Annotated[Path | None, typer.Option(metavar="OUT.png", help="Also draw the table.")] = None,
    clips: Annotated[bool, typer.Option("--clips", help="Clips made of the photos instead: still, pan, zoom.")] = False,
    traces: Annotated[bool, typer.Option("--traces", help="What damage that takes the mark leaves, instead.")] = False,
    copies: Annotated[bool, typer.Option("--copies", help="Marks that are copied onto other photos, instead.")] = False,
    negatives: Annotated[int, typer.Option(min=0, help="So many searches where no mark of ours is, instead.")] = 0,
    scores: Annotated[float, typer.Option(min=0, help="So many simulated scores (1e8) against their bound.")] = 0,
    journal: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Keep each result; one run again goes on from there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Mark photos, attack them and read them back: shares recovered, PSNR, SSIM and times."""
    chance = bool(negatives or scores)
    if (peers or plot is not None) + clips + traces + copies + chance > 1:
        raise typer.BadParameter(ONE_LAB)
    photos = _photos(folder, limit)
    if not photos:
        raise typer.BadParameter("There is no picture in it of at least 128 px on each side.", param_hint="FOLDER")
    from detector.training.mark_journal import Journal

    kept = Journal(journal)
    if clips:
        document, show = _clips(photos, kept), _print_clips
    elif traces:
        document, show = _traces(photos, kept), _print_traces
    elif copies:
        document, show = _copies(photos, kept), _print_copies
    elif chance:
        document, show = _chance(photos, negatives, int(scores), kept), _print_chance
    else:
        document, show = _pictures(photos, peers, kept), _print
    if plot is not None:
        _draw(document, plot)
    if as_json:
        print_json(document)
    else:
        show(document)


def _pictures(photos: "Sequence[Pixels]", peers: bool, journal: "Journal") -> dict[str, Any]:
    from detector.training.mark_lab import measure
    from detector.training.mark_peers import installed, ours

    others, absent = installed() if peers else ([], [])
    found = measure(photos, [ours(), *others], progress=say, journal=journal)
    return {**found, "criterion": CRITERION, "absent": absent}


def _clips(photos: "Sequence[Pixels]", journal: "Journal") -> dict[str, Any]:
    from detector.sandbox import Sandbox
    from detector.training.mark_clips import Product, measure_clips
    from generator.clip_transcode import QUALITY, SPEED
    from generator.clips import STRENGTH

    product = Product(STRENGTH, QUALITY, SPEED)
    with Sandbox() as sandbox:
        return measure_clips(photos, product=product, sandbox=sandbox, progress=say, journal=journal)


def _traces(photos: "Sequence[Pixels]", journal: "Journal") -> dict[str, Any]:
    from detector.training.mark_traces import measure_traces

    return measure_traces(photos, progress=say, journal=journal)


def _copies(photos: "Sequence[Pixels]", journal: "Journal") -> dict[str, Any]:
    from detector.training.mark_copies import measure_copies

    return measure_copies(photos, progress=say, journal=journal)


def _chance(photos: "Sequence[Pixels]", negatives: int, scores: int, journal: "Journal") -> dict[str, Any]:
    from detector.training.mark_negatives import measure_negatives
    from detector.training.mark_scores import measure_scores

    document: dict[str, Any] = {}
    if scores:
        document["scores"] = measure_scores(photos, scores=scores, progress=say)
    if negatives:
        document["negatives"] = measure_negatives(photos, searches=negatives, progress=say, journal=journal)
    return document


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


def _print_clips(document: Mapping[str, Any]) -> None:
    motions = document["motions"]
    rows = [[name, *(_cell(rows[name]) for rows in motions.values())] for name in next(iter(motions.values()))]
    title = f"{document['clips']} clips of {document['photos']} photos; {document['psnr']} dB; core {document['core']}"
    print_table(("delivery", *motions), rows, title=title)


def _print_traces(document: Mapping[str, Any]) -> None:
    rows = [[name, *(_cell(row[key]) for _, key in _TRACED)] for name, row in document["damages"].items()]
    title = f"{document['photos']} photos, share of each in %; core {document['core']}"
    print_table(("damage", *(column for column, _ in _TRACED)), rows, title=title)


def _print_copies(document: Mapping[str, Any]) -> None:
    rows = [[name, *(_cell(row[key]) for key in ("alike", "resembles"))] for name, row in document["copies"].items()]
    title = f"{document['photos']} photos, share of copies in %; core {document['core']}"
    print_table(("copy", "by its fingerprint", "by its looks"), rows, title=title)
    forged = [[_cell(document["copied"][key]) for key in ("read", "resembles")]]
    print_table(("copied mark read", "and taken for the release"), forged)


def _print_chance(document: Mapping[str, Any]) -> None:
    for name, show in (("negatives", _print_negatives), ("scores", _print_scores)):
        if name in document:
            show(document[name])


def _print_negatives(document: Mapping[str, Any]) -> None:
    kinds = {**document["kinds"], "all": document["false_matches"]}
    rows = [[kind, str(one["found"]), str(one["searches"]), f"{one['upper']:.2%}"] for kind, one in kinds.items()]
    scores = ", ".join(f"{name} {value:g}" for name, value in document["z"].items())
    columns = ("pictures", "false matches", "searches", "at most (95 %)")
    print_table(columns, rows, title=f"scores: {scores}; core {document['core']}")
    stated = [[f"{one['chance']:g}", str(one["searches"]), f"{one['allowed']:g}"] for one in document["stated"]]
    print_table(("stated chance at most", "searches", "allowed"), stated)


def _print_scores(document: Mapping[str, Any]) -> None:
    rows = []
    for one in document["tail"]:
        share = f"{one['share']:.3g} [{one['low']:.2g}, {one['high']:.2g}]"
        rows.append([f"{one['z']:g}", str(one["scores"]), share, f"{one['bound']:.3g}"])
    title = f"{document['scores']:.3g} simulated scores on {document['photos']} photos, highest {document['highest']}"
    print_table(("deviations", "scores", "share [95 %]", "bound"), rows, title=title)


_TRACED = (
    ("mark read", "read"),
    ("looks alike", "alike"),
    ("traced, of the rest", "traced"),
    ("another's trace", "other"),
    ("trace, never marked", "unmarked"),
)
HALF = 0.5
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
    tried = [name for name, row in next(iter(marks.values()))["rows"].items() if row["tries"]]
    shares = [[one["rows"][name]["recovered"] / one["rows"][name]["tries"] for one in marks.values()] for name in tried]
    figure = Figure(figsize=(2.5 + len(marks), 0.22 * len(tried) + 1), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for down, row in enumerate(shares):
        for across, share in enumerate(row):
            axes.text(across, down, f"{share:.0%}", ha="center", va="center", size=7, color="wk"[share < HALF])
    axes.set_xticks(range(len(marks)), marks, size=8)
    axes.set_yticks(range(len(tried)), tried, size=7)
    axes.xaxis.tick_top()
    axes.set_xlabel(f"{document['photos']} photos; {document['criterion']}", size=7)
    figure.savefig(target, dpi=120)
