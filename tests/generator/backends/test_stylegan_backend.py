"""An operator's StyleGAN: faces of chance that claim nothing, and leave as marked as any other."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from detector.media import open_media
from detector.provenance.check import ProvenanceChecker
from detector.provenance.credentials import crjson
from detector.provenance.keys import load_mark_keys
from detector.provenance.trust import TrustStore
from detector.sandbox import Sandbox
from detector.types import CredentialState
from generator.backends.settings import StyleganSettings
from generator.backends.stylegan import Stylegan
from generator.backends.stylegan_weights import read_network
from generator.errors import BackendUnavailable, UnsupportedAttribute
from generator.prompt import FaceRequest, parse
from generator.release import release
from generator.signing import DevelopmentCA

ANYBODY = FaceRequest()
KINDS = ["stylegan2", "stylegan3-t", "stylegan3-r"]


def _load(weights: Path | None, **settings: Any) -> Stylegan:  # noqa: ANN401
    return Stylegan.load(StyleganSettings(weights, **settings), device="cpu")


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_a_face(write_network: Callable[[str], Path], kind: str) -> None:
    path = write_network(kind)
    first, other = (_load(path).synthesise(ANYBODY, seed=seed) for seed in (3, 2**32 - 1))
    again = _load(path).synthesise(ANYBODY, seed=3)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.abs(first.pixels.astype(int) - other.pixels).mean() > 2
    assert first.pixels.shape == (512, 512, 3)
    assert first.pixels.dtype == np.uint8
    digest = read_network(path).digest[:12]
    assert first.backend == f"{kind.partition('-')[0]} network-snapshot-000001 {digest}"
    assert (first.seed, first.edited, dict(first.attributes), first.mesh) == (3, False, {}, None)


def test_without_truncation_left_every_seed_is_the_average(write_network: Callable[[str], Path]) -> None:
    backend = _load(write_network("stylegan2"), truncation=0.0)
    faces = [backend.synthesise(ANYBODY, seed=seed).pixels for seed in range(3)]
    assert np.array_equal(faces[0], faces[1])
    assert np.array_equal(faces[0], faces[2])


def test_what_is_asked_is_refused_by_name(write_network: Callable[[str], Path]) -> None:
    backend = _load(write_network("stylegan2"))
    with pytest.raises(UnsupportedAttribute) as caught:
        backend.synthesise(parse("a smiling woman with black hair"), seed=1)
    assert set(caught.value.names) == {"smile expression", "female sex", "black hair colour"}
    made = backend.synthesise(parse("a smiling woman on a unicycle", best_effort=True), seed=1)
    assert not made.attributes
    assert np.array_equal(made.pixels, backend.synthesise(ANYBODY, seed=1).pixels)


@pytest.mark.parametrize("text", ["a boy", "Portrait of Emma Watson", "a naked woman"])
def test_screened_requests_are_refused_whatever_is_drawn(write_network: Callable[[str], Path], text: str) -> None:
    with pytest.raises(UnsupportedAttribute):
        _load(write_network("stylegan2")).synthesise(parse(text, best_effort=True), seed=1)


def test_a_conditional_network_needs_its_class(nvlabs: Any) -> None:  # noqa: ANN401
    path = nvlabs.write(nvlabs.stylegan2(classes=3))
    for wrong in (None, 3):
        with pytest.raises(BackendUnavailable, match="one of the network's 3 classes"):
            _load(path, class_index=wrong)
    first, other = (_load(path, class_index=index).synthesise(ANYBODY, seed=1).pixels for index in (0, 2))
    assert not np.array_equal(first, other)
    plain = nvlabs.write(nvlabs.stylegan2())
    with pytest.raises(BackendUnavailable, match="0 classes"):
        _load(plain, class_index=0)


@pytest.mark.parametrize("said", [{"architecture": "resnet"}, {"architecture": "orig"}, {"activation": "relu"}])
def test_other_architectures_are_refused(nvlabs: Any, said: dict[str, str]) -> None:  # noqa: ANN401
    with pytest.raises(BackendUnavailable, match=next(iter(said.values()))):
        _load(nvlabs.write(nvlabs.stylegan2(**said)))


def test_networks_that_do_not_fit_are_refused(nvlabs: Any, tmp_path: Path) -> None:  # noqa: ANN401
    strange = nvlabs.stylegan2()
    strange.synthesis.b8.skip = nvlabs.stylegan2().mapping.fc0
    with pytest.raises(BackendUnavailable, match=r"does not know: synthesis\.b8\.skip"):
        _load(nvlabs.write(strange))
    lacking = nvlabs.stylegan2()
    del lacking.synthesis.b16.conv1.bias
    with pytest.raises(BackendUnavailable, match=r"lacks its tensor synthesis\.b16\.conv1\.bias"):
        _load(nvlabs.write(lacking))
    warped = nvlabs.stylegan3()
    warped.synthesis.input.size = [3, 4, 5]
    with pytest.raises(BackendUnavailable, match="does not fit"):
        _load(nvlabs.write(warped))
    narrow = nvlabs.stylegan3()
    narrow.synthesis.input.weight = torch.nn.Parameter(torch.zeros(7, 7))
    with pytest.raises(BackendUnavailable, match="does not run"):
        _load(nvlabs.write(narrow)).draw(1)
    with pytest.raises(BackendUnavailable, match="names no network"):
        _load(None)
    with pytest.raises(BackendUnavailable, match="cannot be read"):
        _load(tmp_path / "missing.pkl")


def test_a_network_without_bounds_is_refused(nvlabs: Any) -> None:  # noqa: ANN401
    broken = nvlabs.stylegan2()
    broken.synthesis.b4.const.data.fill_(float("nan"))
    with pytest.raises(BackendUnavailable, match="without bounds"):
        _load(nvlabs.write(broken)).draw(1)


def test_a_face_leaves_with_every_mark(write_network: Callable[[str], Path], home: Path, sandbox: Sandbox) -> None:
    made = _load(write_network("stylegan2")).synthesise(ANYBODY, seed=11)
    keys, trust = load_mark_keys(home), TrustStore.load(home)
    checker = ProvenanceChecker(sandbox=sandbox, keys=keys, trust=trust)
    released = release(made, key=keys[0], source=DevelopmentCA(home), checker=checker, purpose="test")
    media, frame = open_media(released.data, sandbox=sandbox)
    found = checker.check(released.data, media, frame.pixels)
    assert found.credentials.state is CredentialState.TRUSTED
    assert found.credentials.declares_ai
    assert found.watermark.record_id == found.credentials.soft_binding == released.record.record_id
    assert (released.record.backend, released.record.seed) == (made.backend, 11)
    said = crjson(released.data, "image/png", trust.settings())
    assert said is not None
    [created] = [action for action in _actions(json.loads(said)) if action["action"] == "c2pa.created"]
    assert created["parameters"]["shingan.backend"] == made.backend
    assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")


def _actions(value: object) -> list[dict[str, Any]]:
    """Every list of actions somewhere in `value`."""
    if isinstance(value, list):
        return [action for item in value for action in _actions(item)]
    if not isinstance(value, dict):
        return []
    return [*value.get("actions", []), *(action for item in value.values() for action in _actions(item))]
