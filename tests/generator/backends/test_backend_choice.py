"""Which backend draws is the caller's choice, and what each is opened with the operator's; all leave by one way."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import httpx
import jsonschema
import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from api import products
from api.app import create_app
from api.auth import Actor, ApiKeys
from api.cli import main
from api.contract import schema
from api.products import GenerateRequest, Workplace
from api.settings import Settings
from detector.types import Label, Pixels
from generator.backends.adults import STRIDE, ApparentMinor
from generator.backends.settings import BackendSettings, DiffusersSettings, StyleganSettings
from generator.errors import BackendUnavailable, PortraitUnusable, UnsupportedAttribute
from generator.synthesizer import BACKENDS, open_synthesizer

LOCAL = Actor.local()
WISH = GenerateRequest("a face", purpose="research", seed=7, backend="stylegan")
Network: TypeAlias = Callable[[], Path]


@pytest.fixture
def portrait(nvlabs: Any, adult_face: Pixels) -> Path:  # noqa: ANN401
    """A network that draws an adult's face in grey, whatever its seed."""
    small = cv2.resize(adult_face, (256, 256), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    path: Path = nvlabs.write(nvlabs.drawing(grey))
    return path


@pytest.fixture
def noise(nvlabs: Any) -> Path:  # noqa: ANN401
    path: Path = nvlabs.write(nvlabs.stylegan2())
    return path


def _settings(home: Path, weights: Path) -> Settings:
    return Settings(home=home, blob_url="memory:///", stylegan_weights=weights, device="cpu")


async def _last(workplace: Workplace) -> tuple[str, dict[str, Any]]:
    async with workplace.database.read() as session:
        entry = (await workplace.audit.page(session))[-1]
    return entry.kind, json.loads(entry.body)


async def test_a_face_of_the_operators_network_leaves_like_any_other(home: Path, portrait: Path) -> None:
    async with await Workplace.open(_settings(home, portrait)) as workplace:
        made = await products.generate(workplace, LOCAL, WISH)
        found = await products.verify(workplace, LOCAL, made.data, name="face.png")
    jsonschema.validate(made.document, schema("generate"))
    assert made.document["seed"] == 7
    assert made.document["backend"].startswith("stylegan2 network-snapshot-000001 ")
    told = {"asked": {}, "honoured": {}, "edited": False, "retouched": [], "left_out": []}
    assert made.document["attributes"] == told
    assert found.verdict.label is Label.SYNTHETIC_DECLARED
    assert found.provenance.watermark.record_id == made.document["record_id"]
    with Image.open(io.BytesIO(made.data)) as picture:
        assert picture.size == (512, 512)


async def test_a_minors_look_leaves_nothing_but_a_line_in_the_log(home: Path, portrait: Path) -> None:
    from dataclasses import replace

    async with await Workplace.open(_settings(home, portrait)) as workplace:
        finders = workplace.portrait_finders
        vars(workplace)["portrait_finders"] = replace(finders, age=replace(finders.age, threshold=-1e9))
        with pytest.raises(ApparentMinor):
            await products.generate(workplace, LOCAL, WISH)
        kind, body = await _last(workplace)
    assert (kind, body["code"]) == ("generation.failed", "unsupported_attribute")


async def test_a_picture_without_a_face_does_not_leave(home: Path, noise: Path) -> None:
    async with await Workplace.open(_settings(home, noise)) as workplace:
        with pytest.raises(PortraitUnusable):
            await products.generate(workplace, LOCAL, WISH)
        with pytest.raises(UnsupportedAttribute, match="female sex"):
            await products.generate(workplace, LOCAL, GenerateRequest("a woman", "research", backend="stylegan"))


async def test_the_answer_names_the_seed_that_drew(home: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from generator.backends.stylegan import Stylegan

    def draw(self: Stylegan, seed: int) -> Pixels:
        return drawn(self, seed) if seed != 7 else np.full((64, 64, 3), 90, np.uint8)

    drawn = Stylegan.draw
    monkeypatch.setattr(Stylegan, "draw", draw)
    async with await Workplace.open(_settings(home, portrait)) as workplace:
        made = await products.generate(workplace, LOCAL, WISH)
    assert made.document["seed"] == 7 + STRIDE


async def test_over_http(home: Path, portrait: Path) -> None:
    application = create_app(_settings(home, portrait))
    transport = httpx.ASGITransport(application, raise_app_exceptions=False, client=("192.0.2.7", 50_000))
    wish = {"prompt": "a face", "purpose": "research", "seed": 7}
    async with application.router.lifespan_context(application):
        keys: ApiKeys = application.state.keys
        async with application.state.workplace.database.write() as session:
            key = await keys.issue(session, name="test", scopes=("generate",), tenant="default")
        holder = {"authorization": f"Bearer {key.token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://shingan.example", headers=holder) as client:
            answers = [
                await client.post("/v1/generations", json={**wish, "backend": name})
                for name in ("stylegan", "diffusers", "dream", "../x")
            ]
    assert [answer.status_code for answer in answers] == [201, 503, 503, 422]
    assert answers[0].json()["backend"].startswith("stylegan2 ")
    assert {answer.json()["code"] for answer in answers[1:3]} == {"backend_unavailable"}


def test_on_the_command_line(
    portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHINGAN_STYLEGAN_WEIGHTS", str(portrait))

    def generate(backend: str) -> dict[str, Any]:
        command = ["shingan", "generate", "a face", "--backend", backend, "--out", str(tmp_path / "out"), "--json"]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit):
            main()
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    made = generate("stylegan")
    assert made["error"] is None
    assert Path(made["path"]).exists()
    assert generate("dream")["error"]["code"] == "backend_unavailable"


def test_settings_reach_the_backends(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    assert Settings().backends == BackendSettings("auto", cache, DiffusersSettings(), StyleganSettings())
    for name, value in {
        "DEVICE": "cpu",
        "DIFFUSERS_MODEL": "org/model",
        "DIFFUSERS_LORA": "/weights/studio.safetensors",
        "DIFFUSERS_NEGATIVE": "hats",
        "DIFFUSERS_STEPS": "4",
        "DIFFUSERS_GUIDANCE": "0",
        "DIFFUSERS_DOWNLOAD": "true",
        "DIFFUSERS_OFFLOAD": "1",
        "STYLEGAN_WEIGHTS": "/weights/ffhq.pkl",
        "STYLEGAN_TRUNCATION": "0.5",
        "STYLEGAN_CLASS": "2",
    }.items():
        monkeypatch.setenv(f"SHINGAN_{name}", value)
    lora = Path("/weights/studio.safetensors")
    diffusers = DiffusersSettings("org/model", lora, "hats", 4, 0.0, download=True, offload=True)
    stylegan = StyleganSettings(Path("/weights/ffhq.pkl"), 0.5, 2)
    assert Settings().backends == BackendSettings("cpu", cache, diffusers, stylegan)


@pytest.mark.parametrize(
    "wrong", [{"diffusers_steps": 0}, {"stylegan_truncation": 1.5}, {"stylegan_class": -1}, {"diffusers_guidance": -1}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(BACKENDS.keys() - {"embedded"}))
def test_a_backend_without_weights_is_not_available(name: str) -> None:
    with pytest.raises(BackendUnavailable, match=f"SHINGAN_{name.upper()}"):
        open_synthesizer(name)
    with pytest.raises(BackendUnavailable, match="only diffusers, embedded, stylegan"):
        open_synthesizer("dream")
