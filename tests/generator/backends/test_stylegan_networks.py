"""The networks do what the papers say: each part against a plain computation of it, the whole by its symmetries."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from generator.backends.stylegan import Generator
from generator.backends.stylegan3_network import Synthesis3
from generator.backends.stylegan_layers import activate, convolve, convolve_up, modulate, normalised, resample
from generator.backends.stylegan_weights import read_network

PIXELS, WIDTH = 32, 16
LINE = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
TAPS = torch.outer(LINE, LINE)
KINDS = ["stylegan2", "stylegan3-t", "stylegan3-r"]
INNER = slice(8, -8)


@pytest.fixture
def load(write_network: Callable[[str], Path]) -> Callable[[str], Generator]:
    return lambda kind: Generator(read_network(write_network(kind))).eval()


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _one_by_one(pictures: Tensor, weight: Tensor, styles: Tensor, *, demodulate: bool) -> Tensor:
    """Equation 1 and 3 of the StyleGAN2 paper, a filter at a time."""
    out = []
    for picture, style in zip(pictures, styles, strict=True):
        planes = []
        for kernel in weight:
            scaled = kernel * style[:, None, None]
            if demodulate:
                scaled = scaled / math.sqrt(float(scaled.square().sum()) + 1e-8)
            planes.append(F.conv2d(picture[None], scaled[None], padding=1)[0, 0])
        out.append(torch.stack(planes))
    return torch.stack(out)


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulated_convolution_is_one_filter_a_picture(demodulate: bool) -> None:
    pictures, weight, styles = _random(3, 4, 9, 7), _random(5, 4, 3, 3, seed=1), _random(3, 4, seed=2)
    together = convolve(pictures, modulate(weight, styles, demodulate=demodulate), padding=1)
    assert torch.allclose(together, _one_by_one(pictures, weight, styles, demodulate=demodulate), atol=1e-4)


def test_demodulated_filters_have_unit_norm() -> None:
    kernels = modulate(_random(5, 4, 3, 3), _random(2, 4, seed=1) * 7, demodulate=True)
    assert torch.allclose(kernels.square().sum(dim=(2, 3, 4)), torch.ones(2, 5), atol=1e-4)


def test_convolution_upwards_is_zeros_between_pixels_and_a_true_convolution() -> None:
    pictures, kernels = _random(2, 4, 5, 6), _random(2, 3, 4, 3, 3, seed=1)
    spread = torch.zeros(2, 4, 9, 11)
    spread[:, :, ::2, ::2] = pictures
    expected = convolve(spread, kernels.flip(3, 4), padding=2)
    assert torch.allclose(convolve_up(pictures, kernels), expected, atol=1e-5)


@pytest.mark.parametrize("taps", [LINE, TAPS])
def test_a_constant_stays_constant_in_twice_the_size(taps: Tensor) -> None:
    large = resample(torch.full((1, 2, 8, 8), 0.7), taps, up=2, padding=(2, 1, 2, 1), gain=4)
    assert large.shape == (1, 2, 16, 16)
    assert torch.allclose(large[:, :, 2:-2, 2:-2], torch.tensor(0.7), atol=1e-6)


def test_doubling_keeps_a_slope_in_its_place() -> None:
    small = torch.arange(12.0).expand(1, 1, 12, 12)
    large = resample(small, TAPS, up=2, padding=(2, 1, 2, 1), gain=4)[0, 0, 12]
    expected = (torch.arange(24.0) + 0.5) / 2 - 0.5  # pixel centres, as OpenCV and the paper count them
    assert torch.allclose(large[4:-4], expected[4:-4], atol=1e-5)


def test_a_separable_filter_is_its_outer_product() -> None:
    pictures, line = _random(2, 3, 10, 11), _random(6, seed=1)
    for up, down, padding in ((2, 1, (3, 2, 4, 1)), (4, 2, (5, 5, 5, 5)), (2, 2, (-1, 3, 2, 2))):
        separate = resample(pictures, line, up=up, down=down, padding=padding, gain=3)
        joined = resample(pictures, torch.outer(line, line), up=up, down=down, padding=padding, gain=3)
        assert torch.allclose(separate, joined, atol=1e-4)


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (4, 1), (1, 2), (1, 4), (2, 2), (3, 2)])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (2, 1, 2, 1), (3, 5, 4, 0), (-1, 2, 3, -2)])
@pytest.mark.parametrize("taps", [_random(12, seed=3), _random(5, 7, seed=4)])
def test_resampling_is_zeros_between_pixels_and_a_filter(
    taps: Tensor, padding: tuple[int, int, int, int], up: int, down: int
) -> None:
    pictures = _random(2, 3, 13, 14)
    spread = torch.zeros(2, 3, 13 * up, 14 * up)
    spread[:, :, ::up, ::up] = pictures
    square = torch.outer(taps, taps) if taps.ndim == 1 else taps
    kernel = square.flip(0, 1).expand(3, 1, -1, -1)
    expected = F.conv2d(F.pad(spread, padding), kernel, groups=3)[:, :, ::down, ::down] * 2
    found = resample(pictures, taps, up=up, down=down, padding=padding, gain=2)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-4)


def test_without_a_filter_every_pixel_is_as_it_was() -> None:
    pictures = _random(1, 2, 6, 6)
    assert torch.equal(resample(pictures, None), pictures)
    assert torch.equal(resample(pictures, None, padding=(-1, 0, 0, -2)), pictures[:, :, :-2, 1:])


def test_activation_gives_back_what_the_slope_takes_and_is_clamped() -> None:
    values = _random(100_000)
    assert float(activate(values, clamp=None).square().mean()) == pytest.approx(1.04, abs=0.02)
    assert float(activate(values * 1000, clamp=256).abs().max()) == 256
    assert torch.allclose(normalised(_random(4, 9)).square().mean(dim=1), torch.ones(4), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_in_use_and_the_picture_has_its_size(load: Callable[[str], Generator], kind: str) -> None:
    with torch.inference_mode():
        pictures = load(kind)(_random(2, WIDTH), chosen=None, truncation=0.7)
    assert pictures.shape == (2, 3, PIXELS, PIXELS)
    assert torch.isfinite(pictures).all()
    assert float((pictures[0] - pictures[1]).abs().mean()) > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_pictures_one_by_one(load: Callable[[str], Generator], kind: str) -> None:
    network, z = load(kind), _random(3, WIDTH)
    with torch.inference_mode():
        together = network(z, chosen=None, truncation=1.0)
        alone = torch.cat([network(z[index : index + 1], chosen=None, truncation=1.0) for index in range(3)])
    assert torch.allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_truncation_draws_towards_the_average(load: Callable[[str], Generator], kind: str) -> None:
    mapping, z = load(kind).mapping, _random(5, WIDTH)
    free, average, half = (mapping(z, chosen=None, truncation=psi) for psi in (1.0, 0.0, 0.5))
    assert torch.allclose(average, mapping.w_avg.expand(5, -1))
    assert torch.allclose(half, (free + average) / 2, atol=1e-6)
    assert float((free - average).abs().mean()) > 0.05


def _moved(synthesis: Synthesis3, transform: list[list[float]], styles: Tensor) -> Tensor:
    synthesis.input.transform.copy_(torch.tensor(transform))
    with torch.inference_mode():
        pictures: Tensor = synthesis(styles)
    return pictures[0]


def _decibels(first: Tensor, second: Tensor) -> float:
    error = (first - second)[:, INNER, INNER].square().mean()
    return float(10 * torch.log10(second[:, INNER, INNER].var() / error))


@pytest.mark.parametrize("kind", ["stylegan3-t", "stylegan3-r"])
@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, -4), (2, 2)])
def test_a_shift_of_the_input_shifts_the_picture(
    load: Callable[[str], Generator], kind: str, right: int, down: int
) -> None:
    synthesis = load(kind).synthesis
    assert isinstance(synthesis, Synthesis3)
    styles = _random(1, WIDTH)
    still = _moved(synthesis, [[1, 0, 0], [0, 1, 0], [0, 0, 1]], styles)
    # The transform says where in the signal a place of the picture lies, so the picture moves the other way.
    moved = _moved(synthesis, [[1, 0, -right / PIXELS], [0, 1, -down / PIXELS], [0, 0, 1]], styles)
    followed, stayed = _decibels(moved, still.roll((down, right), (1, 2))), _decibels(moved, still)
    assert followed > 60
    assert followed > stayed + 12


def test_configuration_r_turns_with_its_input(load: Callable[[str], Generator]) -> None:
    synthesis = load("stylegan3-r").synthesis
    assert isinstance(synthesis, Synthesis3)
    styles = _random(1, WIDTH)
    still = _moved(synthesis, [[1, 0, 0], [0, 1, 0], [0, 0, 1]], styles)
    turned = _moved(synthesis, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], styles)
    assert torch.allclose(turned, still.rot90(1, (1, 2)), atol=1e-4 * float(still.abs().max()))
    slanted = math.cos(math.pi / 6), math.sin(math.pi / 6)
    other = _moved(synthesis, [[slanted[0], -slanted[1], 0], [slanted[1], slanted[0], 0], [0, 0, 1]], styles)
    assert _decibels(_rotated(other, -30), still) > 15


def _rotated(picture: Tensor, degrees: float) -> Tensor:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    theta = torch.tensor([[[cosine, -sine, 0.0], [sine, cosine, 0.0]]])
    grid = F.affine_grid(theta, [1, *picture.shape], align_corners=False)
    return F.grid_sample(picture[None], grid, mode="bicubic", align_corners=False)[0]


def test_waves_that_the_rate_cannot_carry_fade_out(load: Callable[[str], Generator]) -> None:
    synthesis = load("stylegan3-t").synthesis
    assert isinstance(synthesis, Synthesis3)
    synthesis.input.transform.copy_(torch.diag(torch.tensor([100.0, 100.0, 1.0])))
    assert float(synthesis.input(_random(1, WIDTH)).abs().max()) < 1e-6


def test_noise_is_the_stored_one(load: Callable[[str], Generator]) -> None:
    network, z = load("stylegan2"), _random(1, WIDTH)
    with torch.inference_mode():
        first, again = (network(z, chosen=None, truncation=1.0) for _ in range(2))
        for name, held in network.named_buffers():
            if name.endswith("noise_strength"):
                held.zero_()
        bare = network(z, chosen=None, truncation=1.0)
    assert torch.equal(first, again)
    assert not np.allclose(first.numpy(), bare.numpy(), atol=1e-3)
