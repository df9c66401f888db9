"""The watermarks that the lab compares: ours, and the free ones that run without a download, where installed.

`invisible-watermark` needs `pip install --no-deps` (it would bring opencv-python beside the headless one) and
`blind-watermark` is called as its README does. A peer bears 32 bits and counts as recovered with 30 of them right,
which chance alone gives once in 8 million tries; ours has to give the whole 48-bit id, check and key id included.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from io import StringIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.onnx_runtime import forbid_reports
from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.watermark import detect, embed
from detector.training.mark_journal import core_version
from detector.types import Pixels

OURS: Final = "shingan.wm.1"
PEER_BITS: Final = 32
PEER_RIGHT: Final = 30
KEY: Final = MarkKey(1, bytes(range(32)))
PACKAGES: Final[Mapping[str, str]] = {
    "dwtDct": "imwatermark",
    "dwtDctSvd": "imwatermark",
    "rivaGan": "imwatermark",
    "blind-watermark": "blind_watermark",
}
"""Module that each peer needs."""
_DISTRIBUTIONS: Final[Mapping[str, str]] = {"imwatermark": "invisible-watermark", "blind_watermark": "blind-watermark"}


@dataclass(frozen=True, slots=True)
class Contestant:
    """`embed` marks a picture with the payload of a number; `found` says whether one of some numbers' is read back.

    `version` changes whenever the measured code does.
    """

    name: str
    version: str
    embed: Callable[[Pixels, int], Pixels]
    found: Callable[[Pixels, Sequence[int]], bool]


def ours() -> Contestant:
    def mark(pixels: Pixels, number: int) -> Pixels:
        return embed(pixels, payload=Payload(record_id(number), KEY.key_id), key=KEY)

    def found(pixels: Pixels, numbers: Sequence[int]) -> bool:
        return detect(pixels, keys=[KEY]).record_id in {record_id(number) for number in numbers}

    return Contestant(OURS, core_version(), mark, found)


def installed() -> tuple[list[Contestant], list[str]]:
    """Return the peers that are installed, and the names of those that are not."""
    absent = [name for name, module in PACKAGES.items() if find_spec(module) is None]
    return [_peer(name) for name in PACKAGES if name not in absent], absent


def record_id(number: int) -> str:
    return f"{number * 0x9E3779B97F4A7 % 2**48:012x}"


def _peer(name: str) -> Contestant:
    forbid_reports()
    module = import_module(PACKAGES[name])
    if name == "rivaGan":
        module.WatermarkEncoder.loadModel()
    mark, read = (_mark_blind, _read_blind) if name == "blind-watermark" else (_mark_invisible, _read_invisible)
    made = version(_DISTRIBUTIONS[PACKAGES[name]])
    return Contestant(name, made, partial(mark, module, name), partial(_found, partial(read, module, name)))


def _bits(number: int) -> list[int]:
    return [int(bit) for bit in np.random.default_rng(number).integers(0, 2, PEER_BITS)]


def _found(read: Callable[[Pixels], NDArray[Any]], pixels: Pixels, numbers: Sequence[int]) -> bool:
    try:
        bits = np.asarray(read(pixels)) > 0.5
    except Exception:  # a peer that cannot read a picture has not found its mark in it
        return False
    return any(np.count_nonzero(bits == (np.array(_bits(number)) > 0)) >= PEER_RIGHT for number in numbers)


def _mark_invisible(module: Any, name: str, pixels: Pixels, number: int) -> Pixels:  # noqa: ANN401
    encoder = module.WatermarkEncoder()
    encoder.set_watermark("bits", _bits(number))
    marked = encoder.encode(np.ascontiguousarray(pixels[..., ::-1]), name)
    return _rgb(marked)


def _read_invisible(module: Any, name: str, pixels: Pixels) -> NDArray[Any]:  # noqa: ANN401
    decoder = module.WatermarkDecoder("bits", PEER_BITS)
    return np.asarray(decoder.decode(np.ascontiguousarray(pixels[..., ::-1]), name))


def _mark_blind(module: Any, _: str, pixels: Pixels, number: int) -> Pixels:  # noqa: ANN401
    with redirect_stdout(StringIO()):
        peer = module.WaterMark(password_img=1, password_wm=1)
        peer.read_img(img=np.ascontiguousarray(pixels[..., ::-1]))
        peer.read_wm([bool(bit) for bit in _bits(number)], mode="bit")
        marked = peer.embed()
    return _rgb(marked)


def _read_blind(module: Any, _: str, pixels: Pixels) -> NDArray[Any]:  # noqa: ANN401
    with redirect_stdout(StringIO()):
        peer = module.WaterMark(password_img=1, password_wm=1)
        return np.asarray(
            peer.extract(embed_img=np.ascontiguousarray(pixels[..., ::-1]), wm_shape=PEER_BITS, mode="bit")
        )


def _rgb(marked: NDArray[Any]) -> Pixels:
    result: Pixels = np.clip(np.rint(marked), 0, 255).astype(np.uint8)[..., ::-1].copy()
    return result
