"""Fits the appearance model and the sampler in closed form: two minutes of one core for a thousand portraits."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import Delaunay

from generator.appearance import FRAME, HAIR_NUMBERS, HAIR_SIDE, WALL, Floats, Mesh, pixel_grid
from generator.sampler import ETHNICITIES, MEASURES, NO_COLOUR, SEXES, hair_colour, hair_length, regressors
from generator.training.align import Portraits
from generator.training.measure import HAIR_DISTANCE, Measures, face_mask, measure

SHAPE_NUMBERS, FACE_NUMBERS = 24, 180
"""With 110 face numbers dlib takes a rebuilt face for .32 from its portrait, with 180 for .29, with 256 for .27; the
model before this one, with 146 at half the size, for .40 (means of 150 faces, 300 for the
model before)."""
FACE_GROWTH, FACE_SOFT, FACE_RIM = 5, 2.5, 0.004
"""Pixels that the face is taken larger, the Gaussian over its rim, and the weight at which it ends."""
RIM_PER_SIDE = 8
HAIR_RIDGE = 30.0
"""Penalty on what hair tells about the face; class and measures stay free, or control fades."""
SEX_RIDGE = 30.0
YAW_LIMIT = 1.3
"""Standard deviations; anchors turned further tear the far cheek, where triangles fold."""

Tensors = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the refiner's trainer needs beside the model: every portrait and its mirror image as numbers."""

    tensors: Tensors
    pictures: NDArray[np.uint8]
    """N 2F 2F 4: the portraits before the model's wall, and their shares of person; the numbers go on with their mirror
    images."""
    shapes: Floats
    textures: Floats
    conditions: Floats
    sex: NDArray[np.int64]


def fit(portraits: Portraits) -> Fitted:
    """Fits everything but the refiner to aligned portraits."""
    large = np.stack([before_model_wall(image) for image in portraits.images])
    pictures = np.stack([cv2.resize(image, (FRAME, FRAME), interpolation=cv2.INTER_AREA) for image in large])
    points = portraits.points
    partner = mirror_map(points.mean(0))
    pictures = np.concatenate([pictures, pictures[:, :, ::-1]])
    flipped = points[:, partner] * np.array([-1, 1], np.float32) + np.array([FRAME - 1, 0], np.float32)
    points = np.concatenate([points, flipped]).astype(np.float32)
    sex = np.tile([SEXES.index(name) for name in portraits.sex], 2)
    ethnicity = np.tile([ETHNICITIES.index(name) for name in portraits.ethnicity], 2)

    mesh = build_mesh(points.mean(0))
    shape_basis, shapes = principal((points - points.mean(0)).reshape(len(points), -1), SHAPE_NUMBERS)
    texture, textures = _textures(pictures, points, mesh=mesh)
    measures = [measure(picture.astype(np.float32) / 255, mine) for picture, mine in zip(pictures, points, strict=True)]
    raw = np.array([_row(entry) for entry in measures], np.float32)
    raw = np.concatenate([raw, np.tile(portraits.youth, 2)[:, None]], 1)
    scaled = np.clip((raw - raw.mean(0)) / raw.std(0), -3, 3)

    tensors: Tensors = {
        "mesh.points": mesh.points,
        "mesh.corners": mesh.corners.astype(np.uint16),
        "mesh.shares": mesh.shares.astype(np.float16),
        "shape.basis": shape_basis.astype(np.float16),
    }
    tensors |= texture
    tensors |= _walls(portraits.walls)
    tensors |= _sampler(shapes, textures, measures=measures, scaled=scaled, sex=sex, ethnicity=ethnicity)
    conditions = condition_rows(sex, ethnicity, scaled)
    return Fitted(tensors, large, shapes, textures, conditions, sex)


