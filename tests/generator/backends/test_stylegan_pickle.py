"""Network pickles are data: what they name is not imported, and the source that they bring is not run."""

import io
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from generator.backends.stylegan_arrays import ArrayState
from generator.backends.stylegan_pickle import Module, read_pickle
from generator.backends.stylegan_storage import Storage, read_storage, tensor
from generator.backends.stylegan_weights import read_network
from generator.errors import BackendUnavailable


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


def _written(path: Path, content: object, *, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_tensor_and_number_comes_out(nvlabs: Any, protocol: int) -> None:  # noqa: ANN401
    written = nvlabs.stylegan3(radial=True)
    network = read_network(nvlabs.write(written, protocol=protocol))
    expected = written.state_dict()
    assert network.tensors.keys() == expected.keys()
    for name, values in expected.items():
        assert np.array_equal(network.tensors[name], values.numpy())
    assert network.kind == "stylegan3"
    assert network.init_kwargs["mapping_kwargs"] == {"num_layers": 2}
    assert network.modules["synthesis.input"]["size"] == [36, 36]
    assert network.modules["synthesis.input"]["sampling_rate"] == 16


def test_the_source_in_a_pickle_stays_a_string(nvlabs: Any, tmp_path: Path) -> None:  # noqa: ANN401
    trace = tmp_path / "trace"
    written = nvlabs.stylegan2()
    written._source = f"open({str(trace)!r}, 'w').close()"
    path = nvlabs.write(written)
    assert read_network(path).kind == "stylegan2"
    assert not trace.exists()
    with pytest.raises(AssertionError, match="the source in the pickle was run"):
        pickle.loads(path.read_bytes())  # what the pickle is for those who trust it


@pytest.mark.parametrize("place", ["beside", "inside"])
def test_a_call_is_refused_by_name(nvlabs: Any, tmp_path: Path, place: str) -> None:  # noqa: ANN401
    trace = tmp_path / "trace"
    call = Call(os.system, f"touch {trace}")
    written = nvlabs.stylegan2()
    if place == "inside":
        written.synthesis.b4.evil = call
    path = nvlabs.write(written)
    if place == "beside":
        _written(path, {"G_ema": written, "D": call})
    with pytest.raises(BackendUnavailable, match=r"names posix\.system"):
        read_network(path)
    assert not trace.exists()
    pickle.loads(pickle.dumps(call))
    assert trace.exists()


@pytest.mark.parametrize("function", [eval, getattr, __import__, torch.load, np.load, io.open, torch.nn.Linear])
def test_nothing_that_could_act_has_a_stand_in(tmp_path: Path, function: Callable[..., object]) -> None:
    path = _written(tmp_path / "network.pkl", Call(function, "x"))
    with pytest.raises(BackendUnavailable, match="which no network needs"):
        read_pickle(path)


def test_a_storage_is_read_without_torchs_unpickler(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    buffer = io.BytesIO()
    torch.save(Call(os.system, f"touch {trace}"), buffer, _use_new_zipfile_serialization=False)
    path = _written(tmp_path / "network.pkl", Call(torch.storage._load_from_bytes, buffer.getvalue()))
    with pytest.raises(BackendUnavailable, match=r"a storage in it names posix\.system"):
        read_pickle(path)
    assert not trace.exists()


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.int64, torch.bool])
def test_storages_of_each_type(kind: torch.dtype) -> None:
    values, buffer = torch.arange(6).to(kind), io.BytesIO()
    with warnings.catch_warnings(action="ignore"):  # torch will do without such storages, and still pickles by them
        torch.save(values.storage(), buffer, _use_new_zipfile_serialization=False)  # type: ignore[no-untyped-call]
    assert np.array_equal(read_storage(buffer.getvalue()).values, values.numpy())


