"""`watermark embed` and `watermark detect`: the mark alone, for experiments; neither registered nor logged."""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import Lines
from api.commands.inputs import expand
from api.commands.outcome import ExitCode, failure_of
from api.commands.running import load_settings, write_whole

if TYPE_CHECKING:
    from api.contract import Document
    from api.workplace import Workplace
    from detector.provenance.keys import MarkKey
    from detector.sandbox import Sandbox
    from detector.types import Pixels, WatermarkReading

COLUMNS = ("watermark", "key", "z", "by chance", "file")
JPEG_QUALITY = 95
FORMATS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"lossless": True}),
    ".jpg": ("JPEG", {"quality": JPEG_QUALITY}),
    ".jpeg": ("JPEG", {"quality": JPEG_QUALITY}),
}
"""Format and options by the suffix of the output."""

app = typer.Typer(help="Embed or detect the watermark shingan.wm.1 alone.", no_args_is_help=True)


@app.command()
def embed(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="The marked copy: .png, .webp (both lossless) or .jpg.")
    ],
    record_id: Annotated[str, typer.Option(metavar="HEX", help="12 lowercase hexadecimal digits.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Embed a record id under this instance's newest key; metadata is not copied."""
    if not re.fullmatch("[0-9a-f]{12}", record_id):
        raise typer.BadParameter("A record id has 12 lowercase hexadecimal digits.", param_hint="--record-id")
    if target.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"OUT ends in one of {', '.join(FORMATS)}.", param_hint="OUT")
    lines = Lines(COLUMNS, row, as_json=as_json)
    with Bench.open() as bench:
        lines.add(bench.attempt(str(target.absolute()), lambda: bench.mark(source, target.absolute(), record_id)))
    raise typer.Exit(ExitCode.ERROR if lines.close() is ExitCode.ERROR else ExitCode.CLEAN)


@app.command()
def rotate() -> None:
    """Make a new key that marks from now on; what older keys marked is read as before."""
    from api.commands.running import at_work
    from detector.provenance.keys import add_mark_key

    async def job(workplace: "Workplace") -> int:
        made = await workplace.run(lambda: add_mark_key(workplace.settings.home))
        async with workplace.database.write() as session:
            await workplace.audit.append(session, "mark_key.created", {"actor": "local", "key_id": made.key_id})
        return made.key_id

    print(
        f"Key {at_work(job)} marks from now on. Restart a running service, which keeps the keys that it started with."
    )


@app.command()
def detect(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files, folders, quoted patterns; - reads paths from stdin.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")] = False,
) -> None:
    """Look for a mark under any of this instance's keys; exit code 3 if there is one."""
    lines = Lines(COLUMNS, row, as_json=as_json)
    with Bench.open() as bench:
        for path in expand(files):
            lines.add(bench.attempt(path, lambda: bench.read(Path(path))))  # noqa: B023 - called at once
    raise typer.Exit(lines.close())


@dataclass(frozen=True, slots=True)
class Bench:
    """What marking and reading need, without a database."""

    keys: "tuple[MarkKey, ...]"
    sandbox: "Sandbox"

    @classmethod
    @contextmanager
    def open(cls) -> "Iterator[Bench]":
        from detector.provenance.keys import load_mark_keys
        from detector.sandbox import Limits, Sandbox

        chosen = load_settings()
        limits = Limits(max_bytes=chosen.max_bytes, max_pixels=chosen.max_pixels, seconds=chosen.decode_seconds)
        with Sandbox(limits=limits) as sandbox:
            yield cls(load_mark_keys(chosen.home), sandbox)

    def attempt(self, path: str, work: "Callable[[], WatermarkReading]") -> "Document":
        """The line of `path`, whatever happens in `work`."""
        from api.contract import failed_watermark, watermark_line

        try:
            return watermark_line(work(), path=path)
        except Exception as error:  # one bad file is one line
            code, detail = failure_of(error)
            return failed_watermark(path=path, code=code, detail=detail)

    def read(self, path: Path) -> "WatermarkReading":
        from detector.provenance.watermark import detect

        return detect(self._pixels(path), keys=self.keys)

    def mark(self, source: Path, target: Path, record_id: str) -> "WatermarkReading":
        """Writes the marked copy of `source` and reads it back."""
        from detector.provenance.payload import Payload
        from detector.provenance.watermark import embed

        key = self.keys[0]
        marked = embed(self._pixels(source), payload=Payload(record_id, key.key_id), key=key)
        write_whole(target, _encode(marked, target.suffix.lower()))
        return self.read(target)

    def _pixels(self, path: Path) -> "Pixels":
        from detector.media import open_media, read_file

        return open_media(read_file(path, self.sandbox.limits), sandbox=self.sandbox)[1].pixels


def _encode(pixels: "Pixels", suffix: str) -> bytes:
    from PIL import Image

    name, options = FORMATS[suffix]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, name, **options)
    return buffer.getvalue()


def row(document: Mapping[str, Any]) -> Sequence[str]:
    mark, error = document["watermark"], document["error"]
    if error:
        return error["code"], "", "", "", document["path"]
    if not mark["detected"]:
        return "none", "", "", "", document["path"]
    chance, peak = mark["false_match_probability"], mark["z"]
    key, chance = str(mark["key_id"]), "" if chance is None else f"{chance:.0e}"
    return mark["record_id"], key, "" if peak is None else f"{peak:.1f}", chance, document["path"]
