"""A network in ONNX Runtime gives what torch gives, only the faster of them runs, and no failure stops the work."""

import logging
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detector.classifier import engine
from detector.classifier.cards import shipped
from detector.classifier.engine import OnnxNetwork, fastest
from detector.classifier.registry import load_expert
from detector.types import EvidenceKind, Face

FACE = Face((60.0, 40.0, 200.0, 220.0), ((100.0, 100), (160, 100), (130, 140), (105, 170), (155, 170)), 1.0)


class Pair(NamedTuple):
    total: Tensor
    scaled: Tensor


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)

    def forward(self, crops: Tensor, factor: Tensor) -> Pair:
        maps = self.layer(crops)
        return Pair(maps.sum(dim=(1, 2, 3)), maps.mean(dim=(2, 3)) * factor)


def never() -> nn.Module:
    raise AssertionError("a network that is kept is not built")


EXAMPLE = torch.zeros(2, 3, 16, 16), torch.ones(2, 1)


def kept(folder: Path, *, won: bool, monkeypatch: pytest.MonkeyPatch) -> object:
    """What is loaded when ONNX Runtime wins the race, or torch."""
    times = iter((2.0, 1.0) * engine.TURNS if won else (1.0, 2.0) * engine.TURNS)
    monkeypatch.setattr(engine, "_seconds", lambda _: next(times))
    return fastest(Tiny, EXAMPLE, gives=Pair, name="tiny", folder=folder)


def test_the_winner_gives_the_same_numbers_for_any_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, folder = Tiny().eval(), tmp_path / "engines"
    times = iter((2.0, 1.0) * engine.TURNS)
    monkeypatch.setattr(engine, "_seconds", lambda _: next(times))
    network = fastest(lambda: model, EXAMPLE, gives=Pair, name="tiny", folder=folder)
    again = fastest(never, EXAMPLE, gives=Pair, name="tiny", folder=folder)  # no race: the times are used up
    assert isinstance(network, OnnxNetwork)
    assert isinstance(again, OnnxNetwork)
    for count in (1, 5):
        batch = torch.randn(count, 3, 16, 16), torch.full((count, 1), 3.0)
        with torch.inference_mode():
            wanted, got = model(*batch), again(*batch)
        assert isinstance(got, Pair)
        assert torch.allclose(wanted.total, got.total, atol=1e-4)
        assert torch.allclose(wanted.scaled, got.scaled, atol=1e-5)


def test_torch_stays_where_it_is_faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(kept(tmp_path, won=False, monkeypatch=monkeypatch), Tiny)
    assert isinstance(fastest(Tiny, EXAMPLE, gives=Pair, name="tiny", folder=tmp_path), Tiny)


def test_without_a_folder_or_a_runtime_torch_does_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Tiny().eval()
    assert fastest(lambda: model, EXAMPLE, gives=Pair, name="tiny", folder=None) is model
    monkeypatch.setattr(engine, "_runtime", lambda: None)
    assert fastest(lambda: model, EXAMPLE, gives=Pair, name="tiny", folder=tmp_path) is model


def test_a_damaged_file_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept(tmp_path, won=True, monkeypatch=monkeypatch)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        assert isinstance(fastest(Tiny, EXAMPLE, gives=Pair, name="tiny", folder=tmp_path), Tiny)
    assert [record.message for record in caplog.records] == ["engine_unavailable"]


def test_a_network_that_cannot_be_exported_is_no_failure(tmp_path: Path) -> None:
    class Strange(nn.Module):
        def forward(self, crops: Tensor) -> Pair:
            return Pair(torch.from_numpy(np.sort(crops.detach().numpy())) + torch.rand(()), crops)

    model = Strange()
    assert fastest(lambda: model, (torch.rand(2, 3),), gives=Pair, name="strange", folder=tmp_path) is model
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS])
def test_the_shipped_experts_read_alike_in_both(
    kind: EvidenceKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = cycle((2.0, 1.0))
    monkeypatch.setattr(engine, "_seconds", lambda _: next(times))
    plain, quick = load_expert(shipped(kind), device="cpu"), load_expert(shipped(kind), device="cpu", engines=tmp_path)
    assert all(file.stat().st_size > len(engine.TORCH_WON) for file in tmp_path.iterdir())
    pixels = np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    views = [plain.prepare(pixels, FACE)] * 3
    wanted, got = plain.read(views), quick.read(views)
    assert np.allclose(wanted.logits, got.logits, atol=1e-4)
    assert wanted.masks is not None
    assert got.masks is not None
    assert np.allclose(wanted.masks, got.masks, atol=1e-4)
