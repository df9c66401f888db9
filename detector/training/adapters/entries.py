"""A line of an index, and what the adapters share: which files are media, and splits that keep a group together."""

import csv
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import ClassVar, Final

from detector.errors import DetectorError

IMAGES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
VIDEOS: Final = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm"})
SHARES: Final = (("test", 0.15), ("val", 0.10), ("train", 1.0))
"""Cumulated from the front: shares of groups where a set states no split of its own."""
STEPS: Final = 10_000


class LayoutUnknown(DetectorError):
    """The folder does not look like the set that it is said to be."""

    code: ClassVar[str] = "layout_unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the index. A fake's `kind` is swap, reenactment, edit or synthesis; `clip` is the video of a frame."""

    file: str
    set: str
    split: str
    label: str
    kind: str
    generator: str
    group: str
    attrs: str = ""
    clip: str = ""


def write_index(entries: Iterable[Entry], out: Path) -> int:
    """Writes the entries, sorted by file, to `out`; returns how many. Raises `LayoutUnknown` if there are none."""
    rows = sorted(entries, key=lambda entry: entry.file)
    if not rows:
        raise LayoutUnknown("No labelled media was found; see datasets/README.md for the layout.")
    with out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Entry)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    return len(rows)


def media_in(folder: Path) -> list[Path]:
    """Every picture and video below `folder`, sorted; none where it does not exist."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGES | VIDEOS and path.is_file())


def is_video(name: str | Path) -> bool:
    return Path(name).suffix.lower() in VIDEOS


def below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def split_of(group: str) -> str:
    """A split that only the group decides, the same on every machine."""
    place = zlib.crc32(group.encode()) % STEPS / STEPS
    for name, share in SHARES:
        if place < share:
            return name
        place -= share
    return SHARES[-1][0]


def clip_of(path: Path, root: Path) -> str:
    """The clip of a frame: the folder that it lies in. A video is its own clip; the index need not say so."""
    return "" if is_video(path) else below(path.parent, root)


def need(path: Path) -> Path:
    """`path`; raises `LayoutUnknown` if it does not exist."""
    if not path.exists():
        raise LayoutUnknown(f"{path.name} is missing; see datasets/README.md for the layout.")
    return path