def test_tensors_are_cut_as_torch_cuts_them() -> None:
    row = torch.arange(24.0)
    for view in (row.reshape(2, 3, 4), row.reshape(4, 6).T, row[3:], row.reshape(1, 2, 3, 4)[:, 1:], row[5]):
        found = tensor(
            Storage(row.numpy()), int(view.storage_offset()), tuple(view.shape), tuple(map(int, view.stride()))
        )
        assert np.array_equal(found.values, view.numpy())


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(0, (7,), (1,)), (1, (6,), (1,)), (-1, (2,), (1,)), (0, (2,), (-1,)), (0, (10**9,), (0,)), (0, (2, 2), (1,))],
)
def test_no_tensor_reaches_beyond_its_storage(offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
    with pytest.raises(pickle.UnpicklingError):
        tensor(Storage(np.zeros(6, np.float32)), offset, size, stride)


@pytest.mark.parametrize("content", [b"", b"\x80", b"not a pickle", pickle.dumps({"G_ema": "no module"})])
def test_rubbish_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "network.pkl"
    path.write_bytes(content)
    with pytest.raises(BackendUnavailable):
        read_network(path)


def test_a_cut_or_changed_pickle_is_one_error(nvlabs: Any) -> None:  # noqa: ANN401
    path = nvlabs.write(nvlabs.stylegan2())
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(whole[: rng.integers(len(whole))])
        for at in rng.integers(0, max(len(broken), 1), 4):
            broken[at : at + 1] = bytes([rng.integers(256)])
        path.write_bytes(bytes(broken))
        with pytest.raises(BackendUnavailable):
            read_network(path)


def test_a_module_that_holds_itself_is_one_error(tmp_path: Path, nvlabs: Any) -> None:  # noqa: ANN401
    written = nvlabs.stylegan2()
    written._modules["again"] = written._modules["synthesis"]
    written.synthesis._modules["b4"]._modules["loop"] = written.synthesis
    with pytest.raises((BackendUnavailable, RecursionError)):
        read_network(nvlabs.write(written))


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    path = _written(tmp_path / "network.pkl", np.array([{}], dtype=object))
    with pytest.raises(BackendUnavailable, match="something else than numbers"):
        read_pickle(path)
    found = read_pickle(_written(path, [np.arange(3, dtype=">f4"), np.asfortranarray(np.eye(2, 3)), np.float64(0.5)]))
    assert isinstance(found, list)
    first, second, third = found
    assert isinstance(first, ArrayState)
    assert first.values.tolist() == [0, 1, 2]
    assert np.array_equal(second.values, np.eye(2, 3))
    assert third == 0.5


def test_a_pickle_is_read_once(write_network: Callable[[str], Path], tmp_path: Path) -> None:
    path, cache = write_network("stylegan2"), tmp_path / "cache"
    first = read_network(path, cache=cache)
    [kept] = (cache / "stylegan").iterdir()
    assert kept.name == f"{first.digest}.safetensors"
    kept_at = kept.stat().st_mtime_ns
    again, direct = read_network(path, cache=cache), read_network(kept)
    assert kept.stat().st_mtime_ns == kept_at
    for other in (again, direct):
        assert (other.init_kwargs, other.modules) == (first.init_kwargs, first.modules)
        assert all(np.array_equal(other.tensors[name], values) for name, values in first.tensors.items())
    assert again.digest == first.digest != direct.digest


def test_a_cache_that_cannot_be_written_is_no_obstacle(write_network: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert read_network(write_network("stylegan2"), cache=tmp_path / "cache").kind == "stylegan2"


def test_safetensors_of_elsewhere_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(BackendUnavailable, match="converted here"):
        read_network(path)
    with pytest.raises(BackendUnavailable, match="cannot be read"):
        read_network(tmp_path / "missing.pkl")


def test_modules_keep_their_names(write_network: Callable[[str], Path]) -> None:
    snapshot = read_pickle(write_network("stylegan2"))
    assert isinstance(snapshot, dict)
    assert isinstance(snapshot["G_ema"], Module)
    assert snapshot["G_ema"].class_name == "Generator"
    assert snapshot["training_set_kwargs"] == {"resolution": 32}
