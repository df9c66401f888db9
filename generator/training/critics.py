"""Who judges what the networks draw: fixed ImageNet features with small heads on them, and a critic of patches.

The heads see fixed random projections of the features (after Sauer et al., "Projected GANs Converge Faster", 2021), so
one pass through the backbone serves perceptual loss and critic. Pictures are shifted and tinted before either looks
(after Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020): there are few portraits.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, pad, relu
from torch.nn.utils.parametrizations import spectral_norm

from generator.training.backbone import WIDTHS, Eye

SCALE_WEIGHTS: Final = (1.0, 1.0, 1.0, 1.0, 0.5)
PROJECTED: Final = 64
PATCH_WIDTHS: Final = (32, 64, 128, 128)
SHIFT: Final = 12
"""Most pixels that pictures are moved by."""
LIGHTER, FLATTER, PALER = 0.1, 0.2, 0.4
"""Most that lightness, contrast and saturation change."""
LARGEST_GRADIENT: Final = 5.0


class Critic(nn.Module):
    """Spectrally normalised heads on fixed random projections of strides 4 to 32; higher means more real."""

    def __init__(self) -> None:
        super().__init__()
        self.mixers = nn.ModuleList([nn.Conv2d(width, PROJECTED, 1, bias=False) for width in WIDTHS[1:]])
        self.mixers.requires_grad_(False)
        self.heads = nn.ModuleList(_head() for _ in WIDTHS[1:])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        scores = []
        for features, mixer, head in zip(maps[1:], self.mixers, self.heads, strict=True):
            scores.append(head(mixer(features)))
        return scores


class PatchCritic(nn.Module):
    """Pictures B 3 H W in 0–1 → one score for each patch of 70 px (after Isola et al., "pix2pix", 2017)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for number, width in enumerate(PATCH_WIDTHS):
            stride = 2 if number < len(PATCH_WIDTHS) - 1 else 1
            layers += [spectral_norm(nn.Conv2d(before, width, 4, stride=stride, padding=1)), nn.LeakyReLU(0.2)]
            before = width
        self.net = nn.Sequential(*layers, spectral_norm(nn.Conv2d(before, 1, 4, padding=1)))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return [self.net(2 * pictures - 1)]


def _head() -> nn.Sequential:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(PROJECTED, PROJECTED, 3, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(PROJECTED, 1, 1)),
    )


class Gaze:
    """The fixed eye and the spread of each of its channels on portraits, by which distances are measured."""

    def __init__(self, pictures: Tensor) -> None:
        self._eye = Eye().to(pictures.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.no_grad():
            chunks = [self._eye(pictures[start : start + 32]) for start in range(0, len(pictures), 32)]
        joined = [torch.cat(maps) for maps in zip(*chunks, strict=True)]
        self._scales = [maps.std((0, 2, 3), keepdim=True) + 1e-4 for maps in joined]

    def see(self, pictures: Tensor) -> list[Tensor]:
        maps = self._eye(pictures.contiguous(memory_format=torch.channels_last))
        return [features.float() / scale for features, scale in zip(maps, self._scales, strict=True)]


def perceptual(output: list[Tensor], target: list[Tensor]) -> Tensor:
    """Weighted mean distance of normalised features over the five scales."""
    terms = [weight * l1_loss(a, b) for weight, a, b in zip(SCALE_WEIGHTS, output, target, strict=True)]
    return torch.stack(terms).sum()


def praise(scores: list[Tensor]) -> Tensor:
    """What a drawing network wants more of."""
    return torch.stack([score.float().mean() for score in scores]).sum()


def hinge(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """What a critic wants less of."""
    terms = [relu(1 + score.float()).mean() for score in fake] + [relu(1 - score.float()).mean() for score in real]
    return torch.stack(terms).sum()


def descend(network: nn.Module, steps: torch.optim.Optimizer, loss: Tensor) -> None:
    """One bounded step down the gradient of `loss`."""
    steps.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
    steps.step()


def disturbed(fakes: Tensor, reals: Tensor) -> tuple[Tensor, Tensor]:
    """Both batches shifted and tinted alike: row i of `reals` (B' 3 H W, B' ≤ B) as row i of `fakes` (B 3 H W)."""
    down, right = (int(value) for value in torch.randint(0, 2 * SHIFT + 1, (2,)))
    light, flat, pale = (
        (1 + most * (2 * torch.rand(len(fakes), 1, 1, 1, device=fakes.device) - 1))
        for most in (LIGHTER, FLATTER, PALER)
    )

    def moved(pictures: Tensor) -> Tensor:
        height, width = pictures.shape[2:]
        wide = pad(pictures, (SHIFT,) * 4, mode="replicate")[:, :, down : down + height, right : right + width]
        mine = slice(len(pictures))
        grey = wide.mean(1, keepdim=True)
        coloured = grey + pale[mine] * (wide - grey)
        middle = coloured.mean((1, 2, 3), keepdim=True)
        return middle + flat[mine] * (coloured - middle) + (light[mine] - 1)

    return moved(fakes), moved(reals)
