"""Tiny random networks, pickled as NVLabs' code pickles its own: by stand-ins of the modules that such pickles name."""

import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.signal
import scipy.special
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from detector.faces import crop_face
from detector.types import Pixels
from generator.portrait.subject import Finders

WIDTH = 16
"""Of z and w."""
PIXELS = 32
GALLERY = Path(__file__).parents[3] / "generator" / "gallery" / "faces.jpg"
CLEARLY_ADULT = -2.0
"""Of the reading of apparent age; minors begin at .76."""
SOURCE = "raise AssertionError('the source in the pickle was run')"


class EasyDict(dict[str, Any]):
    """Pickled as NVLabs' class of that name is."""


class Persistent(nn.Module):
    """A module that pickles as its class's name, its own source code and all that its `__dict__` holds."""

    def __init__(self, kind: str, *, tensors: Mapping[str, Tensor | None], **said: object) -> None:
        super().__init__()
        self._kind, self._source = kind, SOURCE
        self._init_args: tuple[object, ...] = ()
        self._init_kwargs: Mapping[str, Any] = EasyDict()
        for name, values in tensors.items():
            if name in ("weight", "bias", "const", "noise_strength") and values is not None:
                self.register_parameter(name, nn.Parameter(values))
            else:
                self.register_buffer(name, values)
        for name, value in said.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return super().__getattr__(name)

    def __reduce__(self) -> tuple[Any, ...]:
        meta = {
            "type": "class",
            "version": 6,
            "module_src": self._source,
            "class_name": self._kind,
            "state": super().__reduce__()[2],
        }
        return _reconstruct_persistent_obj, (meta,), None


def _reconstruct_persistent_obj(meta: Mapping[str, Any]) -> object:
    """As the real one does it: whatever source the pickle brings is run."""
    space: dict[str, Any] = {}
    exec(meta["module_src"], space)
    return space


STAND_INS: Mapping[str, Any] = {"torch_utils.persistence": _reconstruct_persistent_obj, "dnnlib.util": EasyDict}
for _module, _object in STAND_INS.items():
    _object.__module__ = _module


def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, held in STAND_INS.items():
        module = ModuleType(name)
        setattr(module, held.__name__, held)
        monkeypatch.setitem(sys.modules, name.partition(".")[0], ModuleType("package"))
        monkeypatch.setitem(sys.modules, name, module)


class Writer:
    """Writes snapshots to `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, network: nn.Module, *, protocol: int = 4) -> Path:
        """A snapshot with `network` as the averaged generator, and with what else lies in one."""
        path = self._folder / "network-snapshot-000001.pkl"
        snapshot = {"training_set_kwargs": EasyDict(resolution=PIXELS), "D": None, "G_ema": network.eval()}
        path.write_bytes(pickle.dumps(snapshot, protocol))
        return path

    def stylegan2(self, *, classes: int = 0, side: int = PIXELS, **said: object) -> Persistent:
        """A generator of StyleGAN2-ADA; `said` overrides what its layers say of themselves."""
        torch.manual_seed(5)
        blocks = {f"b{2**power}": _block(2**power, said) for power in range(2, int(np.log2(side)) + 1)}
        return _generator(_nested("SynthesisNetwork", blocks), classes=classes)

    def drawing(self, grey: NDArray[np.float32]) -> Persistent:
        """A generator of StyleGAN2 that has learnt one picture (H W, 0 to 1) by heart, as noise, and draws no other."""
        network = self.stylegan2(side=len(grey))
        blocks = [block for _, block in network.synthesis.named_children()]
        for block in blocks:
            block.torgb.weight.data.fill_(0)
        last = blocks[-1]
        last.conv1.weight.data.fill_(0)
        last.conv1.bias.data.fill_(0)
        last.conv1.noise_const, last.conv1.noise_strength.data = torch.from_numpy(grey), torch.tensor(1.0)
        last.torgb.affine.weight.data.fill_(0)
        last.torgb.weight.data.fill_(0.5)  # eight channels, √2 from the activation, 1/√8 from the layer: twice the grey
        last.torgb.bias.data.fill_(-1)
        return network

    def stylegan3(self, *, radial: bool = False) -> Persistent:
        """The generator of 32 px of StyleGAN3: configuration t, or r if `radial`."""
        torch.manual_seed(6)
        return _generator(_synthesis3(radial=radial), classes=0)


@pytest.fixture
def nvlabs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Writer:
    _stand_in(monkeypatch)
    return Writer(tmp_path)


@pytest.fixture(scope="session")
def finders() -> Finders:
    return Finders()


@pytest.fixture(scope="session")
def adult_face(finders: Finders) -> Pixels:
    """512 512 3: one of the made-up faces in the README's gallery, who looks like an adult."""
    sheet = np.asarray(Image.open(GALLERY).convert("RGB"))
    for found in finders.faces.find(sheet):
        face = crop_face(sheet, found, side=512, margin=1.6)
        if len(finders.faces.find(face)) == 1:
            mesh = finders.landmarks.find(face, finders.faces.find(face)[0])
            if finders.age.logit(face, mesh, landmarks=finders.landmarks) < CLEARLY_ADULT:
                return face
    raise AssertionError("nobody in the gallery looks like an adult")


