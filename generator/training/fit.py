"""Fits the appearance model and the sampler in closed form: two minutes of one core for a thousand portraits."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import Delaunay

from generator.appearance import CHANNELS, FRAME, HAIR_NUMBERS, TEXTURE_SIDE, WALL, Floats, Mesh, pixel_grid
from generator.sampler import ETHNICITIES, MEASURES, NO_COLOUR, SEXES, hair_colour, hair_length, regressors
from generator.training.align import Portraits
from generator.training.measure import HAIR_DISTANCE, Measures, face_mask, measure

SHAPE_NUMBERS, TEXTURE_NUMBERS = 24, 256
RIM_PER_SIDE = 8
HAIR_RIDGE = 30.0
"""Penalty on what hair tells about the face; class and measures stay free, or control fades."""
YAW_LIMIT = 1.3
"""Standard deviations; anchors turned further tear the far cheek, where triangles fold."""

Tensors = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the refiner's trainer needs beside the model: every portrait and its mirror image as numbers."""

    tensors: Tensors
    pictures: NDArray[np.uint8]
    """M F F 4: the portraits before the model's wall and their shares of person, then their mirror images."""
    shapes: Floats
    textures: Floats
    conditions: Floats
    sex: NDArray[np.int64]


def fit(portraits: Portraits) -> Fitted:
    """Fits everything but the refiner to aligned portraits."""
    large = [before_model_wall(image) for image in portraits.images]
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
    mean, texture_basis, textures = _textures(pictures, points, mesh=mesh)
    measures = [measure(picture.astype(np.float32) / 255, mine) for picture, mine in zip(pictures, points, strict=True)]
    raw = np.array([_row(entry) for entry in measures], np.float32)
    raw = np.concatenate([raw, np.tile(portraits.youth, 2)[:, None]], 1)
    scaled = np.clip((raw - raw.mean(0)) / raw.std(0), -3, 3)

    steps = np.abs(texture_basis).max(1) / 127
    tensors: Tensors = {
        "mesh.points": mesh.points,
        "mesh.corners": mesh.corners.astype(np.uint16),
        "mesh.shares": mesh.shares.astype(np.float16),
        "shape.basis": shape_basis.astype(np.float16),
        "texture.mean": np.round(np.clip(mean, 0, 1) * 255).astype(np.uint8),
        "texture.basis": np.round(texture_basis / steps[:, None]).astype(np.int8),
        "texture.steps": steps.astype(np.float32),
    }
    tensors |= _walls(portraits.walls)
    tensors |= _sampler(shapes, textures, measures=measures, scaled=scaled, sex=sex, ethnicity=ethnicity)
    conditions = condition_rows(sex, ethnicity, scaled)
    return Fitted(tensors, pictures, shapes, textures, conditions, sex)


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


def _textures(pictures: NDArray[np.uint8], points: Floats, *, mesh: Mesh) -> tuple[Floats, Floats, Floats]:
    """Mean texture, components with hair first, and the numbers of each picture."""
    total, small = np.zeros((FRAME, FRAME, CHANNELS), np.float64), []
    for picture, mine in zip(pictures, points, strict=True):
        texture = mesh.to_mean(picture.astype(np.float32) / 255, mine)
        total += texture
        small.append(cv2.resize(texture, (TEXTURE_SIDE, TEXTURE_SIDE), interpolation=cv2.INTER_AREA).ravel())
    rows = np.stack(small)
    rows -= rows.mean(0)
    basis, numbers = principal(rows, TEXTURE_NUMBERS)
    turn, scale = _hair_first(basis, outside=~face_mask(mesh.points))
    turned = scale[:, None] * (np.linalg.pinv(turn) @ basis)
    mean = (total / len(pictures)).astype(np.float32)
    return mean, turned.astype(np.float32), (numbers @ turn / scale).astype(np.float32)


def _hair_first(basis: Floats, *, outside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Turn of unit components so that those with the most energy outside the face come first."""
    mask = cv2.resize(outside.astype(np.float32), (TEXTURE_SIDE, TEXTURE_SIDE), interpolation=cv2.INTER_AREA)
    lengths = np.linalg.norm(basis, axis=1)
    unit = basis / lengths[:, None]
    _, turn = np.linalg.eigh((unit * np.repeat(mask.ravel(), CHANNELS)) @ unit.T)
    turn = turn[:, ::-1]
    deviations = np.sqrt(((lengths[:, None] * turn) ** 2).sum(0))
    return (lengths[:, None] * turn).astype(np.float32), deviations.astype(np.float32)


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
    return tensors
