"""GenImage (Zhu et al. 2023) as it is unpacked: <generator>/{train,val}/{ai,nature}/name.

A generator's folder may hold one more that carries its version (imagenet_ai_0419_sdv4). Pictures are of ImageNet's
classes and mostly show no face; the face experts then have nothing to say, which an evaluation reports as such.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detector.training.adapters.entries import Entry, LayoutUnknown, below, media_in

NAME: Final = "genimage"
SPLITS: Final = {"train": "train", "val": "test"}
"""GenImage's `val` is what its authors test on."""
LABELS: Final = {"ai": "fake", "nature": "real"}


def entries(root: Path) -> Iterator[Entry]:
    """Rows of every picture; a picture is a group of its own, as no two share a source."""
    folders = [path for path in sorted(root.rglob("*")) if path.is_dir() and _is_leaf(path)]
    if not folders:
        raise LayoutUnknown("There is no <generator>/{train,val}/{ai,nature}; see datasets/README.md for the layout.")
    for folder in folders:
        for path in media_in(folder):
            yield _entry(path, root, folder)


def _is_leaf(path: Path) -> bool:
    return path.name in LABELS and path.parent.name in SPLITS


def _entry(path: Path, root: Path, folder: Path) -> Entry:
    label = LABELS[folder.name]
    inner = folder.relative_to(root).parts[:-2]
    generator = (inner[0] if inner else root.name).lower().replace(" ", "_")
    kind = "synthesis" if label == "fake" else "imagenet_real"
    file = below(path, root)
    return Entry(
        file, NAME, SPLITS[folder.parent.name], label, kind, generator if label == "fake" else "", f"{NAME}:{file}"
    )