@pytest.fixture
def write_network(nvlabs: Writer) -> Callable[[str], Path]:
    """`write_network("stylegan2")`, or `stylegan3-t`, `stylegan3-r`: the path of a snapshot."""
    makers: dict[str, Callable[[], Persistent]] = {
        "stylegan2": nvlabs.stylegan2,
        "stylegan3-t": nvlabs.stylegan3,
        "stylegan3-r": lambda: nvlabs.stylegan3(radial=True),
    }
    return lambda name: nvlabs.write(makers[name]())


def _nested(kind: str, inner: Mapping[str, nn.Module], **said: object) -> Persistent:
    whole = Persistent(kind, tensors=said.pop("tensors", {}), **said)  # type: ignore[arg-type]
    for name, module in inner.items():
        whole.add_module(name, module)
    return whole


def _dense(inputs: int, outputs: int, *, rate: float = 1.0, bias: Tensor | float = 0.0, **said: object) -> Persistent:
    tensors = {"weight": torch.randn(outputs, inputs) / rate, "bias": torch.zeros(outputs) + bias}
    gains = {"activation": "linear", "weight_gain": rate / np.sqrt(inputs), "bias_gain": rate}
    return Persistent("FullyConnectedLayer", tensors=tensors, in_features=inputs, **(gains | said))


def _generator(synthesis: Persistent, *, classes: int) -> Persistent:
    first = WIDTH * 2 if classes else WIDTH
    layers = {
        f"fc{index}": _dense(first if index == 0 else WIDTH, WIDTH, rate=0.01, activation="lrelu") for index in range(2)
    }
    embed = {"embed": _dense(classes, WIDTH)} if classes else {}
    mapping = _nested("MappingNetwork", {**embed, **layers}, tensors={"w_avg": torch.randn(WIDTH) * 0.1}, num_layers=2)
    sizes = {"z_dim": WIDTH, "c_dim": classes, "w_dim": WIDTH, "img_resolution": PIXELS, "img_channels": 3}
    whole = _nested("Generator", {"synthesis": synthesis, "mapping": mapping}, **sizes)
    whole._init_kwargs = EasyDict(sizes, mapping_kwargs=EasyDict(num_layers=2))
    return whole


def _block(side: int, said: Mapping[str, object]) -> Persistent:
    channels, line = 8, torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    taps = torch.outer(line, line)

    def layer(up: int) -> Persistent:
        tensors = {
            "weight": torch.randn(channels, channels, 3, 3),
            "bias": torch.randn(channels) * 0.1,
            "resample_filter": taps,
            "noise_const": torch.randn(side, side),
            "noise_strength": torch.tensor(0.1),
        }
        facts: dict[str, Any] = {"up": up, "activation": "lrelu", "conv_clamp": 256, "use_noise": True, **said}
        return _nested("SynthesisLayer", {"affine": _dense(WIDTH, channels, bias=1.0)}, tensors=tensors, **facts)

    colours = {"weight": torch.randn(3, channels, 1, 1), "bias": torch.zeros(3)}
    inner = {"conv1": layer(1)} if side == 4 else {"conv0": layer(2), "conv1": layer(1)}
    inner["torgb"] = _nested(
        "ToRGBLayer", {"affine": _dense(WIDTH, channels, bias=1.0)}, tensors=colours, conv_clamp=256
    )
    held = {"resample_filter": taps} | ({"const": torch.randn(channels, 4, 4)} if side == 4 else {})
    return _nested("SynthesisBlock", inner, tensors=held, **{"architecture": "skip", "resolution": side, **said})


LAYERS, CRITICAL, MARGIN, TAPS = 6, 2, 10, 6