def before_model_wall(cut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A cut-out (H W 4, colours of the person alone) with its colours before the model's wall."""
    values = cut.astype(np.float32) / np.float32(255)
    share = values[..., 3:]
    values[..., :3] = share * values[..., :3] + (1 - share) * np.float32(WALL)
    moved: NDArray[np.uint8] = np.round(255 * values).astype(np.uint8)
    return moved


def _walls(colours: NDArray[np.uint8]) -> Tensors:
    """Mean and factor of the colours (CIE Lab) of the walls behind the portraits."""
    lab = cv2.cvtColor(colours[None].astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)[0]
    factor = np.linalg.cholesky(np.cov(lab.T) + 1e-3 * np.eye(3))
    return {"wall.mean": lab.mean(0).astype(np.float32), "wall.factor": factor.astype(np.float32)}


def mirror_map(mean: Floats) -> NDArray[np.int64]:
    """For each mesh point the index of its partner on the other side of the face."""
    centre = mean[:, 0].mean()
    mirrored = mean * np.array([-1, 1]) + np.array([2 * centre, 0])
    cost = np.linalg.norm(mean[:, None] - mirrored[None], axis=2)
    partner: NDArray[np.int64] = linear_sum_assignment(cost)[1]
    return partner


def build_mesh(mean: Floats) -> Mesh:
    """Delaunay triangles over the mean face and fixed points on the rim of the picture."""
    edge = np.linspace(0, FRAME - 1, RIM_PER_SIDE, endpoint=False)
    low, high = np.zeros(RIM_PER_SIDE), np.full(RIM_PER_SIDE, FRAME - 1.0)
    back = FRAME - 1 - edge
    rim = np.concatenate([np.stack(pair, 1) for pair in ((edge, low), (high, edge), (back, high), (low, back))])
    points = np.concatenate([mean, rim]).astype(np.float32)
    triangles = Delaunay(points)
    pixels = np.clip(pixel_grid().reshape(-1, 2), 1e-3, FRAME - 1 - 1e-3)
    found = triangles.find_simplex(pixels)
    transform = triangles.transform[found]
    first = np.einsum("nij,nj->ni", transform[:, :2], pixels - transform[:, 2])
    shares = np.concatenate([first, 1 - first.sum(1, keepdims=True)], 1)
    corners = triangles.simplices[found].astype(np.int64)
    return Mesh(points, corners.reshape(FRAME, FRAME, 3), shares.reshape(FRAME, FRAME, 3).astype(np.float32))


def principal(rows: Floats, keep: int) -> tuple[Floats, Floats]:
    """Components scaled to one standard deviation (K D) and the numbers of each row (N K), by the Gram matrix."""
    values, vectors = np.linalg.eigh(rows.astype(np.float64) @ rows.T)
    values, vectors = values[::-1][:keep], vectors[:, ::-1][:, :keep]
    numbers = vectors * np.sqrt(len(rows))
    return (numbers.T @ rows / len(rows)).astype(np.float32), numbers.astype(np.float32)


def _textures(pictures: NDArray[np.uint8], points: Floats, *, mesh: Mesh) -> tuple[Tensors, Floats]:
    """Mean and components of the textures, and the numbers of each picture, those of the hair first."""
    soft = _soft_face(mesh.points[: points.shape[1]])
    top, bottom, left, right = box = _extent(soft)
    flat = np.stack([mesh.to_mean(p.astype(np.float32) / 255, mine) for p, mine in zip(pictures, points, strict=True)])
    mean = flat.mean(0)
    around = [cv2.resize((t - mean) * (1 - soft), (HAIR_SIDE, HAIR_SIDE), interpolation=cv2.INTER_AREA) for t in flat]
    within = ((flat - mean) * soft)[:, top:bottom, left:right, :3].reshape(len(flat), -1)
    tensors: Tensors = {
        "texture.mean": np.round(np.clip(mean, 0, 1) * 255).astype(np.uint8),
        "face.box": np.array(box, np.int32),
    }
    hair, locks = principal(np.stack(around).reshape(len(flat), -1), HAIR_NUMBERS)
    face, looks = principal(within, FACE_NUMBERS)
    for part, basis in (("hair", hair), ("face", face)):
        steps = np.abs(basis).max(1) / 127
        tensors[f"{part}.basis"] = np.round(basis / steps[:, None]).astype(np.int8)
        tensors[f"{part}.steps"] = steps.astype(np.float32)
    return tensors, np.concatenate([locks, looks], 1)


def _soft_face(points: Floats) -> Floats:
    """F F 1: 1 inside the face, fading to 0 around it."""
    kernel = np.ones((FACE_GROWTH, FACE_GROWTH), np.uint8)
    grown = cv2.dilate(face_mask(points).astype(np.float32), kernel)
    soft: Floats = cv2.GaussianBlur(grown, (0, 0), FACE_SOFT)[..., None]
    return soft


def _extent(soft: Floats) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(soft[..., 0] > FACE_RIM)
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def _row(measures: Measures) -> list[float]:
    lightness = (float(measures.skin[0]), float(measures.hair[0]))
    pose = (measures.yaw, measures.pitch, measures.smile, measures.mouth)
    return [*pose, *lightness, measures.hair_length, measures.beard]


def condition_rows(sex: NDArray[np.int64], ethnicity: NDArray[np.int64], scaled: Floats) -> Floats:
    """N 14: sex as ±1, ethnicity as one of four, nine measures in standard deviations."""
    return np.concatenate([2.0 * sex[:, None] - 1, np.eye(len(ETHNICITIES))[ethnicity], scaled], 1).astype(np.float32)


def _colour(measures: Measures) -> int:
    """Index into `COLOURS`, or `NO_COLOUR` where the hair could not be told from the skin."""
    bald = np.linalg.norm(measures.hair - measures.skin) < HAIR_DISTANCE
    return NO_COLOUR if bald else hair_colour(measures.hair)


def _sampler(
    shapes: Floats,
    textures: Floats,
    *,
    measures: list[Measures],
    scaled: Floats,
    sex: NDArray[np.int64],
    ethnicity: NDArray[np.int64],
) -> Tensors:
    hair, face = textures[:, :HAIR_NUMBERS], np.concatenate([shapes, textures[:, HAIR_NUMBERS:]], 1)
    straight = np.abs(scaled[:, MEASURES.index("yaw")]) < YAW_LIMIT
    tensors: Tensors = {
        "anchor.hair": hair[straight].astype(np.float16),
        "anchor.measures": scaled[straight].astype(np.float16),
        "anchor.sex": sex[straight].astype(np.uint8),
        "anchor.ethnicity": ethnicity[straight].astype(np.uint8),
        "anchor.colour": np.array([_colour(entry) for entry in measures], np.uint8)[straight],
        "anchor.length": np.array([hair_length(entry.hair_length) for entry in measures], np.uint8)[straight],
    }
    for index, name in enumerate(SEXES):
        mine = sex == index
        design = regressors(ethnicity[mine], scaled[mine], hair[mine])
        penalty = np.r_[np.full(design.shape[1] - HAIR_NUMBERS, 1e-3), np.full(HAIR_NUMBERS, HAIR_RIDGE)]
        weights = np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ face[mine])
        residual = face[mine] - design @ weights
        factor = np.linalg.cholesky(residual.T @ residual / len(residual) + 1e-6 * np.eye(residual.shape[1]))
        tensors[f"{name}.weights"] = weights.astype(np.float16)
        tensors[f"{name}.factor"] = factor.astype(np.float16)
    return tensors | _sex_axis(face, sex)


def _sex_axis(face: Floats, sex: NDArray[np.int64]) -> Tensors:
    """What tells the sexes apart in the face numbers (ridge regression of ±1 on them), its offset last."""
    design = np.concatenate([face, np.ones((len(face), 1), np.float32)], 1).astype(np.float64)
    penalty = np.diag(np.r_[np.full(face.shape[1], SEX_RIDGE), 1e-3])
    axis = np.linalg.solve(design.T @ design + penalty, design.T @ (2.0 * sex - 1))
    return {"sex.axis": axis.astype(np.float32)}
