"""`bench`: how fast is this machine, part by part?"""

import io
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.bench_audit import audit
from api.commands.bench_detect import bench_face, detect
from api.commands.bench_verify import verify
from api.commands.bench_watermark import watermark
from api.commands.console import print_json, print_table
from api.commands.running import load_settings

if TYPE_CHECKING:
    from detector.types import Pixels

SIDE = 512
"""Pixels of the test picture's side: the size in which faces are delivered."""


app = typer.Typer(help="How fast this machine is.")
app.command("detect")(detect)
app.command("watermark")(watermark)
app.command("verify")(verify)
app.command("audit")(audit)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="How often each part runs.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Time decoding, watermark, fingerprint, face finder and experts on one picture."""
    if context.invoked_subcommand:
        return
    figures = {name: _milliseconds(work, rounds) for name, work in _parts().items()}
    if as_json:
        print_json({"side": SIDE, "rounds": rounds, "milliseconds": figures})
    else:
        print_table(("part", "ms a picture"), [(name, f"{value:.1f}") for name, value in figures.items()])


def _parts() -> "Mapping[str, Callable[[], object]]":
    from detector.classifier.cards import shipped
    from detector.classifier.registry import load_expert
    from detector.classifier.scorer import pick_device
    from detector.faces import FaceFinder
    from detector.media import open_media
    from detector.pipeline import EXPERTS
    from detector.provenance.fingerprint import pdq
    from detector.provenance.keys import MarkKey
    from detector.provenance.payload import Payload
    from detector.provenance.watermark import detect, embed
    from detector.sandbox import Sandbox

    pixels, key, device = bench_picture(), MarkKey(0, bytes(32)), load_settings().device
    data, sandbox, finder = _png(pixels), Sandbox(), FaceFinder(device=pick_device(device))
    marked = embed(pixels, payload=Payload("000000000000", 0), key=key)
    parts: dict[str, Callable[[], object]] = {
        "decode": lambda: open_media(data, sandbox=sandbox),
        "embed watermark": lambda: embed(pixels, payload=Payload("000000000000", 0), key=key),
        "find watermark": lambda: detect(marked, keys=[key]),
        "find no watermark": lambda: detect(pixels, keys=[key]),
        "fingerprint": lambda: pdq(pixels),
        "find faces": lambda: finder.find(pixels),
    }
    for kind in EXPERTS:
        expert = load_expert(shipped(kind), device=device)
        views = expert.prepare(pixels, bench_face())
        parts[f"{kind} expert, a face"] = lambda expert=expert, views=views: expert.read([views])  # type: ignore[misc]
    return parts


def _milliseconds(work: Callable[[], object], rounds: int) -> float:
    work()  # the first one loads
    start = time.perf_counter()
    for _ in range(rounds):
        work()
    return round(1000 * (time.perf_counter() - start) / rounds, 2)


def bench_picture() -> "Pixels":
    """A generated face, the same on every machine (512 512 3)."""
    from generator.prompt import parse
    from generator.synthesizer import open_synthesizer

    return open_synthesizer().synthesise(parse("a woman"), seed=0).pixels


def _png(pixels: "Pixels") -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