def _synthesis3(*, radial: bool) -> Persistent:
    exponents = np.minimum(np.arange(LAYERS + 1) / (LAYERS - CRITICAL), 1)
    cutoffs = 2 * (PIXELS / 2 / 2) ** exponents
    stops = 2**2.1 * (PIXELS / 2 * 2**0.3 / 2**2.1) ** exponents
    rates = np.exp2(np.ceil(np.log2(np.minimum(stops * 2, PIXELS))))
    sizes = rates + MARGIN * 2
    sizes[-2:] = PIXELS
    widths = np.maximum(stops, rates / 2) - cutoffs
    signals = [(int(r), int(s), c, w) for r, s, c, w in zip(rates, sizes, cutoffs, widths, strict=True)]
    channels = [12] * LAYERS + [3]
    inner = {"input": _fourier(signals[0], channels[0])}
    for index in range(LAYERS + 1):
        before = max(index - 1, 0)
        layer = _layer3(
            signals[before],
            signals[index],
            (channels[before], channels[index]),
            rgb=index == LAYERS,
            pointwise=radial or index == LAYERS,
            radial=radial and index < LAYERS - CRITICAL,
        )
        inner[f"L{index}_{signals[index][1]}_{channels[index]}"] = layer
    return _nested("SynthesisNetwork", inner, output_scale=0.25, num_layers=LAYERS)


Signal = tuple[int, int, float, float]
"""Sampling rate, size, cutoff and half width of the transition."""


def _fourier(signal: Signal, channels: int) -> Persistent:
    rate, size, cutoff, _ = signal
    waves = torch.randn(channels, 2)
    radii = waves.norm(dim=1, keepdim=True)
    tensors = {
        "weight": torch.randn(channels, channels),
        "transform": torch.eye(3),
        "freqs": waves / (radii * (radii.square().exp() ** 0.25)) * cutoff,
        "phases": torch.rand(channels) - 0.5,
    }
    affine = _dense(WIDTH, 4, bias=torch.tensor([1.0, 0, 0, 0]))
    affine.weight.data.zero_()
    facts = {"size": np.broadcast_to(np.asarray(size), [2]), "sampling_rate": np.float64(rate), "bandwidth": cutoff}
    return _nested("SynthesisInput", {"affine": affine}, tensors=tensors, **facts)


def _layer3(
    coming: Signal, going: Signal, channels: tuple[int, int], *, rgb: bool, pointwise: bool, radial: bool
) -> Persistent:
    between = max(coming[0], going[0]) * (1 if rgb else 2)
    up, down = between // coming[0], between // going[0]
    kernel = 1 if pointwise else 3
    up_taps, down_taps = (TAPS * factor if factor > 1 and not rgb else 1 for factor in (up, down))
    missing = (going[1] - 1) * down + 1 - (coming[1] + kernel - 1) * up + up_taps + down_taps - 2
    low = (missing + up) // 2
    tensors = {
        "weight": torch.randn(channels[1], channels[0], kernel, kernel),
        "bias": torch.zeros(channels[1]),
        "magnitude_ema": torch.tensor(1.3),
        "up_filter": _lowpass(up_taps, coming, between, radial=False),
        "down_filter": _lowpass(down_taps, going, between, radial=radial),
    }
    facts = {"is_torgb": rgb, "up_factor": up, "down_factor": down, "conv_clamp": 256}
    padding = [low, missing - low, low, missing - low]
    affine = _dense(WIDTH, channels[0], bias=1.0)
    return _nested("SynthesisLayer", {"affine": affine}, tensors=tensors, padding=padding, **facts)


def _lowpass(taps: int, signal: Signal, rate: int, *, radial: bool) -> Tensor | None:
    """Kaiser-windowed: a sinc a dimension, or a jinc in both."""
    if taps == 1:
        return None
    _, _, cutoff, width = signal
    if not radial:
        return torch.as_tensor(scipy.signal.firwin(taps, cutoff, width=width * 2, fs=rate), dtype=torch.float32)
    line = (np.arange(taps) - (taps - 1) / 2) / rate
    radius = np.hypot(*np.meshgrid(line, line))
    beta = scipy.signal.kaiser_beta(scipy.signal.kaiser_atten(taps, width * 2 / (rate / 2)))
    window = np.kaiser(taps, beta)
    jinc = scipy.special.j1(2 * np.pi * cutoff * radius) / radius * np.outer(window, window)
    return torch.as_tensor(jinc / jinc.sum(), dtype=torch.float32)
