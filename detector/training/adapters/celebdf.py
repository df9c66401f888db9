"""Celeb-DF v2 (Li et al. 2020) as it is unpacked.

Celeb-real/id0_0000.mp4, YouTube-real/00000.mp4, Celeb-synthesis/id0_id1_0000.mp4 (the face of id1 on id0's video) and
List_of_testing_videos.txt, whose lines read "1 YouTube-real/00170.mp4" with 1 for real. Frames may lie in
<folder>/frames/<video>/000.png instead. People are not disjoint between the official test list and the rest: the list
is followed, because figures are compared by it, and the group is the video that a swap was made from.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detector.training.adapters.entries import Entry, LayoutUnknown, below, clip_of, is_video, media_in, need, split_of

FOLDERS: Final = {"Celeb-real": "real", "YouTube-real": "real", "Celeb-synthesis": "fake"}
LIST: Final = "List_of_testing_videos.txt"
NAME: Final = "celebdf"


def entries(root: Path) -> Iterator[Entry]:
    """Rows of all videos: test as listed, the others train or val by their source, without those that test knows."""
    listed = read_list(root)
    test_groups = {_group(*name.split("/")) for name in listed}
    for folder, label in FOLDERS.items():
        for path in media_in(need(root / folder)):
            video = path.stem if is_video(path) else path.parent.name
            group = _group(folder, video)
            tested = f"{folder}/{video}" in listed
            if tested or group not in test_groups:
                split = "test" if tested else _other(group)
                kind, generator = ("swap", "celebdf") if label == "fake" else ("celebrity_real", "")
                yield Entry(below(path, root), NAME, split, label, kind, generator, group, clip=clip_of(path, root))


def read_list(root: Path) -> frozenset[str]:
    """Folder and name without suffix of every test video; raises `LayoutUnknown` if the list is missing or odd."""
    lines = [line.split() for line in need(root / LIST).read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(len(line) != 2 or line[1].count("/") != 1 for line in lines):
        raise LayoutUnknown(f"{LIST} has lines that are no label and video.")
    return frozenset(name.rpartition(".")[0] for _, name in lines)


def _group(folder: str, video: str) -> str:
    """The video under the face: that of id0_id1_0000 is id0_0000."""
    parts = video.split("_")
    source = f"{parts[0]}_{parts[2]}" if folder == "Celeb-synthesis" and len(parts) == 3 else video
    return f"{NAME}:{source if folder != 'YouTube-real' else 'youtube_' + video}"


def _other(group: str) -> str:
    return "val" if split_of(group) == "val" else "train"
