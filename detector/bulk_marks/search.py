"""Search many pictures for marks at once, on whatever device torch has, with the readings of `provenance.watermark`.

Pictures whose working copies are of one size are transformed and looked at together. What decides (how many sights are
looked at closely, what is decoded, what is stated) is `watermark.Search`, and decoding is done on the CPU.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import numpy as np
import torch
from torch import Tensor

from detector.bulk_marks.lattices import lattices
from detector.bulk_marks.planes import residuals, untouched
from detector.bulk_marks.sights import Seen, look, look_closer
from detector.bulk_marks.spectra import read, transform
from detector.classifier.scorer import pick_device
from detector.provenance.carrier import FREQUENCIES
from detector.provenance.keys import MarkKey
from detector.provenance.residual import Plane, working_copy
from detector.provenance.watermark import MIN_SIDE, Search, Sight
from detector.types import Pixels, WatermarkReading

AT_ONCE: Final = {"cpu": 1, "cuda": 32}
"""Pictures of one size that are in memory together, up to 100 MB each (chosen, for CUDA). On a CPU four of 1024 px took
1.4 times as long together as one after the other."""


def detect_batch(
    pictures: Sequence[Pixels], *, keys: Sequence[MarkKey], device: str = "auto"
) -> list[WatermarkReading]:
    """Return of each of `pictures` (H W 3) what `watermark.detect` reads in it; `device` is `auto`, `cpu` or `cuda`.

    Scores differ by rounding alone: by .00011 at most in 540 searches on a CPU, and freely in a picture of one single
    colour, where there is nothing else to score.
    """
    readings = [WatermarkReading(detected=False)] * len(pictures)
    searched = [number for number, pixels in enumerate(pictures) if keys and min(pixels.shape[:2]) >= MIN_SIDE]
    planes = {number: working_copy(pictures[number]) for number in searched}
    where = torch.device(pick_device(device))
    for numbers in _alike(planes, AT_ONCE[where.type]):
        batch = torch.as_tensor(np.stack([planes[number] for number in numbers])).to(where)
        for number, reading in zip(numbers, _search(batch, keys), strict=True):
            readings[number] = reading
    return readings


def _alike(planes: dict[int, Plane], most: int) -> list[list[int]]:
    """Return the numbers of `planes` in groups of one size, of `most` at most."""
    ordered = sorted(planes, key=lambda number: planes[number].shape)
    groups = [list(group) for _, group in groupby(ordered, key=lambda number: planes[number].shape)]
    return [group[at : at + most] for group in groups for at in range(0, len(group), most)]


@torch.inference_mode()
def _search(planes: Tensor, keys: Sequence[MarkKey]) -> list[WatermarkReading]:
    """Look at `planes` (N H W; luma, 0 to 255) as they lie, then on every lattice that they suggest."""
    fine = residuals(planes)
    searches = [Search(keys) for _ in planes]
    upright = torch.eye(2, dtype=torch.float64, device=fine.device).expand(len(fine), 1, 2, 2)
    seen = look(untouched(fine)[:, None], upright, keys)
    chosen = [numbers[:1] for numbers in _chosen(searches, seen)]
    readings = [_read(search, found) for search, found in zip(searches, look_closer(seen, chosen), strict=True)]
    left = [number for number, reading in enumerate(readings) if reading is None]
    if left:
        turned = _search_turned(fine[left], [searches[number] for number in left], keys)
        for number, reading in zip(left, turned, strict=True):
            readings[number] = reading
    return [reading or search.nothing() for search, reading in zip(searches, readings, strict=True)]


def _search_turned(fine: Tensor, searches: Sequence[Search], keys: Sequence[MarkKey]) -> list[WatermarkReading | None]:
    spectra, matrices = transform(fine), lattices(fine)
    which = torch.arange(len(fine), device=fine.device)[:, None].expand(matrices.shape[:2])
    seen = look(read(spectra, which, matrices, FREQUENCIES), matrices, keys)
    sights = look_closer(seen, _chosen(searches, seen), spectra)
    return [_read(search, found) for search, found in zip(searches, sights, strict=True)]


def _chosen(searches: Sequence[Search], seen: Seen) -> list[list[int]]:
    return [search.chosen(scores) for search, scores in zip(searches, seen.scores.tolist(), strict=True)]


def _read(search: Search, sights: Sequence[Sight]) -> WatermarkReading | None:
    readings = (search.read(sight) for sight in sights)
    return next((reading for reading in readings if reading is not None), None)
