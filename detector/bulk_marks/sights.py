"""Where the keys' templates fit in many pictures: the scores of `provenance.carrier`, as `watermark` looks at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from detector.bulk_marks.planes import squares
from detector.bulk_marks.spectra import Spectra, read
from detector.provenance import carrier as carriers
from detector.provenance.carrier import BAND, FREQUENCIES, GRID, SIDES, SYNC, TILE, TURNS, VARIANTS
from detector.provenance.keys import MarkKey
from detector.provenance.watermark import COARSE, STRETCHED, SURE, TURNED, Sight

LOOKED_AT_ONCE: Final = {"cpu": 1, "cuda": 256}
"""Tiles whose scores of one key at all shifts are in memory together, a megabyte each."""
ALIGNED_AT_ONCE: Final = {"cpu": 2, "cuda": 64}
"""Sights that are aligned together, a megabyte or two each."""
_SYNC: Final = torch.as_tensor(np.flatnonzero(SYNC))
_GRID_PLACES: Final = torch.as_tensor(carriers.GRID_COLUMNS), torch.as_tensor(carriers.ROWS[SYNC])
_SOURCE: Final = torch.as_tensor(carriers.SOURCE)
_FLIPPED: Final = torch.as_tensor(carriers.FLIPPED)
_WAVES: Final = 2 * np.pi / TILE * FREQUENCIES[SYNC].T


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The best sight of each of `keys` in N pictures on L lattices each, whose tiles are `whites` (N L F).

    `scores` (N L*keys) are in deviations, `places` (N L*keys) count through turns, variants, columns and rows.
    """

    keys: Sequence[MarkKey]
    whites: Tensor
    matrices: Tensor
    scores: Tensor
    places: Tensor


def look(whites: Tensor, matrices: Tensor, keys: Sequence[MarkKey]) -> Seen:
    """Return each key's best sight in the tiles `whites` (N L F) that `matrices` (N L 2 2) lay out."""
    halves = torch.as_tensor(carriers.HALVES)
    templates = [(phases(key)[:, _SYNC].conj() * halves).to(whites.device) for key in keys]
    parts = torch.split(whites.flatten(0, 1), LOOKED_AT_ONCE[whites.device.type])
    best = [_best(part, templates) for part in parts]
    scores, places = (torch.cat(each).view(len(whites), -1) for each in zip(*best, strict=True))
    return Seen(keys, whites, matrices, scores, places)


def look_closer(seen: Seen, numbers: Sequence[Sequence[int]], spectra: Spectra | None = None) -> list[list[Sight]]:
    """Return the sights `numbers`, as many of each picture, at the best shift; of the lattices next to it as well, if
    `spectra` are there to look at and the sight is not sure already.
    """
    device, keys = seen.whites.device, seen.keys
    chosen = torch.as_tensor(numbers, device=device)
    which = torch.arange(len(chosen), device=device).repeat_interleave(chosen.shape[1])
    chosen = chosen.flatten()
    lattice, number = chosen // len(keys), chosen % len(keys)
    turn, variant, *place = torch.unravel_index(seen.places[which, chosen], (TURNS, VARIANTS, GRID, GRID))
    template = torch.stack([phases(key) for key in keys]).to(device)[number, variant]
    white = _turned(seen.whites[which, lattice], turn)
    matrix = seen.matrices[which, lattice] @ torch.as_tensor(SIDES, device=device)[turn].mT
    shift = torch.stack(place, dim=1).double() * COARSE
    if spectra is not None:
        unsure = torch.nonzero(seen.scores[which, chosen] < SURE)[:, 0]
        for part in torch.split(unsure, ALIGNED_AT_ONCE[device.type]):
            there = which[part], template[part][:, _SYNC], shift[part], matrix[part]
            matrix[part], shift[part] = _aligned(spectra, *there)
            white[part] = read(spectra, which[part], matrix[part], FREQUENCIES)
    z, shift = _settled(white[:, _SYNC], template[:, _SYNC], shift)
    columns = (number, variant, z, shift, white, matrix)
    sights = [
        Sight(float(z), (float(right), float(down)), tile, carriers.carrier(keys[key], int(kind)), keys[key], laid)
        for key, kind, z, (right, down), tile, laid in zip(*(each.cpu().numpy() for each in columns), strict=True)
    ]
    return [sights[at : at + len(numbers[0])] for at in range(0, len(sights), len(numbers[0]))]


