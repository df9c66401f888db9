"""A pipeline of diffusers whose pictures leave marked.

    from diffusers import DiffusionPipeline
    from api.integrations.diffusers_marking import MarkedPipeline
    from api.integrations.marking_client import MarkingClient, Service

    client = MarkingClient(Service.from_environment(), purpose="advertising", software="my pipeline 1")
    pipeline = MarkedPipeline(DiffusionPipeline.from_pretrained("…"), client)
    for file in pipeline("a lighthouse at dusk").files:
        file.save(Path("out"))

diffusers' own callbacks see latents between steps and never the finished picture, so the pipeline is wrapped instead.
Nothing of diffusers is imported: whatever returns an object with `.images`, or a tuple that begins with them, will do.
Safety checkers run before, as the pipeline has them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from api.integrations.marking_client import MarkedFile, MarkingClient, NotMarkable, mark_images


@dataclass(frozen=True, slots=True)
class MarkedOutput:
    """`files` in the order of the pictures; `output` is all that the pipeline returned, its unmarked pictures too."""

    files: tuple[MarkedFile, ...]
    output: Any

    @property
    def images(self) -> list[Image.Image]:
        """The marked pixels, for code that expects a pipeline's output; saving them anew loses the credentials."""
        return [file.picture() for file in self.files]


class MarkedPipeline:
    """Calls `pipeline` as it is called, and marks what it returns. Several outputs a call are several files."""

    def __init__(self, pipeline: Callable[..., Any], client: MarkingClient) -> None:
        self._pipeline = pipeline
        self._client = client

    def __call__(self, *arguments: Any, **options: Any) -> MarkedOutput:  # noqa: ANN401
        """Raises a `MarkingError` if a picture could not be marked, and what the pipeline raises."""
        return mark_output(self._pipeline(*arguments, **options), self._client)


def mark_output(output: Any, client: MarkingClient) -> MarkedOutput:  # noqa: ANN401
    """`output` of a pipeline, marked. Raises `NotMarkable` if it holds no pictures of Pillow, or what `mark` raises."""
    images = output[0] if isinstance(output, tuple) and output else getattr(output, "images", None)
    if not isinstance(images, list):
        raise NotMarkable("The pipeline returned no list of pictures; ask for output_type='pil'.")
    return MarkedOutput(tuple(mark_images(images, client)), output)
