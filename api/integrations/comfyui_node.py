"""A node for ComfyUI that has a batch of pictures marked, saves the marked files and passes the marked pixels on.

Install the package into ComfyUI's environment and write `custom_nodes/shingan.py` with the one line

    from api.integrations.comfyui_node import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS  # noqa: F401

The address and the API key come from `SHINGAN_URL` and `SHINGAN_API_KEY`: what a node's fields hold is saved in every
workflow, and a key does not belong there. The names in capitals and pictures as float tensors are ComfyUI's interface.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from api.integrations.marking_client import MarkedFile, MarkingClient, MarkingError, Service, mark_images

if TYPE_CHECKING:
    import torch

OUTPUT_VARIABLE: Final = "SHINGAN_OUTPUT"
"""Folder of the marked files where ComfyUI's own output folder is not known."""
SOFTWARE: Final = "ComfyUI"


class ShinganMark:
    """Marks, signs and registers each picture by a running instance."""

    CATEGORY = "image/provenance"
    DESCRIPTION = "Watermarks, signs and registers each picture by a running Shingan instance, and saves the files."
    FUNCTION = "mark"
    OUTPUT_NODE = True
    RETURN_TYPES = ("IMAGE", "STRING")
    RETURN_NAMES = ("images", "files")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, tuple[Any, ...]]]:
        return {
            "required": {
                "images": ("IMAGE",),
                "purpose": ("STRING", {"default": "art", "tooltip": "What the pictures are for; the policy decides."}),
                "software": ("STRING", {"default": SOFTWARE, "tooltip": "What made them; signed as declared."}),
                "folder": ("STRING", {"default": "shingan", "tooltip": "Folder inside the output folder."}),
            }
        }

    def mark(
        self, images: "torch.Tensor", purpose: str, software: str = SOFTWARE, folder: str = "shingan"
    ) -> dict[str, Any]:
        """`images` (B H W C, 0 to 1) marked, and the paths of the saved files, one a line. Raises a `MarkingError`."""
        target = _inside(_output_folder(), folder)
        with MarkingClient(Service.from_environment(), purpose=purpose, software=software) as client:
            files = mark_images(_pictures(images), client)
        paths = [file.save(target) for file in files]
        shown = [{"filename": path.name, "subfolder": folder, "type": "output"} for path in paths]
        return {"ui": {"images": shown}, "result": (_tensor(files, images), "\n".join(map(str, paths)))}


def _output_folder() -> Path:
    """ComfyUI's, if this runs inside it."""
    if find_spec("folder_paths") is not None:
        return Path(import_module("folder_paths").get_output_directory())
    return Path(os.environ.get(OUTPUT_VARIABLE) or "output")


def _inside(root: Path, folder: str) -> Path:
    """`folder` inside `root`: a workflow from elsewhere must not write wherever it likes. Raises `MarkingError`."""
    target = (root / folder).resolve()
    if not target.is_relative_to(root.resolve()):
        raise MarkingError("The folder has to lie inside the output folder.")
    return target


def _pictures(images: "torch.Tensor") -> list[Image.Image]:
    values = np.rint(255 * np.clip(images.detach().cpu().float().numpy(), 0, 1)).astype(np.uint8)  # B H W C
    return [Image.fromarray(pixels[..., :3]) for pixels in values]


def _tensor(files: list[MarkedFile], like: "torch.Tensor") -> "torch.Tensor":
    pixels = np.stack([np.asarray(file.picture(), np.float32) / 255 for file in files])
    return like.new_tensor(pixels)


NODE_CLASS_MAPPINGS: Final = {"ShinganMark": ShinganMark}
NODE_DISPLAY_NAME_MAPPINGS: Final = {"ShinganMark": "Mark, sign and register (Shingan)"}