def phases(key: MarkKey) -> Tensor:
    """Return the phases of all variants of `key` (V F)."""
    return torch.as_tensor(np.array([carriers.carrier(key, variant).phases for variant in range(VARIANTS)]))


def _turned(whites: Tensor, turns: Tensor) -> Tensor:
    """Return `whites` (M F) as their turns or mirror images number `turns` (M) have them."""
    sides = whites.gather(1, _SOURCE.to(turns.device)[turns])
    return torch.where(_FLIPPED.to(turns.device)[turns], sides.conj(), sides)


def _best(whites: Tensor, templates: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the best score and its place (B K) over all turns, variants and shifts of `whites` (B F)."""
    sides = whites[:, _SOURCE[:, _SYNC]]
    sides = torch.where(_FLIPPED[:, _SYNC].to(sides.device), sides.conj(), sides)
    even = sides / _deviation(sides)[..., None]
    found = []
    for template in templates:
        spectrum = even.new_zeros(*even.shape[:2], VARIANTS, GRID, int(BAND[1]) + 1)
        spectrum[..., _GRID_PLACES[0], _GRID_PLACES[1]] = even[:, :, None] * template
        columns = torch.fft.ifft(spectrum, dim=-2, norm="forward")
        found.append(_highest(torch.fft.irfft(columns, n=GRID, norm="forward").flatten(1, -2)))
    scores, places = zip(*found, strict=True)
    return torch.stack(scores, dim=1), torch.stack(places, dim=1)


def _highest(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the highest of `maps` (B R GRID), and the first place where it is; by rows, which takes a tenth."""
    heights, row = maps.amax(dim=2).max(dim=1)
    chosen = maps.gather(1, row[:, None, None].expand(-1, 1, GRID))[:, 0]
    return heights, row * GRID + chosen.argmax(dim=1)


def _deviation(seen: Tensor) -> Tensor:
    return (squares(seen).sum(dim=-1) / 2).sqrt() + 1e-9


def _aligned(spectra: Spectra, which: Tensor, template: Tensor, shift: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the lattices (M 2 2) among small changes of `matrix` that fit best, and the shifts (M 2) there."""
    each = torch.arange(len(which), device=which.device)
    for nudges in (TURNED, STRETCHED):
        tried = torch.as_tensor(nudges, device=matrix.device) @ matrix[:, None]
        seen = read(spectra, which[:, None].expand(tried.shape[:2]), tried, FREQUENCIES[SYNC])
        shifts = shift[:, None] + torch.as_tensor(carriers.NEAR, device=shift.device)
        scores = (seen * template.conj()[:, None]) @ _waves(shifts).to(seen.dtype).mT
        scores = scores.real / _deviation(seen)[..., None]
        best = scores.flatten(1).argmax(dim=1)
        matrix, shift = tried[each, best // shifts.shape[1]], shifts[each, best % shifts.shape[1]]
    return matrix, shift


def _settled(seen: Tensor, template: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Return the best scores (M) near the shifts `shift` (M 2), and where (M 2), to 1 / `FINENESS` pixel."""
    each = torch.arange(len(seen), device=seen.device)
    parts = (seen * template.conj() / _deviation(seen)[:, None]).to(torch.complex128)
    for step in carriers.SETTLING:
        shifts = shift[:, None] + torch.as_tensor(carriers.RING, device=shift.device) * step
        z, best = (_waves(shifts) @ parts[..., None])[..., 0].real.max(dim=1)
        shift = shifts[each, best]
    return z, shift


def _waves(shifts: Tensor) -> Tensor:
    """Return what takes each of `shifts` (M P 2) back from the template's frequencies (M P S)."""
    angles = shifts @ torch.as_tensor(_WAVES, device=shifts.device)
    return torch.polar(torch.ones_like(angles), angles)
