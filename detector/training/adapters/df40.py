"""DF40 (Yan et al. 2024), the processed release: a folder for each of its forty methods.

Swaps and reenactments lie in <method>/<ff|cdf>/frames/<video>/000.png (test) or <method>/frames/<video>/000.png
(train), whole syntheses in <method>/<ff|cdf>/<video>/name.png or <method>/<video>/name.png; methods of unknown sources
have <method>/fake/... and <method>/real/.... The release has no other reals: index FaceForensics++ and Celeb-DF beside
it. Unpack test below a folder `test` and train below `train`; without these everything is test.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detector.training.adapters.entries import Entry, LayoutUnknown, below, is_video, media_in

NAME: Final = "df40"
KINDS: Final = {
    "swap": ("fsgan", "faceswap", "simswap", "inswap", "blendface", "uniface", "mobileswap", "e4s", "facedancer",
             "deepfacelab"),
    "reenactment": ("fomm", "facevid2vid", "wav2lip", "mraa", "one_shot_free", "pirender", "tpsm", "lia", "danet",
                    "sadtalker", "mcnet", "hyperreenact", "heygen"),
    "synthesis": ("vqgan", "stylegan2", "stylegan3", "styleganxl", "sd2.1", "ddim", "rddm", "pixart", "dit", "sit",
                  "midjourney", "whichfaceisreal", "whichisreal"),
    "edit": ("collabdiff", "e4e", "stargan", "starganv2", "styleclip"),
}  # fmt: skip
KIND_OF: Final = {method: kind for kind, methods in KINDS.items() for method in methods}
PLACES: Final = frozenset({"ff", "cdf", "frames", "fake", "real", "celeb-real", "youtube-real", "inversions"})
"""Folders between a method and its videos."""


def entries(root: Path) -> Iterator[Entry]:
    """Rows of every picture below a known method's folder; frames of one video and source share a group."""
    found = False
    for split, base in _bases(root):
        for folder in sorted(path for path in base.iterdir() if path.is_dir() and path.name.lower() in KIND_OF):
            found = True
            for path in media_in(folder):
                yield _entry(path, root, folder, split)
    if not found:
        raise LayoutUnknown("No folder is named after a method of DF40; see datasets/README.md for the layout.")


def _bases(root: Path) -> list[tuple[str, Path]]:
    split = [(name, root / name) for name in ("train", "val", "test") if (root / name).is_dir()]
    return split or [("test", root)]


def _entry(path: Path, root: Path, folder: Path, split: str) -> Entry:
    method = folder.name.lower()
    between = [part.lower() for part in path.relative_to(folder).parts[:-1]]
    videos = [part for part in between if part not in PLACES]
    source = "cdf" if "cdf" in between else "ff"
    framed = bool(videos) and KIND_OF[method] in ("swap", "reenactment") and not is_video(path)
    target = (videos[-1] if videos else path.stem).split("_")[0]
    real = "real" in between
    kind, generator = ("df40_real", "") if real else (KIND_OF[method], method)
    return Entry(
        below(path, root), NAME, split, "real" if real else "fake", kind, generator, f"{NAME}:{source}:{target}",
        clip=below(path.parent, root) if framed else "",
    )  # fmt: skip
