"""Runs a network on a CPU with ONNX Runtime where that was measured to be faster than torch.

A network is exported and raced against torch once; the winner is kept as a file, so that later loads take milliseconds.
ONNX Runtime is the extra `onnx`; without it, and wherever export or file fail, torch does the work as it always can.
"""

import contextlib
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detector.errors import ModelUnavailable
from detector.onnx_runtime import load_runtime

ENGINES: Final = "engines"
"""Folder of exported networks in the cache; it may be emptied at any time."""
TURNS: Final = 3
"""Runs of each side in the race, in turns; the best of each counts."""
TOLERANCE: Final = 1e-3
"""Largest difference of any output at which both count as the same (measured: 2e-5 on the shipped networks)."""
CHUNK: Final = 4
"""Faces that run at once: more take more memory and are no faster (19 to 24 ms each from 1 to 16 on a CPU, measured).
"""
TORCH_WON: Final = b"torch"
Sight = TypeVar("Sight", bound=tuple[Tensor, ...])
_log = logging.getLogger(__name__)


def fastest(
    build: Callable[[], nn.Module], example: tuple[Tensor, ...], *, gives: type[Sight], name: str, folder: Path | None
) -> Callable[..., Sight]:
    """What `build` makes, whose outputs are the tensors of `gives`, or it in ONNX Runtime if that is faster.

    `example` is a batch of any size; `name` tells these weights from all others. With no `folder` it is always torch;
    once a network is kept there, `build` is not called any more. What `build` raises is let out.
    """
    if folder is None or (runtime := _runtime()) is None:
        return cast("Callable[..., Sight]", build())
    path = folder / f"{name}-{torch.__version__}-{runtime.__version__}.onnx"
    model: nn.Module | None = None
    try:
        data = path.read_bytes() if path.is_file() else None
        if data is None:
            model = build()
            data = _raced(model, example, runtime, path)
        if data != TORCH_WON:
            return OnnxNetwork(_session(runtime, data), gives)
    except ModelUnavailable:
        raise
    except Exception as error:  # exporter and runtime raise whatever they like, and torch is at hand
        _log.warning("engine_unavailable", extra={"network": name, "error": type(error).__name__})
    return cast("Callable[..., Sight]", model or build())


class OnnxNetwork(Generic[Sight]):
    """An exported network, called as the module that it was made from."""

    def __init__(self, session: Any, gives: type[Sight]) -> None:  # noqa: ANN401  (the runtime is optional)
        self._session = session
        self._gives = gives
        self._inputs = [item.name for item in session.get_inputs()]

    def __call__(self, *batch: Tensor) -> Sight:
        starts = range(0, len(batch[0]), CHUNK)
        runs = [self._run([tensor[at : at + CHUNK] for tensor in batch]) for at in starts]
        return self._gives(*(torch.from_numpy(np.concatenate(parts)) for parts in zip(*runs, strict=True)))

    def _run(self, batch: Sequence[Tensor]) -> list[NDArray[np.float32]]:
        fed = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in zip(self._inputs, batch, strict=True)}
        outputs: list[NDArray[np.float32]] = self._session.run(None, fed)
        return outputs


def _runtime() -> Any:  # noqa: ANN401
    try:
        return load_runtime()
    except ImportError:
        return None


def _session(runtime: Any, data: bytes) -> Any:  # noqa: ANN401
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = False  # it never gives back what the largest batch took
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other requests want the cores too
    return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _raced(model: nn.Module, example: tuple[Tensor, ...], runtime: Any, path: Path) -> bytes:  # noqa: ANN401
    """The exported network if it is the faster, else `TORCH_WON`; kept at `path` either way."""
    data = _exported(model, example)
    session = _session(runtime, data)
    fed = {item.name: tensor.numpy() for item, tensor in zip(session.get_inputs(), example, strict=True)}
    sides: list[Callable[[], Sequence[Any]]] = [lambda: model(*example), lambda: session.run(None, fed)]
    with torch.inference_mode():
        theirs, ours = (side() for side in sides)
        if any(float(np.abs(a.numpy() - b).max()) > TOLERANCE for a, b in zip(theirs, ours, strict=True)):
            raise ValueError("the exported network gives other numbers")
        times = [[_seconds(side) for side in sides] for _ in range(TURNS)]
    slow, quick = (min(column) for column in zip(*times, strict=True))
    kept = data if quick < slow else TORCH_WON
    with contextlib.suppress(OSError):  # a home that cannot be written to only means another race next time
        _write(path, kept)
    return kept


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _exported(model: nn.Module, example: tuple[Tensor, ...]) -> bytes:
    inputs = [f"input{place}" for place in range(len(example))]
    with torch.no_grad():
        outputs = [f"output{place}" for place in range(len(model(*example)))]
    dynamic = {name: {0: "batch"} for name in (*inputs, *outputs)}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter needs another package and takes several times as long
        file = Path(folder) / "network.onnx"
        torch.onnx.export(
            model, example, file, input_names=inputs, output_names=outputs, dynamic_axes=dynamic, dynamo=False
        )
        return file.read_bytes()


def _write(path: Path, data: bytes) -> None:
    """Writes whole or not at all: another process may read at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(data)
    os.replace(part, path)
