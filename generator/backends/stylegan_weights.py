"""A StyleGAN generator as plain data: its tensors, and what its modules say of themselves, out of either kind of file.

A pickle is read once and kept as a safetensors file beside its digest, which any later start reads instead.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from generator.backends.stylegan_arrays import ArrayState
from generator.backends.stylegan_pickle import Module, read_pickle
from generator.errors import BackendUnavailable

Floats = NDArray[np.float32]
PICKLES: Final = frozenset({".pkl", ".pickle"})
KEPT: Final = "stylegan"
"""Folder of converted networks in the cache."""
FORMAT: Final = "shingan.stylegan.1"
AVERAGED: Final = "G_ema"
"""The generator in a snapshot whose weights are averages over training; the others in it are not for use."""
MARKS: Final[Mapping[str, str]] = {"synthesis.input.freqs": "stylegan3", "synthesis.b4.const": "stylegan2"}
"""The tensors by which the generations are told apart."""


@dataclass(frozen=True, slots=True)
class Network:
    """A generator. `modules` has the plain attributes of each module, by its dotted name ("" is the whole).

    `digest` is the SHA-256 of the file that the operator named.
    """

    tensors: Mapping[str, Floats]
    init_kwargs: Mapping[str, Any]
    modules: Mapping[str, Mapping[str, Any]]
    digest: str

    @property
    def kind(self) -> str:
        """`stylegan2` or `stylegan3`; raises `BackendUnavailable` for another architecture."""
        for name, kind in MARKS.items():
            if name in self.tensors:
                return kind
        raise BackendUnavailable("the network is neither a StyleGAN2 nor a StyleGAN3 generator")


def read_network(path: Path, *, cache: Path | None = None) -> Network:
    """The generator in a network pickle or in a file that `converted` made; raises `BackendUnavailable`."""
    digest = _digest(path)
    if path.suffix not in PICKLES:
        return _read_converted(path, digest)
    kept = None if cache is None else cache / KEPT / f"{digest}.safetensors"
    if kept is not None and kept.exists():
        return _read_converted(kept, digest)
    network = _unpickled(read_pickle(path), digest)
    if kept is not None:
        _write(kept, converted(network))
    return network


def converted(network: Network) -> bytes:
    """`network` as a safetensors file, with all that is no tensor as JSON in its header."""
    said = {"init_kwargs": network.init_kwargs, "modules": network.modules}
    header = {"format": FORMAT, **{name: json.dumps(value) for name, value in said.items()}}
    return bytes(save(dict(network.tensors), metadata=header))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BackendUnavailable(f"the network {path.name} cannot be read: {error.strerror}") from error


def _read_converted(path: Path, digest: str) -> Network:
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise BackendUnavailable(f"{path.name} is no StyleGAN network that was converted here")
            tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        return Network(tensors, json.loads(header["init_kwargs"]), json.loads(header["modules"]), digest)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise BackendUnavailable(f"the network {path.name} cannot be read: {error}") from error


def _write(path: Path, data: bytes) -> None:
    """Complete or not at all; a cache that cannot be written to is no reason to stop."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(draft, path)
    except OSError:
        return


def _unpickled(snapshot: object, digest: str) -> Network:
    whole = snapshot.get(AVERAGED) if isinstance(snapshot, dict) else snapshot
    if not isinstance(whole, Module):
        raise BackendUnavailable(f"the pickle holds no {AVERAGED} that was written by StyleGAN2-ADA or StyleGAN3")
    try:
        parts = dict(_modules(whole, ""))
        tensors = {name: values for part, module in parts.items() for name, values in _tensors(module, part)}
        modules = {name: _plain(module.state) for name, module in parts.items()}
        return Network(tensors, _plain(whole.state["_init_kwargs"]), modules, digest)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise BackendUnavailable(f"the pickled network is malformed: {error}") from error


def _modules(module: Module, name: str) -> Iterator[tuple[str, Module]]:
    yield name, module
    for inner, part in dict(module.state["_modules"]).items():
        if not isinstance(part, Module):
            raise TypeError(f"{inner} is no module")
        yield from _modules(part, dotted(name, inner))


def _tensors(module: Module, name: str) -> Iterator[tuple[str, Floats]]:
    for inner, held in {**module.state["_parameters"], **module.state["_buffers"]}.items():
        if held is None:
            continue
        if not isinstance(held, ArrayState):
            raise TypeError(f"{inner} is no tensor")
        yield dotted(name, inner), np.ascontiguousarray(held.values, np.float32).reshape(held.values.shape)


def dotted(name: str, inner: str) -> str:
    """The name of `inner` in the module `name`."""
    return f"{name}.{inner}" if name else inner


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """What of `state` JSON can say."""
    said = {str(name): _said(value) for name, value in state.items() if not str(name).startswith("_")}
    return {name: value for name, value in said.items() if value is not _UNSAID}


def _said(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, ArrayState) and value.values.ndim <= 1:
        return value.values.tolist()
    if isinstance(value, list | tuple):
        items = [_said(item) for item in value]
        return _UNSAID if _UNSAID in items else items
    return _plain(value) if isinstance(value, dict) else _UNSAID


_UNSAID: Final = object()
