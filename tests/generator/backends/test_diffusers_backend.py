"""An operator's diffusion pipeline: told the attributes in our words, read from safetensors alone, never fetched."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from generator.backends.diffusers_backend import AWAY_FROM, Diffusers
from generator.backends.settings import DiffusersSettings
from generator.errors import BackendUnavailable, UnsupportedAttribute
from generator.prompt import FaceRequest, parse

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries behind the extra
needs_extra = pytest.mark.skipif(find_spec("diffusers") is None, reason="needs the extra diffusers")
needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="needs the extra diffusers")


@dataclass
class Drawn:
    images: list[Image.Image]
    nsfw_content_detected: list[bool] | None = None


@dataclass
class Pipeline:
    """Draws noise of the size that it is made for, and remembers what it was called with."""

    size: tuple[int, int] = (64, 96)
    unsafe: bool = False
    called: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self,
        prompt: str,
        *,
        negative_prompt: str = "",
        num_inference_steps: int = 50,
        generator: torch.Generator | None = None,
        output_type: str = "",
    ) -> Drawn:
        self.called.append({"prompt": prompt, "negative": negative_prompt, "steps": num_inference_steps})
        noise = torch.randint(0, 256, (*self.size, 3), generator=generator, dtype=torch.uint8)
        return Drawn([Image.fromarray(noise.numpy())], [self.unsafe])


def _backend(pipeline: Pipeline, **settings: Any) -> Diffusers:  # noqa: ANN401
    return Diffusers(pipeline, settings=DiffusersSettings(model="org/model", **settings), model="diffusers org/model")


def test_the_pipeline_is_told_the_attributes_and_never_the_prompt() -> None:
    pipeline = Pipeline()
    made = _backend(pipeline, steps=4, guidance=3.0, negative="hats").synthesise(
        parse("please a smiling woman who is wearing glasses"), seed=1
    )
    expected = "a studio portrait photo of an adult woman, wearing glasses, smiling"
    assert pipeline.called == [{"prompt": expected, "negative": f"{AWAY_FROM}, hats", "steps": 4}]
    assert made.attributes == {"sex": "female", "expression": "smile", "glasses": "clear"}
    assert (made.backend, made.seed, made.edited) == ("diffusers org/model", 1, False)


def test_what_is_not_set_is_the_pipelines_own() -> None:
    pipeline = Pipeline()
    _backend(pipeline).synthesise(FaceRequest(), seed=1)
    assert pipeline.called == [
        {"prompt": "a studio portrait photo of an adult person", "negative": AWAY_FROM, "steps": 50}
    ]


def test_the_middle_of_the_picture_is_delivered_by_its_seed() -> None:
    first, again, other = (_backend(Pipeline()).synthesise(FaceRequest(), seed=seed).pixels for seed in (5, 5, 6))
    assert first.shape == (512, 512, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_lies_beyond_the_words_is_refused_unless_best_effort() -> None:
    backend = _backend(Pipeline())
    with pytest.raises(UnsupportedAttribute, match="violet aura"):
        backend.synthesise(FaceRequest({"sex": "male", "aura": "violet"}), seed=1)
    asked = FaceRequest({"sex": "male", "aura": "violet"}, unsupported=("unicycle",), best_effort=True)
    assert backend.synthesise(asked, seed=1).attributes == {"sex": "male"}
    with pytest.raises(UnsupportedAttribute, match="unicycle"):
        backend.synthesise(FaceRequest(unsupported=("unicycle",)), seed=1)


@pytest.mark.parametrize("text", ["a boy", "Portrait of Emma Watson", "a naked woman"])
def test_screened_requests_never_reach_the_pipeline(text: str) -> None:
    pipeline = Pipeline()
    with pytest.raises(UnsupportedAttribute):
        _backend(pipeline).synthesise(parse(text, best_effort=True), seed=1)
    assert not pipeline.called


def test_what_its_own_safety_checker_stops_is_not_drawn() -> None:
    with pytest.raises(UnsupportedAttribute, match="a sexual picture"):
        _backend(Pipeline(unsafe=True)).synthesise(FaceRequest(), seed=1)


def test_a_pipeline_that_fails_is_one_error() -> None:
    with pytest.raises(BackendUnavailable, match="the pipeline failed"):
        _backend(Pipeline(size=(-1, 1))).synthesise(FaceRequest(), seed=1)
    with pytest.raises(BackendUnavailable, match="draws no pictures"):
        Diffusers(lambda prompt: prompt, settings=DiffusersSettings(), model="x").synthesise(FaceRequest(), seed=1)


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(BackendUnavailable, match=r"shingan\[diffusers\]"):
        Diffusers.load(DiffusersSettings(model=str(tmp_path)), device="cpu")
    with pytest.raises(BackendUnavailable, match="names no pipeline"):
        Diffusers.load(DiffusersSettings(), device="cpu")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of Stable Diffusion's kind with random weights, in a folder, with pickled weights beside."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("pipeline") / "tiny"
    blocks = {"block_out_channels": (32, 32), "norm_num_groups": 8, "layers_per_block": 1}
    unet = UNet2DConditionModel(
        sample_size=16,
        cross_attention_dim=32,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **blocks,
    )
    coder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        **blocks,
    )
    tokenizer = _tokenizer(folder.parent)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    StableDiffusionPipeline(
        vae=coder,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def _tokenizer(folder: Path) -> Any:  # noqa: ANN401
    """CLIP's kind, which knows the letters alone."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


