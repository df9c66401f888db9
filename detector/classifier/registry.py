"""Which class reads which kind of model card: the one place where an architecture is added."""

from pathlib import Path

from detector.classifier.cards import read_card
from detector.classifier.mean import MeanExpert
from detector.classifier.onnx_model import OnnxExpert
from detector.classifier.own_card import ARCHES, read_own_card, read_table
from detector.classifier.scorer import Expert, FaceExpert, pick_device
from detector.classifier.torchscript_model import TorchScriptExpert
from detector.classifier.two_branch_expert import TwoBranchExpert
from detector.errors import ModelUnavailable


def load_expert(
    card_path: Path, *, device: str = "auto", bases: Path | None = None, engines: Path | None = None
) -> Expert:
    """The expert whose card lies at `card_path`, weights beside it, base in `bases`; raises `ModelUnavailable`.

    With a folder `engines`, a CPU may read it in ONNX Runtime.
    """
    device = pick_device(device)
    if is_own(card_path):
        return load_own(card_path, device=device)
    card = read_card(card_path)
    if card.arch == "faces":
        return FaceExpert.load(card, card_path.parent, device=device, engines=engines)
    if card.arch == "two_branch":
        return TwoBranchExpert.load(card, card_path.parent, device=device, engines=engines)
    if card.arch == "clip":
        from detector.classifier.clip import ClipExpert  # brings timm: 200 MiB and seconds that the small experts save

        return ClipExpert.load(card, card_path.parent, bases=bases, device=device)
    if card.arch == "mean":
        paths = [card_path.parent / name for name in card.members]
        members = [load_expert(path, device=device, bases=bases, engines=engines) for path in paths]
        return MeanExpert(card, tuple(members))
    raise ModelUnavailable(f"the model card {card_path.name} names an unknown architecture {card.arch!r}")


def is_own(card_path: Path) -> bool:
    """Whether the card is that of an operator's own detector; raises `ModelUnavailable` if it is no card."""
    model = read_table(card_path).get("model")
    return isinstance(model, dict) and model.get("arch") in ARCHES


def load_own(card_path: Path, *, device: str) -> Expert:
    """The operator's own detector of `card_path`; raises `ModelUnavailable`."""
    own = read_own_card(card_path)
    return (OnnxExpert if own.card.arch == "onnx" else TorchScriptExpert).load(own, device=device)
