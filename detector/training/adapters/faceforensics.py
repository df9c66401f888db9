"""FaceForensics++ (Roessler et al. 2019) as its download script lays it out, videos or extracted frames.

original_sequences/youtube/<compression>/videos/033.mp4 and manipulated_sequences/<method>/<compression>/videos/
033_097.mp4 (or .../images/033_097/0001.png, .../frames/...), with train.json, val.json and test.json of the official
splits, each a list of pairs of the two source videos, in the root or in splits/.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detector.training.adapters.entries import Entry, LayoutUnknown, below, clip_of, is_video, media_in, need

KINDS: Final = {
    "Deepfakes": "swap",
    "FaceSwap": "swap",
    "FaceShifter": "swap",
    "Face2Face": "reenactment",
    "NeuralTextures": "reenactment",
}
NAME: Final = "faceforensics"


def entries(root: Path) -> Iterator[Entry]:
    """Rows of every video or frame whose sources the split files name; other sequences (actors, masks) are left out."""
    splits = read_splits(root)
    for path in media_in(need(root / "original_sequences" / "youtube")):
        yield from _entry(path, root, splits, "real", "youtube_real", "")
    for method, kind in KINDS.items():
        for path in media_in(root / "manipulated_sequences" / method):
            yield from _entry(path, root, splits, "fake", kind, method.lower())


def read_splits(root: Path) -> dict[str, tuple[str, str]]:
    """Split and group (the pair) of each source video; raises `LayoutUnknown` if a file is missing or unreadable."""
    folder = root / "splits" if (root / "splits").is_dir() else root
    found: dict[str, tuple[str, str]] = {}
    for split in ("train", "val", "test"):
        try:
            pairs = json.loads(need(folder / f"{split}.json").read_text(encoding="utf-8"))
            found |= {name: (split, f"{NAME}:{'_'.join(sorted(pair))}") for pair in pairs for name in pair}
        except (ValueError, TypeError) as error:
            raise LayoutUnknown(f"{split}.json is no list of pairs of videos.") from error
    return found


def _entry(
    path: Path, root: Path, splits: dict[str, tuple[str, str]], label: str, kind: str, generator: str
) -> Iterator[Entry]:
    if "masks" in path.parts:
        return
    sources = (path.stem if is_video(path) else path.parent.name).split("_")
    if all(source in splits for source in sources):
        split, group = splits[sources[0]]
        yield Entry(below(path, root), NAME, split, label, kind, generator, group, clip=clip_of(path, root))
