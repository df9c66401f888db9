"""The training pictures in memory, drawn so that a fake stands beside the real photo that it was made from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detector.training.data import Sample, read_pixels
from detector.types import Face, Pixels


@dataclass(frozen=True, slots=True)
class Example:
    pixels: Pixels
    face: Face
    family: str


class Faces:
    """Every sample's pixels, and draws from them by family, by set and by pair."""

    def __init__(self, samples: list[Sample], root: Path, *, rng: np.random.Generator) -> None:
        self._rng = rng
        self._pixels = {sample.file: read_pixels(root / sample.file) for sample in samples}
        self._by_family: dict[str, list[Sample]] = {}
        self._reals: dict[str, list[Sample]] = {}
        self._real_of = {sample.group: sample for sample in samples if sample.real}
        for sample in samples:
            self._by_family.setdefault(sample.family, []).append(sample)
            if sample.real:
                self._reals.setdefault(sample.set, []).append(sample)

    def fake(self, family: str) -> Sample | None:
        return self._draw(self._by_family.get(family, []))

    def real(self, name: str) -> Sample | None:
        return self._draw(self._reals.get(name, []))

    def real_of(self, fake: Sample) -> Sample | None:
        return self._real_of.get(fake.group)

    def any_real(self) -> Sample:
        """A real photo, every set alike likely whatever its size."""
        names = sorted(self._reals)
        sample = self.real(names[int(self._rng.integers(len(names)))])
        assert sample is not None  # noqa: S101 - a name is only there with a sample
        return sample

    def example(self, sample: Sample) -> Example:
        assert sample.face is not None  # noqa: S101 - read_faces leaves others out
        return Example(self._pixels[sample.file], sample.face, sample.family)

    def _draw(self, samples: list[Sample]) -> Sample | None:
        return samples[int(self._rng.integers(len(samples)))] if samples else None
