"""Labels faces with the dense mesh that a packaged network finds, for `detector.training.landmarks` to learn from.

    python -m detector.training.mesh_teacher FACES.jsonl ROOT face_landmark.tflite OUT.npz --split train

The teacher is MediaPipe's `face_landmark.tflite` (Apache-2.0), inside the wheel `mediapipe==0.10.14`. It is needed for
training alone; nothing of it ships.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from detector.faces import crop_face
from detector.mesh_topology import MESH
from detector.training.data import read_faces, read_pixels
from detector.types import Pixels

STORED: Final = 192
"""Side in pixels of a labelled crop."""
STORED_MARGIN: Final = 2.0
"""Side of a labelled crop over that of the face's box: room to jitter in."""
MIN_FACE: Final = 48.0
"""Pixels; the teacher's points on smaller faces wander."""
MIN_SCORE: Final = 2.0
"""Least raw face score (a logit) of a label."""
CROP_MARGIN: Final = 1.5
PASSES: Final = 3

Mesh = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Labelled:
    """`crops` N 192 192 3; `meshes` N 2 468 3 in crop pixels, of each crop and of its mirror image; `sets` N."""

    crops: NDArray[np.uint8]
    meshes: NDArray[np.float32]
    sets: NDArray[np.str_]

    def save(self, path: Path) -> None:
        np.savez(path, crops=self.crops, meshes=self.meshes, sets=self.sets)

    @classmethod
    def load(cls, path: Path) -> "Labelled":
        with np.load(path) as data:
            return cls(data["crops"], data["meshes"], data["sets"])


class MeshTeacher:
    """The packaged network on crops whose middle half holds the face."""

    def __init__(self, model: Path) -> None:
        self._net = Interpreter(model_path=str(model), num_threads=1)
        self._net.allocate_tensors()
        inputs, outputs = self._net.get_input_details(), self._net.get_output_details()
        self._input, self._side = inputs[0]["index"], int(inputs[0]["shape"][1])
        self._mesh, self._score = (entry["index"] for entry in outputs[:2])

    def find(self, crop: Pixels) -> tuple[Mesh, float]:
        """Mesh (468 3, pixels of `crop`; z has its unit and no origin) and raw score, looked at three times."""
        centre, side = np.full(2, len(crop) / 2), len(crop) / STORED_MARGIN * CROP_MARGIN
        for _ in range(PASSES):
            mesh, score = self._once(crop, centre=centre, side=side)
            low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
            centre, side = (low + high) / 2, float((high - low).max()) * CROP_MARGIN
        return mesh, score

    def _once(self, crop: Pixels, *, centre: NDArray[np.floating], side: float) -> tuple[Mesh, float]:
        scale = self._side / side
        forward = np.array([[scale, 0, self._side / 2], [0, scale, self._side / 2]])
        forward[:, 2] -= scale * centre
        seen = cv2.warpAffine(crop, forward, (self._side, self._side), flags=cv2.INTER_LINEAR)
        self._net.set_tensor(self._input, seen[None].astype(np.float32) / 255)
        self._net.invoke()
        mesh = self._net.get_tensor(self._mesh).reshape(MESH, 3) / scale
        mesh[:, :2] -= forward[:, 2] / scale
        return mesh.astype(np.float32), float(self._net.get_tensor(self._score).item())


def label(faces: Path, root: Path, teacher: MeshTeacher, *, split: str) -> Labelled:
    """Every face of `split` that is large and clear enough, with its mesh."""
    crops, meshes, sets = [], [], []
    for sample in read_faces(faces):
        if sample.split != split or sample.face is None or sample.face.size < MIN_FACE:
            continue
        crop = crop_face(read_pixels(root / sample.file), sample.face, side=STORED, margin=STORED_MARGIN)
        found = [teacher.find(np.ascontiguousarray(seen)) for seen in (crop, crop[:, ::-1])]
        if min(score for _, score in found) < MIN_SCORE:
            continue
        crops.append(crop)
        meshes.append(np.stack([mesh for mesh, _ in found]))
        sets.append(sample.set)
    return Labelled(np.stack(crops), np.stack(meshes), np.array(sets))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("faces", "root", "model", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--split", default="train")
    args = parser.parse_args()
    labelled = label(args.faces, args.root, MeshTeacher(args.model), split=args.split)
    labelled.save(args.out)
    print(f"{len(labelled.crops)} faces in {args.out}")


if __name__ == "__main__":
    main()
