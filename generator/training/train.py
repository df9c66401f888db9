"""Fits the embedded model to any folder of portraits and writes weights and their checksums.

    python -m generator.training.train --root FOLDER --index INDEX.csv --mesh face_landmark.tflite --out OUT \
        --collection stylegan2_portraits --split train --minutes 27

INDEX.csv has the columns `file` (below FOLDER), `set`, `split` and `attrs` (`sex/ethnicity`). `face_landmark.tflite`
lies inside the wheel `mediapipe==0.10.14` (`pip download --no-deps`, then unzip). Minutes are of processor
time on the CPU, of the clock on a GPU. One thread is fastest on a shared machine. Copy the checksums that this prints
into the cards.
"""

import argparse
import sys
from pathlib import Path

import torch

from generator.training.align import Portraits, align_folder, read_index
from generator.training.enlarge import train_upscaler
from generator.training.export import write_network, write_tensors
from generator.training.fit import fit
from generator.training.refine import train
from generator.training.settle import settle


def say(text: str) -> None:
    """Progress goes to standard error."""
    print(text, file=sys.stderr, flush=True)


def portraits_of(asked: argparse.Namespace) -> Portraits:
    """Aligned portraits, from the cache in OUT if they are there."""
    cache = asked.out / "aligned.npz"
    if not cache.exists():
        rows = read_index(asked.index, split=asked.split, collection=asked.collection)
        align_folder(asked.root, rows, model=asked.mesh).save(cache)
    return Portraits.load(cache)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("root", "index", "mesh", "out"):
        reader.add_argument(f"--{name}", type=Path, required=True)
    reader.add_argument("--collection")
    reader.add_argument("--split", default="train")
    reader.add_argument("--minutes", type=float, default=27.0)
    reader.add_argument("--settle-minutes", type=float, default=40.0, help="of the refiner, without its critics")
    reader.add_argument("--start", type=Path, help="refiner checkpoint to go on from")
    reader.add_argument("--upscaler-minutes", type=float, default=6.0)
    reader.add_argument("--upscaler-start", type=Path, help="upscaler checkpoint to go on from")
    reader.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    reader.add_argument("--threads", type=int, default=1)
    reader.add_argument("--seed", type=int, default=7)
    asked = reader.parse_args()
    torch.set_num_threads(asked.threads)
    asked.out.mkdir(parents=True, exist_ok=True)
    portraits = portraits_of(asked)
    say(f"{len(portraits.images)} portraits aligned")
    fitted = fit(portraits)
    say(f"appearance.safetensors {write_tensors(fitted.tensors, asked.out / 'appearance.safetensors')}")
    checkpoint = asked.out / "refiner.pt"
    train(
        fitted,
        seconds=60 * asked.minutes,
        seed=asked.seed,
        checkpoint=checkpoint,
        log=say,
        start=asked.start,
        device=asked.device,
    )
    settled = settle(
        fitted,
        seconds=60 * asked.settle_minutes,
        seed=asked.seed,
        checkpoint=asked.out / "settled.pt",
        log=say,
        start=checkpoint,
        device=asked.device,
    )
    say(f"refiner.safetensors {write_network(settled, asked.out / 'refiner.safetensors')}")
    upscaler = train_upscaler(
        fitted.pictures,
        seconds=60 * asked.upscaler_minutes,
        seed=asked.seed,
        checkpoint=asked.out / "upscaler.pt",
        log=say,
        start=asked.upscaler_start,
        device=asked.device,
    )
    say(f"upscaler.safetensors {write_network(upscaler, asked.out / 'upscaler.safetensors')}")


if __name__ == "__main__":
    main()
