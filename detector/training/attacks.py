"""What happens to marked pictures on their way: each attack is one named function, the same for every watermark.

An attack gets a picture and returns another one; what it draws, it draws from the generator that it is given.
"""

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import cv2
import numpy as np
from PIL import Image

from detector.types import Pixels

WINDOW: Final = (32, 33, 36)
BORDER: Final = 24
TITLE_BAR: Final = 64
"""Pixels of window around and above the picture in a screenshot."""
SCREEN_SCALE: Final = 0.85
PERSPECTIVE: Final = 0.02
"""Share of each side by which two corners move."""
FRAMES, FRAME_NOISE, DENOISE = 3, 12.0, 6
"""Frames that are averaged, grey levels of noise in each, and the strength of the filter: more blurs skin away."""

Attack = Callable[[Pixels, np.random.Generator], Pixels]


def nothing(pixels: Pixels, _: np.random.Generator) -> Pixels:
    return pixels


def encode(pixels: Pixels, _: np.random.Generator, *, kind: str, quality: int) -> Pixels:
    """`pixels` through JPEG (4:2:0), WebP or AVIF at `quality` 1–100."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"), np.uint8)


def resize(pixels: Pixels, _: np.random.Generator, *, scale: float) -> Pixels:
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return whole(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=kernel))


def stretch(pixels: Pixels, _: np.random.Generator, *, across: float = 1.0, down: float = 1.0) -> Pixels:
    """One side scaled more than the other, as a picture is that was made to fit."""
    kernel = cv2.INTER_AREA if across * down < 1 else cv2.INTER_CUBIC
    return whole(cv2.resize(pixels, None, fx=across, fy=down, interpolation=kernel))


def crop(pixels: Pixels, rng: np.random.Generator, *, share: float) -> Pixels:
    """`share` of each side is cut away, at a random place."""
    height, width = (round(side * (1 - share)) for side in pixels.shape[:2])
    top, left = (int(rng.integers(gap + 1)) for gap in (pixels.shape[0] - height, pixels.shape[1] - width))
    return pixels[top : top + height, left : left + width].copy()


def rotate(pixels: Pixels, _: np.random.Generator, *, degrees: float) -> Pixels:
    """Turned about the middle, black corners, same size."""
    height, width = pixels.shape[:2]
    warp = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return whole(cv2.warpAffine(pixels, warp, (width, height), flags=cv2.INTER_CUBIC))


def quarter_turn(pixels: Pixels, _: np.random.Generator) -> Pixels:
    return np.rot90(pixels).copy()


def mirror(pixels: Pixels, _: np.random.Generator) -> Pixels:
    return pixels[:, ::-1].copy()


def perspective(pixels: Pixels, _: np.random.Generator, *, share: float = PERSPECTIVE) -> Pixels:
    """Seen from slightly below and beside: two corners move inwards."""
    height, width = pixels.shape[:2]
    across, down = share * width, share * height
    before = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    after = np.array([(across, down), (width, 0), (width, height), (0, height - down / 2)], np.float32)
    warp = cv2.getPerspectiveTransform(before, after)
    return whole(cv2.warpPerspective(pixels, warp, (width, height), flags=cv2.INTER_CUBIC))


def blur(pixels: Pixels, _: np.random.Generator, *, sigma: float) -> Pixels:
    return whole(cv2.GaussianBlur(pixels, (0, 0), sigma))


def sharpen(pixels: Pixels, _: np.random.Generator) -> Pixels:
    fine = pixels.astype(np.float32) - cv2.GaussianBlur(pixels, (0, 0), 2.0)
    return whole(pixels + fine)


def noise(pixels: Pixels, rng: np.random.Generator, *, sigma: float) -> Pixels:
    return whole(pixels + rng.normal(0, sigma, pixels.shape))


def median(pixels: Pixels, _: np.random.Generator, *, side: int) -> Pixels:
    return whole(cv2.medianBlur(pixels, side))


def brightness(pixels: Pixels, _: np.random.Generator, *, gain: float) -> Pixels:
    return whole(pixels * gain)


def contrast(pixels: Pixels, _: np.random.Generator, *, gain: float) -> Pixels:
    return whole((pixels - 128.0) * gain + 128.0)


def gamma(pixels: Pixels, _: np.random.Generator, *, power: float) -> Pixels:
    return whole(255 * (pixels / 255.0) ** power)


def hue(pixels: Pixels, _: np.random.Generator, *, degrees: int) -> Pixels:
    colours = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    colours[..., 0] = (colours[..., 0].astype(int) + degrees // 2) % 180
    return whole(cv2.cvtColor(colours, cv2.COLOR_HSV2RGB))


def greyscale(pixels: Pixels, _: np.random.Generator) -> Pixels:
    return whole(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def text(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """Three lines of large lettering across the picture."""
    written = pixels.copy()
    size = pixels.shape[1] / 320
    for line in range(3):
        place = (pixels.shape[1] // 12, pixels.shape[0] * (line + 1) // 4)
        cv2.putText(written, "Lorem ipsum dolor", place, cv2.FONT_HERSHEY_DUPLEX, size, (255, 255, 255), int(4 * size))
    return written


def screenshot(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Shown smaller in a window with a title bar, then saved as JPEG 85."""
    shown = whole(cv2.resize(pixels, None, fx=SCREEN_SCALE, fy=SCREEN_SCALE, interpolation=cv2.INTER_LINEAR))
    edges = (TITLE_BAR, BORDER, BORDER, BORDER)
    window = cv2.copyMakeBorder(shown, *edges, cv2.BORDER_CONSTANT, value=WINDOW)
    return encode(whole(window), rng, kind="JPEG", quality=85)


