"""Delivers a picture as the web would: one random chain for both classes, so that no file habit tells them apart."""

from typing import Final

import cv2
import numpy as np

from detector.types import Pixels, Tier

TIER_SIDES: Final = {Tier.CLEAN: (0.8, 1.2), Tier.WEB: (0.5, 0.9), Tier.HARD: (0.3, 0.6)}
"""Scale drawn per tier, relative to the file in hand."""
TIER_QUALITY: Final = {Tier.CLEAN: (85, 98), Tier.WEB: (55, 85), Tier.HARD: (30, 55)}
"""JPEG quality drawn per tier."""
KERNELS: Final = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def degrade(pixels: Pixels, *, tier: Tier, rng: np.random.Generator) -> Pixels:
    """`pixels` after a random delivery of `tier`; the size changes, the framing does not."""
    pixels = _resize(pixels, scale=rng.uniform(*TIER_SIDES[tier]), rng=rng)
    if tier is not Tier.CLEAN:
        pixels = _blur_or_noise(pixels, rng=rng)
    pixels = compress(pixels, quality=int(rng.integers(*TIER_QUALITY[tier])), webp=rng.random() < 0.2)
    if tier is not Tier.CLEAN and rng.random() < 0.3:
        pixels = compress(pixels, quality=int(rng.integers(60, 96)), webp=False)
    return pixels


def compress(pixels: Pixels, *, quality: int, webp: bool = False) -> Pixels:
    """`pixels` through JPEG (4:2:0) or WebP at `quality` 1–100."""
    kind, flag = (".webp", cv2.IMWRITE_WEBP_QUALITY) if webp else (".jpg", cv2.IMWRITE_JPEG_QUALITY)
    _, data = cv2.imencode(kind, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [flag, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(np.asarray(decoded), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _resize(pixels: Pixels, *, scale: float, rng: np.random.Generator) -> Pixels:
    kernel = KERNELS[int(rng.integers(len(KERNELS)))]
    resized = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=kernel)
    return np.asarray(resized, dtype=np.uint8)


def _blur_or_noise(pixels: Pixels, *, rng: np.random.Generator) -> Pixels:
    draw = rng.random()
    if draw < 0.2:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.0)), dtype=np.uint8)
    if draw < 0.4:
        noise = rng.normal(0.0, rng.uniform(1.0, 6.0), pixels.shape)
        return np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return pixels


def recolour(pixels: Pixels, *, rng: np.random.Generator) -> Pixels:
    """Light, contrast, gamma and white balance moved a little, alike in both classes."""
    gain = rng.uniform(0.8, 1.2) * rng.uniform(0.95, 1.05, size=3)
    shifted = np.clip(pixels.astype(np.float32) * gain + rng.uniform(-12, 12), 0, 255) / 255.0
    return np.asarray(255.0 * shifted ** rng.uniform(0.85, 1.18), dtype=np.uint8)
