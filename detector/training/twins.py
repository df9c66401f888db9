"""Makes a fake from a real photo that differs from it in nothing but the traces of a decoder.

    python -m detector.training.twins FACES.jsonl ROOT OUT_FOLDER --minutes 5

A small zoo of convolutional autoencoders (several upsamplers, depths and latent widths, each kept at several points of
its training) redraws real photos, whole or in a region, pixel over pixel. Content is the same in both, so a detector
cannot learn who or what is shown; many decoders, since variety carries further than volume (the ideas are those of
B-Free, TwinD and Community Forensics). The twins and an index like that of `detector.training.data` go to OUT_FOLDER.
"""

import argparse
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detector.training.data import Sample, _row, read_faces, read_pixels
from detector.types import Face, Pixels

PATCH: Final = 96
BATCH: Final = 10
RATE: Final = 3e-3
LATENT_NOISE: Final = 0.05
"""Standard deviation added to the latents in training, so that they hold no more than a generator's would."""
KEPT_AT: Final = (0.35, 0.7, 1.0)
"""Shares of the training time at which a copy joins the zoo: an unfinished decoder is one more generator."""
WHOLE_SHARE: Final = 0.65
"""Share of twins redrawn as a whole; the others only in a soft ellipse."""
PICTURES: Final = 600
"""Photos that the zoo learns from."""
PER_SET: Final = 330
"""Twins per set of reals; chosen, so that no set outweighs the others."""


@dataclass(frozen=True, slots=True)
class Design:
    """An autoencoder: how it upsamples, how often it halves the side, and how many numbers a latent cell has."""

    upsampler: str
    halvings: int
    latent: int


DESIGNS: Final = (
    Design("nearest", 2, 6),
    Design("bilinear", 2, 12),
    Design("transposed", 3, 24),
    Design("shuffle", 2, 8),
    Design("nearest", 3, 32),
    Design("transposed", 1, 4),
)


def upsampler(kind: str, wide: int, narrow: int) -> nn.Module:
    """A layer that doubles the side and leaves `narrow` channels."""
    if kind == "transposed":
        return nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)
    if kind == "shuffle":
        return nn.Sequential(nn.Conv2d(wide, 4 * narrow, 3, padding=1), nn.PixelShuffle(2))
    smooth = {"mode": "bilinear", "align_corners": False} if kind == "bilinear" else {"mode": "nearest"}
    return nn.Sequential(nn.Upsample(scale_factor=2, **smooth), nn.Conv2d(wide, narrow, 3, padding=1))


class Autoencoder(nn.Module):
    """Pictures B 3 H W in 0–1, sides multiples of 8, to the same through a latent of `design`."""

    def __init__(self, design: Design, *, width: int = 16) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(1, design.halvings + 1)]
        down: list[nn.Module] = []
        for narrow, wide in itertools.pairwise([3, *widths]):
            down += [nn.Conv2d(narrow, wide, 4, stride=2, padding=1), nn.SiLU()]
        self.encode = nn.Sequential(*down, nn.Conv2d(widths[-1], design.latent, 1))
        up: list[nn.Module] = [nn.Conv2d(design.latent, widths[-1], 3, padding=1), nn.SiLU()]
        for wide, narrow in itertools.pairwise([*reversed(widths), width]):
            up += [upsampler(design.upsampler, wide, narrow), nn.SiLU()]
        self.decode = nn.Sequential(*up, nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        latents = self.encode(pictures - 0.5)
        if self.training:
            latents = latents + LATENT_NOISE * torch.randn_like(latents)
        drawn: Tensor = self.decode(latents) + 0.5
        return drawn


def patches(pictures: Sequence[Pixels], rng: np.random.Generator, *, count: int = BATCH) -> Tensor:
    """Random `PATCH` px cuts in 0–1.  count 3 PATCH PATCH"""
    cuts = []
    for index in rng.integers(len(pictures), size=count):
        picture = pictures[index]
        y, x = (int(rng.integers(max(1, side - PATCH + 1))) for side in picture.shape[:2])
        cut = picture[y : y + PATCH, x : x + PATCH]
        cuts.append(cv2.resize(cut, (PATCH, PATCH)) if cut.shape[:2] != (PATCH, PATCH) else cut)
    return torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2).float() / 255.0


