"""Measures a thousand faces of the shipped backend against portraits that it was not trained on.

    python -m generator.training.gates TRAIN.npz HELD_OUT.npz --identities dlib_face_recognition_resnet_model_v1.dat \
        --count 1000 --out gates.json

Both archives are what `generator.training.align` makes, of the training portraits and of others. Every distance is on
features that no training saw, but for the one that says otherwise. The classes are judged by a logistic probe on the
training portraits' identities.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from generator.appearance import FRAME, Floats
from generator.backends.embedded import Embedded
from generator.prompt import FaceRequest
from generator.synthesizer import DELIVERED
from generator.training.align import Portraits
from generator.training.backbone import Eye
from generator.training.fit import before_model_wall
from generator.training.identity import Identities, frechet, mean_apart, nearest
from generator.training.measure import face_mask
from generator.training.refine import to_tensor

FACE_PROBABILITY: Final = 0.9
HAIR_SIDE: Final = 64
SIDE: Final = 2 * FRAME
BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Faces:
    """`cuts` N 256 256 4 before the model's wall, `meshes` N 468 2 in their pixels, classes N each."""

    cuts: NDArray[np.uint8]
    meshes: Floats
    sex: NDArray[np.str_]
    ethnicity: NDArray[np.str_]

    @property
    def pictures(self) -> NDArray[np.uint8]:
        return self.cuts[..., :3]


def portraits(path: Path) -> Faces:
    """Portraits as the trainer sees them."""
    read = Portraits.load(path)
    cuts = np.stack([before_model_wall(image) for image in read.images])
    return Faces(cuts, 2 * read.points + np.float32(0.5), read.sex, read.ethnicity)


def drawn(like: Faces, count: int) -> tuple[Faces, int]:
    """`count` faces of classes as common as in `like`, and in how many of them MTCNN finds exactly one face."""
    backend, finder = Embedded.load(), MTCNN(keep_all=True, post_process=False, device="cpu")
    classes = np.random.default_rng(1).choice(len(like.sex), count)
    cuts, meshes, found = [], [], 0
    for seed, index in enumerate(classes):
        asked = FaceRequest(attributes={"sex": str(like.sex[index]), "ethnicity": str(like.ethnicity[index])})
        rng = np.random.default_rng(seed)
        person = backend.person(asked, rng=rng)
        _, chances = finder.detect(backend.photo(person, rng=rng))
        found += int(sum(chance is not None and chance > FACE_PROBABILITY for chance in chances) == 1)
        cuts.append(np.round(255 * cv2.resize(person.cut, (SIDE, SIDE), interpolation=cv2.INTER_AREA)))
        meshes.append(person.mesh * np.float32(SIDE / DELIVERED))
    return Faces(np.stack(cuts).astype(np.uint8), np.stack(meshes), like.sex[classes], like.ethnicity[classes]), found


def controls(known: Faces, held: Faces, made: Faces, ids: Sequence[Floats]) -> dict[str, float]:
    """How often a probe on identities names the class of portraits that it did not see, and that was asked for."""
    result = {}
    for name in ("sex", "ethnicity"):
        probe = LogisticRegression(C=10, max_iter=2000, class_weight="balanced").fit(ids[0], getattr(known, name))
        for kind, faces, rows in (("portraits", held, ids[1]), ("drawn", made, ids[2])):
            result[f"{name}_{kind}"] = balanced_accuracy_score(getattr(faces, name), probe.predict(rows))
    return result


def hair(faces: Faces) -> Floats:
    """What lies outside the face, small: N D."""
    rows = []
    for cut, mesh in zip(faces.cuts, faces.meshes, strict=True):
        small = cv2.resize(cut, (HAIR_SIDE, HAIR_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        outside = ~face_mask(mesh * np.float32(FRAME / SIDE))
        kept = cv2.resize(outside.astype(np.float32), (HAIR_SIDE, HAIR_SIDE), interpolation=cv2.INTER_AREA)
        rows.append((small * kept[..., None]).ravel())
    return np.stack(rows)


def seen(faces: Faces) -> Floats:
    """Pooled features of the backbone that the refiner was trained with: N D."""
    eye = Eye()
    with torch.inference_mode():
        chunks = [eye(to_tensor(faces.pictures[at : at + BATCH])) for at in range(0, len(faces.pictures), BATCH)]
    return np.concatenate([np.concatenate([maps.mean((2, 3)).numpy() for maps in chunk[2:]], 1) for chunk in chunks])


def measure(known: Faces, held: Faces, made: Faces, *, found: int, identities: Identities) -> dict[str, Any]:
    """Every gate by name."""
    ids = [identities.embed_all(faces.pictures, faces.meshes) for faces in (known, held, made)]
    size = min(len(rows) for rows in ids)
    base, own = frechet(ids[0][:size], ids[1][:size]), frechet(ids[2][:size], ids[1][:size])
    low, high = binomtest(found, len(made.sex)).proportion_ci(method="wilson")
    looks = [seen(faces) for faces in (known, held, made)]
    locks = [hair(faces) for faces in (known, held, made)]
    closest = {name: nearest(rows, ids[0]) for name, rows in (("held_out", ids[1]), ("drawn", ids[2]))}
    own_hair = {name: nearest(rows, locks[0]) for name, rows in (("held_out", locks[1]), ("drawn", locks[2]))}
    result: dict[str, Any] = {
        "faces": len(made.sex),
        "one_face_found": [found / len(made.sex), low, high],
        "identity_distance": {"drawn": own, "training": base, "ratio": own / base, "sample": size},
        "apart": {"drawn": mean_apart(ids[2]), "portraits": mean_apart(ids[1])},
        "nearest_training_identity": {name: float(values.mean()) for name, values in closest.items()},
        "same_person_as_in_training": {name: float((values < 0.4).mean()) for name, values in closest.items()},
        "nearest_training_hair": {
            name: [float(value) for value in np.percentile(values, (1, 50))] for name, values in own_hair.items()
        },
        "looks_distance": {"drawn": frechet(looks[2], looks[1]), "training": frechet(looks[0], looks[1])},
    }
    return result | controls(known, held, made, ids)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("train", type=Path)
    reader.add_argument("held_out", type=Path)
    reader.add_argument("--identities", type=Path, required=True)
    reader.add_argument("--count", type=int, default=1000)
    reader.add_argument("--out", type=Path, required=True)
    asked = reader.parse_args()
    torch.set_num_threads(1)
    known, held = portraits(asked.train), portraits(asked.held_out)
    made, found = drawn(known, asked.count)
    figures = measure(known, held, made, found=found, identities=Identities(asked.identities))
    asked.out.write_text(json.dumps(figures, indent=1))
    print(asked.out.read_text())


if __name__ == "__main__":
    main()
