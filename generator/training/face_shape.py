"""Fits the statistical 3D shape of a face: its mean, how faces differ, which point mirrors which, and its triangles.

    python -m generator.training.face_shape PORTRAITS.npz OUT_FOLDER

`PORTRAITS.npz` is what `detector.training.mesh_teacher` wrote; of its sets only `SETS` are used, whose people do not
exist.
"""

import argparse
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomli_w
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from detector.mesh_topology import LEFT_EYE, OVAL, RIGHT_EYE
from generator.portrait.face_shape import EYES_APART_MM, MODEL, fit_similarity
from generator.training.export import write_tensors
from generator.training.fit import mirror_map

SETS: Final = ("stylegan2_portraits",)
NUMBERS: Final = 40
ROUNDS: Final = 4
MAX_TURN: Final = 0.35
"""Radians of turn or nod beyond which a portrait is left out: the teacher's depth is a guess."""

Meshes = NDArray[np.float64]


def aligned(meshes: Meshes, mirror: NDArray[np.int64]) -> tuple[Meshes, Meshes]:
    """Meshes and their mirror images in one pose and size (2N P 3, mm), and their symmetric mean (P 3)."""
    every = np.concatenate([meshes, (meshes * [-1.0, 1.0, 1.0])[:, mirror]])
    every = every - every.mean(axis=1, keepdims=True)
    mean = every[0]
    for _ in range(ROUNDS):
        every = np.stack([_moved(mesh, mean) for mesh in every])
        mean = every.mean(axis=0)
        mean = _sized((mean + (mean * [-1.0, 1.0, 1.0])[mirror]) / 2)
    return every, mean


def triangles(mean: Meshes) -> NDArray[np.int64]:
    """Faces (T 3) of the mesh, seen from the front, inside its outline; turned so that normals point at the viewer."""
    found = Delaunay(mean[:, :2]).simplices
    middles = mean[found][:, :, :2].mean(axis=1)
    kept = found[_inside(middles, mean[list(OVAL), :2])]
    a, b, c = (mean[kept[:, i], :2] for i in range(3))
    turned = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0] > 0
    kept[turned] = kept[turned][:, ::-1]
    result: NDArray[np.int64] = kept.astype(np.int64)
    return result


def fit(meshes: Meshes) -> dict[str, NDArray[Any]]:
    """The arrays of the model, from `meshes` N P 3 in pixels."""
    mirror = mirror_map(meshes[:, :, :2].mean(axis=0))
    every, mean = aligned(meshes, mirror)
    every = every[[_frontal(mesh, mean) for mesh in np.concatenate([meshes, (meshes * [-1.0, 1.0, 1.0])[:, mirror]])]]
    rows = (every - mean).reshape(len(every), -1)
    _, spread, directions = np.linalg.svd(rows, full_matrices=False)
    deviations = spread[:NUMBERS] / np.sqrt(len(rows))
    kept = float((spread[:NUMBERS] ** 2).sum() / (spread**2).sum())
    print(f"{len(rows)} meshes, {NUMBERS} numbers hold {100 * kept:.1f} % of the variance")
    return {
        "mean": mean.astype(np.float32),
        "basis": (directions[:NUMBERS] * deviations[:, None]).reshape(NUMBERS, -1, 3).astype(np.float16),
        "mirror": mirror.astype(np.int32),
        "triangles": triangles(mean).astype(np.int32),
    }


def _moved(mesh: Meshes, onto: Meshes) -> Meshes:
    turn, scale, shift = fit_similarity(mesh, onto)
    result: Meshes = scale * mesh @ turn.T + shift
    return result


def _sized(mean: Meshes) -> Meshes:
    """`mean` with its eyes `EYES_APART_MM` apart and its middle at the origin."""
    across = mean[list(RIGHT_EYE)].mean(axis=0) - mean[list(LEFT_EYE)].mean(axis=0)
    centred = mean - mean.mean(axis=0)
    result: Meshes = centred * (EYES_APART_MM / np.linalg.norm(across))
    return result


def _frontal(mesh: Meshes, mean: Meshes) -> bool:
    turn = fit_similarity(mean, mesh - mesh.mean(axis=0))[0]
    return bool(turn[2, 2] > np.cos(MAX_TURN))


def _inside(points: Meshes, outline: Meshes) -> NDArray[np.bool_]:
    """Which `points` (N 2) lie in the polygon `outline` (K 2): an odd number of its sides lies to their right."""
    x, y = points[:, :1], points[:, 1:]
    (x0, y0), (x1, y1) = outline.T, np.roll(outline, -1, axis=0).T
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    result: NDArray[np.bool_] = crossed.sum(axis=1) % 2 == 1
    return result


def card(file: str, sha256: str, used: int) -> dict[str, Any]:
    return {
        "model": {
            "name": "face_shape.2026_11",
            "kind": "statistical 3D shape of a face",
            "file": file,
            "sha256": sha256,
            "size": f"{NUMBERS} numbers over 468 points",
            "licence": "Apache-2.0, as far as the terms of the data allow",
        },
        "data": {
            "set": f"StyleGAN2 studio portraits: {used} of the training split, and their mirror images",
            "people": "None is real: the portraits are themselves synthetic.",
            "terms": "The portraits carry no licence statement.",
            "landmarks": "MediaPipe face mesh (Apache-2.0), depth included: its guess from one picture",
        },
        "limits": {
            "scale": f"Millimetres assume eye centres {EYES_APART_MM:g} mm apart; adults range from 54 to 74.",
            "depth": "How far a nose or chin stands out is guessed from one view, and drawn towards the average.",
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with np.load(args.portraits) as data:
        used = np.isin(data["sets"], SETS)
        meshes = data["meshes"][used, 0].astype(np.float64)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{MODEL}.safetensors"
    sha256 = write_tensors(fit(meshes), path)
    (args.out / f"{MODEL}.card.toml").write_text(tomli_w.dumps(card(path.name, sha256, int(used.sum()))))


if __name__ == "__main__":
    main()
