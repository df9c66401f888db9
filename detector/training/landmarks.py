"""Trains the dense landmark network on faces that `detector.training.mesh_teacher` labelled.

    python -m detector.training.landmarks TRAIN.npz TEST.npz OUT_FOLDER --minutes 40

The shape model is the principal components of the labels after the same jitter as in training, so that it can place
every face that a finder may hand over, off centre, turned or too close. The card is written from the test split.
"""

import argparse
import hashlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import tomli_w
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from detector.classifier.network import to_input
from detector.landmark_network import SHAPES, MeshNet
from detector.landmarks import CARD, LandmarkFinder, eye_distance
from detector.mesh_topology import (
    CROP_SIDE,
    INNER_LIPS,
    LEFT_EYE,
    LEFT_EYE_RIM,
    MESH,
    OUTER_LIPS,
    RIGHT_EYE,
    RIGHT_EYE_RIM,
)
from detector.training.degrade import compress, recolour
from detector.training.mesh_teacher import STORED, STORED_MARGIN, Labelled, Mesh
from detector.training.pretrained import load_leading
from detector.training.train import rate_at, save, update_average
from detector.types import Pixels

FILE: Final = "landmarks.safetensors"
BATCH: Final = 32
PEAK_RATE: Final = 2e-3
MARGINS: Final = (1.1, 1.8)
TURN: Final = 12.0
"""Degrees, one deviation."""
SHIFT: Final = 0.06
"""Crop widths, one deviation."""
ERASE_SHARE: Final = 0.3
DRAWS: Final = 20_000
"""Jittered labels that the shape model comes from."""
DEPTH_WEIGHT: Final = 0.5
CAREFUL_WEIGHT: Final = 3.0
CAREFUL: Final = (*LEFT_EYE_RIM, *RIGHT_EYE_RIM, *OUTER_LIPS, *INNER_LIPS)
"""Where an error shows."""


@dataclass(frozen=True, slots=True)
class View:
    """How a labelled crop is cut for the network: `matrix` 2 3 from stored to input pixels, and its scale."""

    matrix: NDArray[np.float64]
    scale: float
    mirrored: bool


def draw_view(rng: np.random.Generator) -> View:
    scale = CROP_SIDE / STORED * STORED_MARGIN / rng.uniform(*MARGINS)
    matrix = cv2.getRotationMatrix2D((STORED / 2, STORED / 2), float(rng.normal(0, TURN)), scale)
    matrix[:, 2] += CROP_SIDE / 2 - STORED / 2 + rng.normal(0, SHIFT * CROP_SIDE, 2)
    return View(np.asarray(matrix), float(scale), bool(rng.random() < 0.5))


def target(meshes: Mesh, view: View) -> Mesh:
    """Mesh (468 3) in crop widths for `view` of a crop with `meshes` (2 468 3)."""
    mesh = meshes[int(view.mirrored)]
    flat = mesh[:, :2] @ view.matrix[:, :2].T + view.matrix[:, 2]
    depth = (mesh[:, 2:] - mesh[:, 2].mean()) * view.scale
    return (np.concatenate([flat - CROP_SIDE / 2, depth], axis=1) / CROP_SIDE).astype(np.float32)


