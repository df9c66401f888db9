"""A stand-in with the interface of diffusers' pipelines: called as they are, it returns what they return."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image

from api.integrations.diffusers_marking import MarkedPipeline
from api.integrations.marking_client import MarkingClient, NotMarkable, Service
from detector.types import Pixels


@dataclass
class ImagePipelineOutput:
    """As `diffusers.pipelines.pipeline_utils.ImagePipelineOutput`."""

    images: list[Image.Image] | np.ndarray[Any, Any]


class Painter:
    """Takes the options that every pipeline of diffusers takes."""

    def __init__(self, make_photo: Callable[..., Pixels]) -> None:
        self._make_photo = make_photo

    def __call__(
        self, prompt: str, *, num_images_per_prompt: int = 1, output_type: str = "pil", return_dict: bool = True
    ) -> ImagePipelineOutput | tuple[Any]:
        pictures = [self._make_photo(len(prompt) + number) for number in range(num_images_per_prompt)]
        images = [Image.fromarray(pixels) for pixels in pictures] if output_type == "pil" else np.stack(pictures) / 255
        return ImagePipelineOutput(images) if return_dict else (images,)


@pytest.fixture
def pipeline(service: Service, make_photo: Callable[..., Pixels]) -> Iterator[MarkedPipeline]:
    with MarkingClient(service, purpose="art", software="painter 3") as client:
        yield MarkedPipeline(Painter(make_photo), client)


@pytest.mark.parametrize("return_dict", [True, False])
def test_every_picture_leaves_marked(
    return_dict: bool, pipeline: MarkedPipeline, service: Service, said: Callable[..., dict[str, Any]]
) -> None:
    made = pipeline("a lighthouse", num_images_per_prompt=2, return_dict=return_dict)
    assert len(made.files) == len(made.images) == 2
    assert len({file.record_id for file in made.files}) == 2
    for file, image in zip(made.files, made.images, strict=True):
        found = said(service, file.data)
        assert found["verdict"]["label"] == "synthetic_declared"
        assert (found["credentials"]["state"], found["watermark"]["record_id"]) == ("trusted", file.record_id)
        assert image.size == (320, 240)
    plain = made.output.images if return_dict else made.output[0]
    assert not np.array_equal(np.asarray(plain[0]), np.asarray(made.images[0]))


@pytest.mark.parametrize("return_dict", [True, False])
def test_arrays_are_refused(return_dict: bool, pipeline: MarkedPipeline) -> None:
    with pytest.raises(NotMarkable, match="output_type='pil'"):
        pipeline("a lighthouse", output_type="np", return_dict=return_dict)