@pytest.fixture
def opened(tiny: Path) -> Callable[..., Diffusers]:
    def load(folder: Path = tiny, **settings: Any) -> Diffusers:  # noqa: ANN401
        return Diffusers.load(DiffusersSettings(model=str(folder), steps=2, **settings), device="cpu")

    return load


@pytest.fixture
def copied(tiny: Path, tmp_path: Path) -> Path:
    from shutil import copytree

    return copytree(tiny, tmp_path / "pipeline")


@needs_extra
def test_a_real_pipeline_draws_by_seed_and_prompt(opened: Callable[..., Diffusers]) -> None:
    backend = opened()
    woman, man = parse("a woman with long black hair"), parse("a man")
    first, again = (backend.synthesise(woman, seed=7) for _ in range(2))
    fresh = opened().synthesise(woman, seed=7)
    assert (first.pixels.shape, first.backend) == ((512, 512, 3), "diffusers tiny")
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.pixels, fresh.pixels)
    for other in (backend.synthesise(woman, seed=8), backend.synthesise(man, seed=7)):
        assert not np.array_equal(first.pixels, other.pixels)
    assert not np.array_equal(first.pixels, opened(negative="zebra").synthesise(woman, seed=7).pixels)
    assert not np.array_equal(first.pixels, opened(guidance=1.5).synthesise(woman, seed=7).pixels)


@needs_extra
def test_pickled_weights_are_not_read(opened: Callable[..., Diffusers], copied: Path) -> None:
    [weights] = (copied / "unet").glob("*.safetensors")
    from safetensors.torch import load_file

    torch.save(load_file(weights), weights.with_name("diffusion_pytorch_model.bin"))
    assert opened(copied).synthesise(FaceRequest(), seed=1)
    weights.unlink()
    with pytest.raises(BackendUnavailable, match="cannot be opened"):
        opened(copied)


@needs_extra
def test_code_beside_the_weights_is_not_run(opened: Callable[..., Diffusers], copied: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (copied / "evil.py").write_text(f"open({str(trace)!r}, 'w')\nclass Pipeline: pass\n")
    with pytest.raises(BackendUnavailable, match="code of its own"):
        opened(copied)
    index = json.loads((copied / "model_index.json").read_text())
    (copied / "model_index.json").write_text(json.dumps({**index, "_class_name": ["evil", "Pipeline"]}))
    with pytest.raises(BackendUnavailable, match="code of its own"):
        opened(copied)
    assert not trace.exists()


@needs_extra
@pytest.mark.parametrize("file", ["model_index.json", "unet/config.json", "vae/diffusion_pytorch_model.safetensors"])
def test_a_damaged_pipeline_is_one_error(opened: Callable[..., Diffusers], copied: Path, file: str) -> None:
    (copied / file).write_bytes(b"\x00" * 20)
    with pytest.raises(BackendUnavailable, match="the pipeline diffusers pipeline cannot be opened"):
        opened(copied)


@needs_extra
def test_a_hub_id_that_is_not_here_is_not_fetched() -> None:
    with pytest.raises(BackendUnavailable, match="cannot be opened"):
        Diffusers.load(DiffusersSettings(model="nobody/such-pipeline"), device="cpu")


@needs_extra
@needs_peft
def test_a_lora_changes_the_face_and_is_named(opened: Callable[..., Diffusers], tmp_path: Path) -> None:
    file = _lora(tmp_path / "studio.safetensors")
    plain = opened().synthesise(FaceRequest(), seed=7)
    for path in (file, tmp_path):
        backend = opened(lora=path)
        changed = backend.synthesise(FaceRequest(), seed=7)
        assert not np.array_equal(plain.pixels, changed.pixels)
        assert changed.backend.startswith("diffusers tiny + ")
    torch.save({}, tmp_path / "other.bin")
    for wrong in (tmp_path / "missing.safetensors", tmp_path / "other.bin"):
        with pytest.raises(BackendUnavailable, match="must be a safetensors file"):
            opened(lora=wrong)


def _lora(path: Path) -> Path:
    """Rank 2, on the queries of the middle block."""
    from safetensors.torch import save_file

    torch.manual_seed(1)
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_q.lora"
    save_file({f"{name}_A.weight": torch.randn(2, 32), f"{name}_B.weight": torch.randn(32, 2) * 5}, path)
    return path
