"""The closed-form parts of the training, on made-up shapes and textures."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch.nn.functional import interpolate

from generator.appearance import FRAME
from generator.prompt_cycle import PROMPTS
from generator.training.export import write_faces, write_network
from generator.upscaler import Upscaler

HAIR = (0.05, 0.05, 0.05, 1)

pytest.importorskip("ai_edge_litert", reason="training extra")
pytest.importorskip("sklearn", reason="training extra")


def test_similarity_finds_turn_scale_and_shift() -> None:
    from generator.training.align import similarity

    source = np.array([[0, 0], [10, 0], [5, 8]], np.float32)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) * 1.7
    target = (source @ turn.T + np.array([3, -2])).astype(np.float32)
    assert np.allclose(similarity(source, target), np.c_[turn, [3, -2]], atol=1e-5)


def test_mirror_map_pairs_left_with_right() -> None:
    from generator.training.fit import mirror_map

    right = np.random.default_rng(0).uniform((70, 10), (110, 120), (20, 2)).astype(np.float32)
    left = np.array([128, 0], np.float32) + np.array([-1, 1], np.float32) * right
    assert mirror_map(np.concatenate([right, left])).tolist() == [*range(20, 40), *range(20)]


def test_principal_components_rebuild_the_rows() -> None:
    from generator.training.fit import principal

    rng = np.random.default_rng(1)
    rows = (rng.standard_normal((40, 3)) @ rng.standard_normal((3, 50))).astype(np.float32)
    rows -= rows.mean(0)
    basis, numbers = principal(rows, 3)
    assert np.allclose(numbers @ basis, rows, atol=1e-3)
    assert np.allclose(numbers.std(0), 1, atol=1e-3)


def test_mesh_over_a_face_covers_the_picture() -> None:
    from generator.training.fit import build_mesh

    mesh = build_mesh(np.random.default_rng(2).uniform(30, 100, (60, 2)).astype(np.float32))
    assert mesh.shares.shape == (FRAME, FRAME, 3)
    assert mesh.shares.min() > -1e-3
    assert np.allclose(mesh.shares.sum(2), 1, atol=1e-4)


def test_measures_see_hair_length_and_beard() -> None:
    from generator.training.measure import BEARD_POINTS, OVAL, measure

    points = np.full((468, 2), 64, np.float32)
    angle = np.linspace(-np.pi / 2, 1.5 * np.pi, len(OVAL), endpoint=False)
    points[list(OVAL)] = np.c_[64 + 28 * np.cos(angle), 70 + 38 * np.sin(angle)]
    points[[50, 280, 117, 346, 205, 425, 151, 9]] = (64, 80)
    picture = np.full((FRAME, FRAME, 4), 0.8, np.float32)
    picture[..., 3] = 0
    picture[4:40, 30:98] = HAIR
    picture[30:105, 38:90] = (0.75, 0.5, 0.4, 1)
    short = measure(picture, points)
    picture[40:120, 14:38] = picture[40:120, 90:114] = HAIR
    picture[[int(y) for y in points[list(BEARD_POINTS), 1]], [int(x) for x in points[list(BEARD_POINTS), 0]]] = HAIR
    assert short.hair[0] < 10
    assert short.hair_length < 0.05
    long = measure(picture, points)
    assert long.hair_length > 0.5
    assert long.beard > short.beard + 20


def test_a_person_is_cut_out_of_a_plain_wall() -> None:
    from generator.training.matte import cut_out
    from generator.training.measure import OVAL

    points, angle = np.full((468, 2), 128, np.float32), np.linspace(-np.pi / 2, 1.5 * np.pi, len(OVAL), endpoint=False)
    points[list(OVAL)] = np.c_[128 + 50 * np.cos(angle), 128 + 70 * np.sin(angle)]
    rng, wall = np.random.default_rng(3), np.array((190, 195, 200))
    picture = np.tile(wall, (256, 256, 1)) + rng.normal(0, 2, (256, 256, 1))
    rows, columns = np.mgrid[:256, :256]
    person = ((columns - 128) / 62) ** 2 + ((rows - 110) / 90) ** 2 < 1
    person |= (rows > 190) & (abs(columns - 128) < 30 + (rows - 190))
    picture[person] = (60, 40, 30)
    colours, share, behind = cut_out(np.clip(picture, 0, 255).astype(np.uint8), points)
    assert np.abs(share - person).mean() < 0.02
    assert np.abs(colours[110, 100] * 255 - (60, 40, 30)).max() < 8
    assert np.abs(behind.astype(int) - wall).max() < 8


def test_untrained_upscaler_is_a_bicubic_enlargement() -> None:
    picture = torch.rand(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(Upscaler()(picture), interpolate(picture, scale_factor=2.0, mode="bicubic"), atol=1e-6)


def test_exported_network_and_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    network = Upscaler()
    assert write_network(network, path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(load_file(path)) == set(network.state_dict())


def test_exported_faces_have_an_index(tmp_path: Path) -> None:
    from generator.backends.embedded import Embedded

    write_faces(Embedded.load(), tmp_path, count=2, seed=40)
    lines = (tmp_path / "index.csv").read_text().splitlines()
    assert lines[0] == "file,seed,prompt,attributes"
    assert [line.split(",")[0] for line in lines[1:]] == ["000040.png", "000041.png"]
    assert PROMPTS[1] in lines[2]
    assert (tmp_path / "000041.png").stat().st_size > 50_000
