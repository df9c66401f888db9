"""Measures where an expert is at home: the spread of its features over the training faces, kept inside its weight file.

    python -m detector.training.domain CARD.toml FACES.jsonl ROOT

Run after training and before scoring, since it changes the weight file and with it the checksum in the card.
"""

import argparse
import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from detector.classifier.domain import PREFIX, Domain, fit_domain
from detector.classifier.registry import load_expert
from detector.classifier.scorer import Expert
from detector.training.data import Sample, read_faces, read_pixels
from detector.training.degrade import degrade
from detector.types import Face, Tier

FACES: Final = 2400
"""Training faces looked at: fifty an axis."""
TIER_SHARES: Final = {Tier.CLEAN: 0.5, Tier.WEB: 0.3, Tier.HARD: 0.2}


def look(expert: Expert, samples: list[Sample], root: Path, rng: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    """Features of each sample's face after a random delivery."""
    for sample in samples:
        tier = Tier(rng.choice([str(t) for t in TIER_SHARES], p=list(TIER_SHARES.values())))
        original = read_pixels(root / sample.file)
        pixels = degrade(original, tier=tier, rng=rng)
        assert sample.face is not None  # noqa: S101 - read_faces leaves others out
        face = scaled(sample.face, pixels.shape[1] / original.shape[1])
        features = expert.read([expert.prepare(pixels, face)]).features
        if features is not None:
            yield features[0]


def scaled(face: Face, scale: float) -> Face:
    """`face` in a picture `scale` times as large."""
    x0, y0, x1, y1 = (v * scale for v in face.box)
    return Face((x0, y0, x1, y1), tuple((x * scale, y * scale) for x, y in face.landmarks), face.confidence)


def choose(samples: list[Sample], *, families: tuple[str, ...], rng: np.random.Generator) -> list[Sample]:
    """Reals and the expert's own families from the train split, each family alike often as far as it goes."""
    mine = [s for s in samples if s.split == "train" and (s.real or s.family in families)]
    rng.shuffle(mine)
    names = sorted({s.family for s in mine})
    quota = {name: FACES // 2 if name == "real" else FACES // (2 * max(1, len(names) - 1)) for name in names}
    return [s for name in names for s in [m for m in mine if m.family == name][: quota[name]]]


def measure(card_path: Path, faces: Path, root: Path, *, seed: int = 0) -> Domain:
    expert, rng = load_expert(card_path, device="cpu"), np.random.default_rng(seed)
    samples = choose(list(read_faces(faces)), families=expert.card.families, rng=rng)
    names = sorted({s.family for s in samples})
    features = np.stack(list(look(expert, samples, root, rng)))
    return fit_domain(features, np.array([names.index(s.family) for s in samples]))


def write_into(card_path: Path, domain: Domain) -> None:
    """Puts `domain` into the weight file of the card, and the file's new checksum into the card."""
    table = tomllib.loads(card_path.read_text(encoding="utf-8"))
    path = card_path.parent / table["model"]["file"]
    tensors = {name: value for name, value in load_file(path).items() if not name.startswith(PREFIX)}
    tensors |= {PREFIX + name: torch.from_numpy(getattr(domain, name)).half().contiguous() for name in Domain.__slots__}
    save_file(tensors, path)
    table["model"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    card_path.write_text(tomli_w.dumps(table), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("card", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("root", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    write_into(args.card, measure(args.card, args.faces, args.root))


if __name__ == "__main__":
    main()
