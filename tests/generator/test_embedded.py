"""The shipped backend: deterministic, varied, honest about what it cannot draw, and picky about its weights."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from generator.backends.embedded import Embedded
from generator.errors import BackendUnavailable, UnsupportedAttribute
from generator.prompt import FaceRequest, parse
from generator.stored import read_card, shipped
from generator.synthesizer import open_synthesizer

SIZE_LIMIT = 16_000_000


@pytest.fixture(scope="module")
def backend() -> Embedded:
    return Embedded.load()


def test_same_seed_same_pixels(backend: Embedded) -> None:
    request = parse("an asian woman with long black hair")
    first, again = (backend.synthesise(request, seed=11) for _ in range(2))
    fresh = Embedded.load().synthesise(request, seed=11)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.pixels, fresh.pixels)


def test_other_seed_other_face(backend: Embedded) -> None:
    faces = [backend.synthesise(FaceRequest(), seed=seed).pixels.astype(int) for seed in range(3)]
    assert min(np.abs(faces[i] - faces[j]).mean() for i, j in ((0, 1), (0, 2), (1, 2))) > 5


def test_delivers_what_it_says(backend: Embedded) -> None:
    face = backend.synthesise(parse("a smiling man"), seed=3)
    assert face.pixels.shape == (512, 512, 3)
    assert face.pixels.dtype == np.uint8
    assert face.attributes == {"sex": "male", "expression": "smile"}
    assert (face.edited, face.seed, face.backend) == (False, 3, "embedded")


def test_skin_and_background_follow_the_request(backend: Embedded) -> None:
    def brightness(attributes: dict[str, str], place: tuple[slice, slice]) -> float:
        request = FaceRequest(attributes={"sex": "female", **attributes})
        return float(np.mean([backend.synthesise(request, seed=seed).pixels[place].mean() for seed in range(3)]))

    cheeks, corner = (slice(260, 340), slice(190, 320)), (slice(0, 40), slice(0, 40))
    assert brightness({"skin": "light"}, cheeks) > brightness({"skin": "dark"}, cheeks) + 30
    assert brightness({"background": "light"}, corner) > brightness({"background": "dark"}, corner) + 30


def test_hair_colour_follows_the_request(backend: Embedded) -> None:
    def crown(colour: str) -> float:
        request = FaceRequest(attributes={"sex": "female", "hair_colour": colour})
        return float(np.mean([backend.synthesise(request, seed=s).pixels[20:70, 200:312].mean() for s in range(3)]))

    assert crown("blond") > crown("black") + 30


def test_hair_that_nobody_has_is_refused_by_name(backend: Embedded) -> None:
    request = parse("a man with long blond hair")
    with pytest.raises(UnsupportedAttribute) as caught:
        backend.synthesise(request, seed=1)
    assert caught.value.names == ("long blond hair on a male face",)


@pytest.mark.parametrize("text", ["a boy", "Portrait of Emma Watson", "a celebrity", "a naked woman"])
def test_screened_requests_are_never_drawn(backend: Embedded, text: str) -> None:
    with pytest.raises(UnsupportedAttribute):
        backend.synthesise(parse(text, best_effort=True), seed=1)


def test_best_effort_drops_hair_and_does_not_claim_it(backend: Embedded) -> None:
    face = backend.synthesise(parse("a man with long blond hair", best_effort=True), seed=1)
    assert "hair_length" not in face.attributes


@pytest.mark.parametrize("name", ["appearance", "refiner", "upscaler"])
def test_tampered_weights_do_not_load(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(shipped(), folder)
    path = folder / f"{name}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BackendUnavailable, match="not those that their card names"):
        Embedded.load(folder)


def test_missing_weights_and_backends_are_typed(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable):
        Embedded.load(tmp_path)
    with pytest.raises(BackendUnavailable, match="no backend 'dream'"):
        open_synthesizer("dream")


def test_weights_are_small_and_only_safetensors() -> None:
    files = [path for path in shipped().iterdir() if path.suffix != ".toml" and path.is_file()]
    assert {path.suffix for path in files} == {".safetensors"}
    assert sum(path.stat().st_size for path in files) <= SIZE_LIMIT


@pytest.mark.parametrize("name", ["appearance", "refiner", "upscaler"])
def test_card_says_what_it_must(name: str) -> None:
    card = read_card(shipped(), name)
    assert {"model", "data", "limits", "measured"} <= set(card)
