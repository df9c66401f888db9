"""`detectors add`, `list`, `remove`: the operator's own detectors, which are asked beside the shipped experts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.console import print_listed, say
from api.commands.running import load_settings

if TYPE_CHECKING:
    from detector.classifier.own_card import OwnCard

COLUMNS = ("name", "kind", "arch", "calibrated", "may flag", "sha256")

app = typer.Typer(help="Your own detectors (ONNX or TorchScript) in the ensemble.", no_args_is_help=True)


@app.command()
def add(
    card: Annotated[Path, typer.Argument(help="A card (TOML); its model lies beside it.")],
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="A TorchScript archive is a program: let this one run here.")
    ] = False,
) -> None:
    """Copy a detector in; it is silent until `shingan calibrate` was run on the card that this prints."""
    from detector.classifier.own_store import DetectorStore
    from detector.classifier.registry import load_expert

    store = DetectorStore(load_settings().home)
    added = store.add(card, trust_code=trust_code)
    try:
        name = load_expert(added, device="cpu").card.name
    except Exception:
        store.remove(added.parent.name)
        raise
    say(f"{name} is added. Calibrate it: shingan calibrate {added} INDEX.csv ROOT")


@app.command("list")
def list_all(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a detector.")] = False) -> None:
    """Show your own detectors, oldest first: the order in which they share the false-positive budget."""
    from detector.classifier.own_store import DetectorStore
    from detector.ensemble import may_flag

    owns = DetectorStore(load_settings().home).loaded()
    flags = may_flag([own.card for own in owns])
    documents = [_document(own, flag) for own, flag in zip(owns, flags, strict=True)]
    print_listed(
        documents,
        COLUMNS,
        _cells,
        as_json=as_json,
        nothing="There is no detector of your own. Add one with `shingan detectors add CARD.toml`.",
    )


@app.command()
def remove(name: Annotated[str, typer.Argument(help="As `detectors list` shows it.")]) -> None:
    """Forget a detector and its calibration."""
    from detector.classifier.own_store import DetectorStore

    DetectorStore(load_settings().home).remove(name)
    say(f"{name} is removed.")


def _document(own: "OwnCard", flags: bool) -> dict[str, Any]:
    card = own.card
    tiers = [str(tier) for tier, calibration in card.calibrations.items() if calibration.reals]
    return {
        "name": card.name,
        "kind": str(card.kind),
        "arch": card.arch,
        "calibrated": tiers,
        "may_flag": flags,
        "sha256": card.sha256,
    }


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) or "no" if isinstance(value, list) else str(value)


def _cells(document: Mapping[str, Any]) -> Sequence[str]:
    return [_cell(value) for value in document.values()]