def print_scan(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Ink and paper by simulation: a crooked scan, softened, paler, speckled, JPEG 80."""
    scanned = resize(rotate(pixels, rng, degrees=0.7), rng, scale=1.1)
    soft = cv2.GaussianBlur(scanned, (0, 0), 1.0)
    pale = 255 * (0.06 + 0.86 * (soft / 255.0) ** 0.9)
    return encode(noise(whole(pale), rng, sigma=5), rng, kind="JPEG", quality=80)


def denoised(pixels: Pixels, rng: np.random.Generator, *, sigma: float = FRAME_NOISE) -> Pixels:
    """Three noisy frames of the same picture, averaged, then smoothed by non-local means (Buades et al. 2005)."""
    frames = [noise(pixels, rng, sigma=sigma).astype(np.float32) for _ in range(FRAMES)]
    return np.asarray(cv2.fastNlMeansDenoisingColored(whole(np.mean(frames, axis=0)), None, DENOISE, DENOISE), np.uint8)


def combined(pixels: Pixels, rng: np.random.Generator, *, steps: tuple[Attack, ...]) -> Pixels:
    for step in steps:
        pixels = step(pixels, rng)
    return pixels


def _jpeg(quality: int) -> Attack:
    return partial(encode, kind="JPEG", quality=quality)


def whole(values: object) -> Pixels:
    """`values` as grey levels."""
    result: Pixels = np.clip(np.rint(np.asarray(values)), 0, 255).astype(np.uint8)
    return result


ATTACKS: Final[Mapping[str, Attack]] = {
    "none": nothing,
    "JPEG 90": _jpeg(90),
    "JPEG 70": _jpeg(70),
    "JPEG 50": _jpeg(50),
    "JPEG 30": _jpeg(30),
    "WebP 80": partial(encode, kind="WEBP", quality=80),
    "WebP 50": partial(encode, kind="WEBP", quality=50),
    "AVIF 60": partial(encode, kind="AVIF", quality=60),
    "AVIF 40": partial(encode, kind="AVIF", quality=40),
    "resize 25 %": partial(resize, scale=0.25),
    "resize 50 %": partial(resize, scale=0.5),
    "resize 83 %": partial(resize, scale=0.83),
    "resize 200 %": partial(resize, scale=2.0),
    "height 90 %": partial(stretch, down=0.9),
    "width 75 %": partial(stretch, across=0.75),
    "width 133 %": partial(stretch, across=4 / 3),
    "crop 10 %": partial(crop, share=0.10),
    "crop 25 %": partial(crop, share=0.25),
    "crop 50 %": partial(crop, share=0.50),
    "rotation 5°": partial(rotate, degrees=5),
    "rotation 20°": partial(rotate, degrees=20),
    "quarter turn": quarter_turn,
    "mirror": mirror,
    "perspective": perspective,
    "blur 1": partial(blur, sigma=1.0),
    "blur 2": partial(blur, sigma=2.0),
    "sharpen": sharpen,
    "noise 15": partial(noise, sigma=15),
    "noise 25": partial(noise, sigma=25),
    "median 3": partial(median, side=3),
    "brightness +30 %": partial(brightness, gain=1.3),
    "brightness -30 %": partial(brightness, gain=0.7),
    "contrast +30 %": partial(contrast, gain=1.3),
    "contrast -30 %": partial(contrast, gain=0.7),
    "gamma 0.7": partial(gamma, power=0.7),
    "gamma 1.5": partial(gamma, power=1.5),
    "hue 30°": partial(hue, degrees=30),
    "greyscale": greyscale,
    "text overlay": text,
    "three noisy frames, denoised": denoised,
    "screenshot": screenshot,
    "print and scan": print_scan,
    "resize 50 %, JPEG 70": partial(combined, steps=(partial(resize, scale=0.5), _jpeg(70))),
    "width 80 %, crop 10 %, JPEG 70": partial(
        combined, steps=(partial(stretch, across=0.8), partial(crop, share=0.1), _jpeg(70))
    ),
    "crop 25 %, rotation 3°, JPEG 70": partial(
        combined, steps=(partial(rotate, degrees=3), partial(crop, share=0.25), _jpeg(70))
    ),
    "blur 1, noise 10, JPEG 50": partial(
        combined, steps=(partial(blur, sigma=1.0), partial(noise, sigma=10), _jpeg(50))
    ),
}
"""Every row of the table but the two that take many outputs, by name."""