def picture(crop: Pixels, view: View, rng: np.random.Generator) -> Pixels:
    """The crop as `view` shows it, delivered and lit at random, sometimes partly covered."""
    seen = np.ascontiguousarray(crop[:, ::-1]) if view.mirrored else crop
    seen = np.asarray(
        cv2.warpAffine(seen, view.matrix, (CROP_SIDE, CROP_SIDE), borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )
    seen = recolour(seen, rng=rng)
    if rng.random() < 0.3:
        seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.4, 2.0)), np.uint8)
    if rng.random() < 0.3:
        seen = compress(seen, quality=int(rng.integers(25, 90)))
    if rng.random() < ERASE_SHARE:
        height, width = (int(v) for v in rng.uniform(0.1, 0.4, 2) * CROP_SIDE)
        y, x = int(rng.integers(CROP_SIDE - height)), int(rng.integers(CROP_SIDE - width))
        seen = seen.copy()
        seen[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    return seen


def shape_model(labelled: Labelled, *, seed: int) -> tuple[Mesh, Mesh]:
    """Mean (1404) and basis (`SHAPES` 1404, per deviation) of jittered labels."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(labelled.meshes), DRAWS)
    drawn = np.stack([target(labelled.meshes[row], draw_view(rng)).ravel() for row in rows])
    mean = drawn.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((drawn - mean).T, dtype=np.float64))
    leading = np.argsort(values)[::-1][:SHAPES]
    basis = (vectors[:, leading] * np.sqrt(values[leading])).T
    left = 1 - values[leading].sum() / values.sum()
    print(f"the shape model leaves {100 * left:.5f} % of the variance", file=sys.stderr, flush=True)
    return mean.astype(np.float32), basis.astype(np.float32)


def loss_of(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean distance per coordinate over that between the eyes, rims of eyes and lips counted more."""
    eyes = [wanted[:, list(ids), :2].mean(dim=1) for ids in (LEFT_EYE, RIGHT_EYE)]
    apart = (eyes[0] - eyes[1]).norm(dim=1).clamp(min=0.1)
    weight = torch.ones(MESH, 3)
    weight[list(CAREFUL)] = CAREFUL_WEIGHT
    weight[:, 2] *= DEPTH_WEIGHT
    each = ((found - wanted).abs() * weight).sum(dim=(1, 2)) / weight.sum()
    loss: Tensor = (each / apart).mean()
    return loss


def build(start: Path | None, labelled: Labelled, *, seed: int) -> MeshNet:
    """The network, from ImageNet and with a shape model of `labelled`, or from the earlier weights at `start`."""
    model = MeshNet()
    if start is not None:
        model.load_state_dict({name: value.float() for name, value in load_file(start).items()}, strict=False)
        return model
    load_leading(torch.nn.Sequential(model.stem, model.stages))
    mean, basis = shape_model(labelled, seed=seed)
    model.mean.copy_(torch.from_numpy(mean))  # type: ignore[operator]
    model.basis.copy_(torch.from_numpy(basis))  # type: ignore[operator]
    return model


def train(model: MeshNet, labelled: Labelled, out: Path, *, minutes: float, seed: int, peak: float) -> int:
    """Trains for `minutes`, writes averaged weights every 500 steps and returns the steps done."""
    rng = np.random.default_rng(seed)
    average = {name: value.detach().clone().float() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=0.01)
    start, step, recent = time.monotonic(), 0, 0.0
    while (progress := (time.monotonic() - start) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = peak * rate_at(progress)
        views = [draw_view(rng) for _ in range(BATCH)]
        rows = rng.integers(0, len(labelled.crops), BATCH)
        seen = to_input([picture(labelled.crops[row], view, rng) for row, view in zip(rows, views, strict=True)])
        wanted = np.stack([target(labelled.meshes[row], view) for row, view in zip(rows, views, strict=True)])
        loss = loss_of(model(seen), torch.from_numpy(wanted))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step, recent = step + 1, 0.99 * recent + 0.01 * loss.item()
        update_average(average, model, step)
        if step % 50 == 0:
            print(f"{step} {progress:.3f} {recent / (1 - 0.99**step):.5f}", file=sys.stderr, flush=True)
        if step % 500 == 0:
            save(average, out / FILE)
    save(average, out / FILE)
    return step


def errors(finder: LandmarkFinder, labelled: Labelled, *, seed: int) -> dict[str, list[float]]:
    """Error of each test face over the distance between its eyes, from a first guess as jittered as in training."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {"points": [], "eyes_and_lips": [], "depth": []}
    for crop, meshes in zip(labelled.crops, labelled.meshes, strict=True):
        view = draw_view(rng)
        seen = np.ascontiguousarray(crop[:, ::-1]) if view.mirrored else crop
        wanted = meshes[int(view.mirrored)].copy()
        wanted[:, 2] -= wanted[:, 2].mean()
        off = finder.follow(seen, view.matrix) - wanted
        apart = eye_distance(wanted)
        flat = np.linalg.norm(off[:, :2], axis=1)
        found["points"].append(float(flat.mean()) / apart)
        found["eyes_and_lips"].append(float(flat[list(CAREFUL)].mean()) / apart)
        found["depth"].append(float(np.abs(off[:, 2]).mean()) / apart)
    return found


def write_card(folder: Path, measured: dict[str, list[float]], *, steps: int, trained_on: int) -> dict[str, Any]:
    """The card beside the weights in `folder`."""
    document = _card(folder / FILE, measured, steps=steps, trained_on=trained_on)
    (folder / CARD).write_text(tomli_w.dumps(document))
    return document


def _card(path: Path, measured: dict[str, list[float]], *, steps: int, trained_on: int) -> dict[str, Any]:
    summary = {
        name: {"median": round(float(np.median(v)), 4), "mean": round(float(np.mean(v)), 4)} | _tail(v)
        for name, v in measured.items()
    }
    return {
        "model": {
            "name": "face_mesh_468.2026_11",
            "kind": "dense landmarks",
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "licence": "Apache-2.0 (code, ImageNet start and teacher); trained on research-only face sets, see data",
        },
        "data": {
            "sets": f"{trained_on} faces of all sets, real and synthetic, and mirrored; see datasets/README.md",
            "labels": "MediaPipe face mesh (Apache-2.0); what it gets wrong is learnt as well",
            "terms": "some sets are for research only or state no terms; train on your own for other uses",
            "splits": "trained on train, measured on test; a group is in one split only",
            "steps": steps,
        },
        "limits": {
            "meaning": "Errors are distances from the teacher's points, not from points that people set.",
            "pose": "Beyond about 60 degrees of turn the hidden half is guessed.",
            "depth": "Depth has the picture's unit and no origin; it is the teacher's guess from one picture.",
        },
        "metrics": {
            "split": "test",
            "faces": len(measured.get("points", ())),
            "unit": "share of the distance between the eyes",
        }
        | summary,
    }


def _tail(values: list[float]) -> dict[str, float]:
    return {"p95": round(float(np.quantile(values, 0.95)), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("train", "test", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="earlier weights to go on from, their shape model included")
    parser.add_argument("--measure", type=int, metavar="STEPS", help="only measure weights of so many steps, in OUT")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="peak learning rate")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    labelled, held = Labelled.load(args.train), Labelled.load(args.test)
    model = build(args.start, labelled, seed=args.seed)
    steps = args.measure or train(
        model.train(), labelled, args.out, minutes=args.minutes, seed=args.seed, peak=args.rate
    )
    write_card(args.out, {}, steps=steps, trained_on=len(labelled.crops))
    measured = errors(LandmarkFinder(args.out), held, seed=1)
    document = write_card(args.out, measured, steps=steps, trained_on=len(labelled.crops))
    print(tomli_w.dumps(document["metrics"]))


if __name__ == "__main__":
    main()
