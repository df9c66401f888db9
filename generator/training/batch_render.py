"""The appearance model's rendering for a whole batch on any device: thousands of pictures a second on a GPU.

Training alone needs it; the backend renders one face at a time with `generator.appearance`, and both agree (tested).
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, grid_sample, interpolate, pad

from generator.appearance import CHANNELS, FIELD_BLUR, FRAME, HAIR_NUMBERS, HAIR_SIDE, INVERSE_STEPS, Appearance

BLUR_REACH: Final = 5
"""Pixels on each side that OpenCV's Gaussian of `FIELD_BLUR` takes in, floats given."""


class BatchRenderer(nn.Module):
    """The tensors of an appearance model as buffers, so that they move with `.to(device)`."""

    mean_points: Tensor
    corners: Tensor
    shares: Tensor
    shape_basis: Tensor
    mean_texture: Tensor
    hair_basis: Tensor
    face_basis: Tensor
    blur: Tensor
    grid: Tensor

    def __init__(self, appearance: Appearance) -> None:
        super().__init__()
        mesh = appearance.mesh
        self.register_buffer("mean_points", torch.from_numpy(mesh.points))
        self.register_buffer("corners", torch.from_numpy(mesh.corners))
        self.register_buffer("shares", torch.from_numpy(mesh.shares))
        self.register_buffer("shape_basis", torch.from_numpy(appearance.shape_basis))
        self.register_buffer("mean_texture", torch.from_numpy(appearance.mean_texture).permute(2, 0, 1).contiguous())
        self.register_buffer("hair_basis", torch.from_numpy(appearance.hair_basis))
        self.register_buffer("face_basis", torch.from_numpy(appearance.face_basis))
        self._box = appearance.face_box
        steps = torch.arange(-BLUR_REACH, BLUR_REACH + 1)
        bell = torch.exp(-(steps**2) / (2 * FIELD_BLUR**2))
        self.register_buffer("blur", bell / bell.sum())
        axis = torch.arange(FRAME, dtype=torch.float32)
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        self.register_buffer("grid", torch.stack([columns, rows]))

    @torch.no_grad()
    def forward(self, shapes: Tensor, textures: Tensor) -> Tensor:
        """Shape numbers B S and texture numbers B T → smooth cut-outs B 4 F F, 0–1."""
        field, source = self._displacement(shapes), self.grid.expand(len(shapes), -1, -1, -1)
        for _ in range(INVERSE_STEPS):
            source = self.grid - _sample(field, source)
        return _sample(self._texture(textures), source).clamp(0, 1)

    def _texture(self, numbers: Tensor) -> Tensor:
        flat = numbers[:, :HAIR_NUMBERS] @ self.hair_basis
        small = flat.view(-1, HAIR_SIDE, HAIR_SIDE, CHANNELS).permute(0, 3, 1, 2)
        whole = self.mean_texture + interpolate(small, size=(FRAME, FRAME), mode="bicubic", align_corners=False)
        top, bottom, left, right = self._box
        face = (numbers[:, HAIR_NUMBERS:] @ self.face_basis).view(-1, bottom - top, right - left, 3)
        whole[:, :3, top:bottom, left:right] += face.permute(0, 3, 1, 2)
        return whole

    def _displacement(self, shapes: Tensor) -> Tensor:
        """B 2 F F: how far each pixel of the mean shape travels."""
        moves = (shapes @ self.shape_basis).view(len(shapes), -1, 2)
        still = len(self.mean_points) - moves.shape[1]
        moved = torch.cat([moves, moves.new_zeros(len(moves), still, 2)], 1)
        field = (moved[:, self.corners] * self.shares[..., None]).sum(3).permute(0, 3, 1, 2)
        bordered = pad(field, (BLUR_REACH,) * 4, mode="reflect")
        rows = self.blur.view(1, 1, 1, -1).expand(2, 1, 1, -1)
        return conv2d(conv2d(bordered, rows, groups=2), rows.transpose(2, 3), groups=2)


def _sample(pictures: Tensor, at: Tensor) -> Tensor:
    """Bilinear values of B C F F at the pixel places B 2 F F (x, y); beyond the rim, the rim."""
    scaled = (2 * at / (FRAME - 1) - 1).permute(0, 2, 3, 1)
    return grid_sample(pictures, scaled, mode="bilinear", padding_mode="border", align_corners=True)
