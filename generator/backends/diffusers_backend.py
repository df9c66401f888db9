"""The backend for text-to-image pipelines of diffusers that an operator has; needs the extra `diffusers`.

The pipeline is told the attributes that the prompt was read as, in words of our own, never the prompt. Weights are read
from safetensors alone, code that lies beside them is not run, and nothing is fetched unless the operator allows it.
"""

import inspect
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from detector.importing import ONE_IMPORT
from generator.backends.description import describe, worded
from generator.backends.device import torch_device
from generator.backends.framing import framed
from generator.backends.model_name import model_name
from generator.backends.refusals import NEVER, named, require_drawable
from generator.backends.settings import DiffusersSettings
from generator.errors import BackendUnavailable, UnsupportedAttribute
from generator.prompt import FaceRequest
from generator.synthesizer import Synthesis

INDEX: Final = "model_index.json"
WEIGHTS: Final = ".safetensors"
AWAY_FROM: Final = "child, teenager, underage, nudity, lingerie, several people, text, watermark"
"""What every negative prompt begins with."""
DIFFERS: Final = 24
"""Characters of the LoRA's name in the model's."""
MISSING: Final = "`pip install 'shingan[diffusers]'` brings what this backend needs"


class Diffusers:
    """Portraits as a pipeline draws them. That it follows each attribute is asked of it, and not measured."""

    name = "diffusers"

    def __init__(self, pipeline: Any, *, settings: DiffusersSettings, model: str) -> None:  # noqa: ANN401
        self._pipeline, self._settings, self._model = pipeline, settings, model
        self._taken = inspect.signature(pipeline).parameters.keys()
        self._lock = threading.Lock()  # a pipeline's scheduler counts the steps of one picture at a time

    @classmethod
    def load(cls, settings: DiffusersSettings, *, device: str) -> "Diffusers":
        """Raises `BackendUnavailable` for a missing extra, and for a model that is not here or not safe to read."""
        if not settings.model:
            raise BackendUnavailable("SHINGAN_DIFFUSERS_MODEL names no pipeline.")
        model, where = _called(settings), torch_device(device)
        try:
            pipeline = _opened(settings, where)
            if settings.lora is not None:
                file = _lora_file(settings.lora)
                pipeline.load_lora_weights(str(file.parent), weight_name=file.name, local_files_only=True)
            _placed(pipeline, settings, where)
        except ImportError as error:
            raise BackendUnavailable(f"{MISSING} ({error}).") from error
        except Exception as error:  # the hub, safetensors and diffusers have error classes of their own
            raise BackendUnavailable(f"the pipeline {model} cannot be opened: {error}") from error
        return cls(pipeline, settings=settings, model=model)

    def synthesise(self, request: FaceRequest, *, seed: int) -> Synthesis:
        """A new face.

        Raises `UnsupportedAttribute` for what `request` names as unsupported and for attributes that there are no words
        for, unless best effort; for a screened request, and for what the pipeline's own safety checker stops, always.
        """
        attributes = worded(request.attributes)
        wordless = request.attributes.items() - attributes.items()
        require_drawable(request, beyond=[named(*asked) for asked in sorted(wordless)])
        drawn = self._drawn(self._options(describe(attributes), seed))
        if any(getattr(drawn, "nsfw_content_detected", None) or ()):
            raise UnsupportedAttribute((NEVER["sexual"],))
        pixels = framed(np.asarray(_first(drawn).convert("RGB")))
        return Synthesis(pixels, attributes, edited=False, seed=seed, backend=self._model)

    def _drawn(self, options: Mapping[str, Any]) -> Any:  # noqa: ANN401
        try:
            with self._lock, torch.inference_mode():
                return self._pipeline(**options)
        except Exception as error:  # as above; out of memory, above all
            raise BackendUnavailable(f"the pipeline failed: {error}") from error

    def _options(self, prompt: str, seed: int) -> Mapping[str, Any]:
        """What the pipeline is called with: of what can be set, what it takes and what is set."""
        chosen = self._settings
        wanted = {
            "prompt": prompt,
            "negative_prompt": ", ".join(filter(None, (AWAY_FROM, chosen.negative))),
            "num_inference_steps": chosen.steps,
            "guidance_scale": chosen.guidance,
            "generator": torch.Generator("cpu").manual_seed(seed),  # the same noise on whatever device
            "output_type": "pil",
        }
        return {name: value for name, value in wanted.items() if name in self._taken and value is not None}


def _first(drawn: Any) -> Image.Image:  # noqa: ANN401
    images = getattr(drawn, "images", None)
    if not isinstance(images, list) or not images or not isinstance(images[0], Image.Image):
        raise BackendUnavailable("the pipeline draws no pictures")
    return images[0]


def _opened(settings: DiffusersSettings, device: str) -> Any:  # noqa: ANN401
    with ONE_IMPORT:
        from diffusers import DiffusionPipeline
    folder = Path(settings.model)
    if not folder.is_dir():
        local = not settings.download
        folder = Path(DiffusionPipeline.download(settings.model, local_files_only=local, use_safetensors=True))
    _require_no_code(folder)
    half = torch.float16 if device.startswith("cuda") else torch.float32
    return DiffusionPipeline.from_pretrained(folder, local_files_only=True, use_safetensors=True, torch_dtype=half)


def _require_no_code(folder: Path) -> None:
    """Raises `BackendUnavailable` if the pipeline in `folder` asks for code that lies beside its weights."""
    index = json.loads((folder / INDEX).read_text("utf-8"))
    if not isinstance(index.get("_class_name"), str) or any(folder.rglob("*.py")):
        raise BackendUnavailable("it brings code of its own, which is not run here")


def _lora_file(path: Path) -> Path:
    """The one safetensors file that `path` is or holds."""
    files = sorted(path.glob(f"*{WEIGHTS}")) if path.is_dir() else [path]
    if len(files) != 1 or files[0].suffix != WEIGHTS or not files[0].is_file():
        raise BackendUnavailable("SHINGAN_DIFFUSERS_LORA must be a safetensors file, or a folder with one in it.")
    return files[0]


def _placed(pipeline: Any, settings: DiffusersSettings, device: str) -> None:  # noqa: ANN401
    pipeline.set_progress_bar_config(disable=True)
    if settings.offload and device != "cpu":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.to(device)


def _called(settings: DiffusersSettings) -> str:
    """The model's name for the record: a hub id whole, of a folder its last part."""
    path = Path(settings.model)
    model = path.resolve().name if path.is_dir() else settings.model
    return model_name(Diffusers.name, model, mark=f"+ {settings.lora.stem}"[:DIFFERS] if settings.lora else "")
