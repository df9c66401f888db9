"""Writes weights, and unmarked faces for the training of detectors; nothing else may store unmarked output.

    python -m generator.training.export faces OUT --count 600 --seed 1

Every face lies in OUT as a PNG of 512 px, with its attributes and seed in OUT/index.csv.
"""

import argparse
import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import nn

from generator.prompt import parse
from generator.prompt_cycle import PROMPTS
from generator.synthesizer import Synthesizer, open_synthesizer


def write_tensors(tensors: Mapping[str, NDArray[np.generic]], path: Path) -> str:
    """Writes a safetensors file and returns its SHA-256 for the card."""
    data = save({name: np.ascontiguousarray(values) for name, values in tensors.items()})
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def write_network(network: nn.Module, path: Path) -> str:
    """Writes a network in half precision and returns the file's SHA-256."""
    state = network.state_dict()
    return write_tensors({name: value.float().numpy().astype(np.float16) for name, value in state.items()}, path)


def write_faces(synthesizer: Synthesizer, folder: Path, *, count: int, seed: int) -> None:
    """Writes `count` unmarked faces from `seed` on, and their index."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(("file", "seed", "prompt", "attributes"))
        for number in range(count):
            prompt = PROMPTS[number % len(PROMPTS)]
            face = synthesizer.synthesise(parse(prompt), seed=seed + number)
            name = f"{seed + number:06d}.png"
            cv2.imwrite(str(folder / name), cv2.cvtColor(face.pixels, cv2.COLOR_RGB2BGR))
            kept = ";".join(f"{key}={value}" for key, value in face.attributes.items())
            rows.writerow((name, seed + number, prompt, kept))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("what", choices=["faces"])
    reader.add_argument("out", type=Path)
    reader.add_argument("--count", type=int, default=600)
    reader.add_argument("--seed", type=int, default=1)
    asked = reader.parse_args()
    write_faces(open_synthesizer(), asked.out, count=asked.count, seed=asked.seed)


if __name__ == "__main__":
    main()
