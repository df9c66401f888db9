"""One more attack on watermarks: the picture is drawn anew by an autoencoder that has learnt from unmarked photos."""

from collections.abc import Sequence
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from detector.training.mark_journal import Journal, Result, core_version, picture_name
from detector.training.mark_peers import Contestant
from detector.types import Pixels

if TYPE_CHECKING:
    from detector.training.twins import Autoencoder

REDRAWN: Final = "redrawn by an autoencoder"
STEPS: Final = 1200
SECONDS: Final = 600.0
HALVINGS, LATENT = 2, 12
"""Of the autoencoder: 12 numbers for 16 pixels, a quarter of what they hold."""
SEED: Final = 0


def redraw_all(
    photos: Sequence[Pixels], one: Contestant, *, model: "Autoencoder", fidelity: float, journal: Journal
) -> Result:
    """Whether the mark of `one` is read from each photo that was marked and redrawn by `model`."""
    found = []
    for number, photo in enumerate(photos):
        key = f"redrawn/{one.name}/{one.version}/{picture_name(photo)}/{number}/{STEPS}/{fidelity:.3f}"
        found += journal.once(key, partial(_try, photo, number, one, model))["found"][REDRAWN]
    return {"found": {REDRAWN: found}}


def learnt(photos: Sequence[Pixels]) -> tuple["Autoencoder", dict[str, Any]]:
    """The autoencoder, and how true to the unmarked photos it is (mean PSNR, decibels)."""
    from detector.training.mark_lab import psnr
    from detector.training.twins import Design, grow, redraw

    model = grow(Design("bilinear", HALVINGS, LATENT), photos, seconds=SECONDS, seed=SEED, steps=STEPS)[-1]
    figures = {"psnr": round(fmean(psnr(photo, redraw(model, photo)) for photo in photos), 2)}
    return model, {**figures, "steps": STEPS, "latent": LATENT, "halvings": HALVINGS, "core": core_version()}


def _try(photo: Pixels, number: int, one: Contestant, model: "Autoencoder") -> Result:
    from detector.training.twins import redraw

    return {"found": {REDRAWN: [one.found(redraw(model, one.embed(photo, number)), [number])]}}
