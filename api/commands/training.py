"""`train`, `evaluate` and so on: the detector's own training programs, which read their arguments themselves."""

import sys
from importlib import import_module
from typing import Any

import typer

from api.commands import pair
from api.commands.outcome import ExtraMissing

PASS_ON: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Context settings of a command whose arguments another parser reads."""


def train(context: typer.Context) -> None:
    """Train one expert (see detector.training.train)."""
    run_program("train", context.args)


def evaluate(context: typer.Context) -> None:
    """Measure the experts on labelled files (see detector.training.evaluate), or with --pair on our own faces."""
    if pair.FLAG in context.args:
        pair.run(context.args)
    else:
        run_program("evaluate", context.args)


def calibrate(context: typer.Context) -> None:
    """Set an expert's thresholds; given CARD.toml INDEX.csv ROOT, those of your own detector."""
    own = bool(context.args) and context.args[0].endswith(".toml")
    run_program("own" if own else "calibrate", context.args)


def index(context: typer.Context) -> None:
    """Write an index of a local copy of a published set or of a plain folder (see detector.training.index)."""
    run_program("index", context.args)


def shortcuts(context: typer.Context) -> None:
    """Audit a set of faces for what gives fakes away without a look at the face (see detector.training.shortcuts)."""
    run_program("shortcuts", context.args)


def run_program(name: str, arguments: list[str]) -> None:
    """Runs `main` of `detector.training.<name>` as if it had been called with `arguments`."""
    try:
        module = import_module(f"detector.training.{name}")
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"`pip install 'shingan[train]'` brings what this needs ({error.name}).") from error
    sys.argv = [f"shingan {name}", *arguments]
    module.main()
