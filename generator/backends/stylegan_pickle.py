"""Reads network pickles of NVLabs' StyleGAN code as plain data: nothing that a pickle names is imported or run.

A pickle is a program. This reader knows a short list of names, has a holder of its own for each, and refuses every
other; the source code that such a pickle brings along is a string that nobody looks at.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from generator.backends.stylegan_arrays import ArrayState, ArrayType, buffer, scalar
from generator.backends.stylegan_storage import read_storage, tensor
from generator.errors import BackendUnavailable


@dataclass(frozen=True, slots=True)
class Module:
    """A network module as it was pickled: `state` is what its `__dict__` held."""

    class_name: str
    state: Mapping[str, Any]


class Options(dict[str, Any]):
    """What was pickled as `dnnlib.EasyDict`: it has a `__dict__` of its own, so that pickles can fill it."""


def read_pickle(path: Path) -> object:
    """What lies in the pickle at `path`; raises `BackendUnavailable` for whatever is not plain network data."""
    try:
        with path.open("rb") as file:
            return _Reader(file).load()
    except OSError as error:
        raise BackendUnavailable(f"the network {path.name} cannot be read: {error.strerror}") from error
    except Exception as error:  # a malformed pickle ends in almost any exception
        raise BackendUnavailable(f"{path.name} is no network pickle that can be read: {error}") from error


class _Reader(pickle.Unpickler):
    """No name reaches an import: whatever `find_class` gives out stands in `NAMES`."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        try:
            return NAMES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no network needs") from None


def _module(meta: Mapping[str, Any]) -> Module:
    if meta.get("type") != "class":
        raise pickle.UnpicklingError("it holds a module of an unknown kind")
    return Module(str(meta["class_name"]), dict(meta["state"]))


def _parameter(values: object, *_: object) -> object:
    return values


def _array(*_: object) -> ArrayState:
    return ArrayState()


def _encoded(text: str, coding: str = "latin1") -> bytes:
    """Bytes as protocol 2 writes them."""
    if coding != "latin1":
        raise pickle.UnpicklingError("it holds bytes of an unknown coding")
    return text.encode("latin1")


NAMES: Final[Mapping[tuple[str, str], Callable[..., object]]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("_codecs", "encode"): _encoded,
    ("dnnlib.util", "EasyDict"): Options,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _module,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_tensor_v2"): tensor,
    ("torch.storage", "_load_from_bytes"): read_storage,
    ("numpy", "ndarray"): ArrayState,
    ("numpy", "dtype"): ArrayType,
    ("numpy.core.multiarray", "_reconstruct"): _array,
    ("numpy._core.multiarray", "_reconstruct"): _array,
    ("numpy.core.multiarray", "scalar"): scalar,
    ("numpy._core.multiarray", "scalar"): scalar,
    ("numpy.core.numeric", "_frombuffer"): buffer,
    ("numpy._core.numeric", "_frombuffer"): buffer,
}
"""All that a network pickle may name, and what stands in for it; each of them only holds data."""