def distance(drawn: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of the pixels and, twice as heavy, of the steps between neighbours (fine texture)."""
    apart = drawn - wanted
    steps = apart.diff(dim=2).abs().mean() + apart.diff(dim=3).abs().mean()
    return apart.abs().mean() + 2 * steps


def grow(
    design: Design, pictures: Sequence[Pixels], *, seconds: float, seed: int, steps: int = 100_000
) -> list[Autoencoder]:
    """Trains one design for `steps` or `seconds`, whichever ends first; returns its copies, the least trained first."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Autoencoder(design).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    kept: list[Autoencoder] = []
    start, step = time.monotonic(), 0
    while len(kept) < len(KEPT_AT):
        wanted = patches(pictures, rng).contiguous(memory_format=torch.channels_last)
        loss = distance(model(wanted), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        if max(step / steps, (time.monotonic() - start) / seconds) >= KEPT_AT[len(kept)]:
            copy = Autoencoder(design)
            copy.load_state_dict(model.state_dict())
            kept.append(copy.eval())
    return kept


@torch.inference_mode()
def redraw(model: Autoencoder, pixels: Pixels) -> Pixels:
    """`pixels` through `model`, of the same size and place."""
    height, width = pixels.shape[:2]
    padded = cv2.copyMakeBorder(pixels, 0, -height % 8, 0, -width % 8, cv2.BORDER_REFLECT_101)
    batch = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255.0
    drawn = model(batch)[0].clamp(0, 1).permute(1, 2, 0).numpy()[:height, :width]
    return np.asarray(np.rint(255 * drawn), dtype=np.uint8)


def region(shape: tuple[int, int], face: Face, rng: np.random.Generator) -> NDArray[np.float32]:
    """A soft ellipse over part of the face, H W in 0–1."""
    mask = np.zeros(shape, np.float32)
    x0, y0, x1, y1 = face.box
    centre = (int(x0 + (x1 - x0) * rng.uniform(0.3, 0.7)), int(y0 + (y1 - y0) * rng.uniform(0.3, 0.7)))
    axes = (int((x1 - x0) * rng.uniform(0.25, 0.5)), int((y1 - y0) * rng.uniform(0.25, 0.5)))
    cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(1.0, 0.04 * face.size)), dtype=np.float32)


def twin(model: Autoencoder, pixels: Pixels, face: Face, *, rng: np.random.Generator) -> Pixels:
    """`pixels` redrawn by `model`, as a whole or in part of the face."""
    drawn = redraw(model, pixels)
    if rng.random() < WHOLE_SHARE:
        return drawn
    mask = region(pixels.shape[:2], face, rng)[..., None]
    return np.asarray(np.rint(mask * drawn + (1 - mask) * pixels), dtype=np.uint8)


def chosen(samples: Sequence[Sample], rng: np.random.Generator) -> Iterator[Sample]:
    """Up to `PER_SET` reals of each set of the train split, in random order; small sets come more than once."""
    for name in sorted({sample.set for sample in samples}):
        mine = [sample for sample in samples if sample.set == name]
        order = np.concatenate([rng.permutation(len(mine)) for _ in range(2)])
        yield from (mine[int(index)] for index in order[:PER_SET])


def write_twins(samples: Sequence[Sample], root: Path, out: Path, zoo: Sequence[Autoencoder], *, seed: int) -> int:
    """Writes a PNG and an index row for every twin; `attrs` of a row is the file of its real. Returns how many."""
    rng, count = np.random.default_rng(seed), 0
    with (out / "twins.jsonl").open("w") as index:
        for count, sample in enumerate(chosen(samples, rng), start=1):
            assert sample.face is not None  # noqa: S101 - read_faces leaves others out
            model = zoo[int(rng.integers(len(zoo)))]
            drawn = twin(model, read_pixels(root / sample.file), sample.face, rng=rng)
            path = out / f"{count:05d}.png"
            cv2.imwrite(str(path), cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
            row = Sample(str(path), sample.set, "train", "twin", sample.group, sample.file, sample.face)
            index.write(json.dumps(_row(row, sample.face)) + "\n")
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=6.0, help="training time of the whole zoo")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    reals = [sample for sample in read_faces(args.faces) if sample.split == "train" and sample.real]
    rng = np.random.default_rng(args.seed)
    pictures = [read_pixels(args.root / reals[int(i)].file) for i in rng.permutation(len(reals))[:PICTURES]]
    seconds = 60 * args.minutes / len(DESIGNS)
    zoo = [copy for number, d in enumerate(DESIGNS) for copy in grow(d, pictures, seconds=seconds, seed=number)]
    print(f"{write_twins(reals, args.root, args.out, zoo, seed=args.seed)} twins by {len(zoo)} decoders")


if __name__ == "__main__":
    main()
