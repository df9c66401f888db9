"""`bench detect`: faces and images a second, the share of what this machine's matrix product reaches, and a plain peer.

The peer is facenet-pytorch's MTCNN at its defaults and the same networks run naively: a face at a time, without
channels-last, batching or inference mode. The search for the watermark in many pictures together, in torch, stands
beside that of one after the other on the CPU. All run in turns in the same process, so that a busy machine slows all.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from api.commands.console import print_json, print_table
from api.commands.running import load_settings

if TYPE_CHECKING:
    import torch

    from detector.classifier.scorer import Expert
    from detector.types import Face, Pixels

MATRIX: Final = 1024
"""Rows of the square matrices whose product is timed (chosen: past the caches, some 10 ms on a CPU core)."""
FACES: Final = 16
MARKS: Final = 8
"""Unmarked pictures that are searched for the watermark, together and one by one."""
FACE_BOX: Final = (136.0, 106.0, 376.0, 406.0)
FACE_MARKS: Final = ((206.0, 226.0), (306.0, 226.0), (256.0, 286.0), (216.0, 336.0), (296.0, 336.0))


def detect(
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="How often each part runs, in turns.")] = 3,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto; default: as SHINGAN_DEVICE says.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Time the experts and the face finder beside the same networks run naively, and watermark searches together."""
    document = measure(device or load_settings().device, rounds=rounds)
    if as_json:
        print_json(document)
        return
    rows = [(name, f"{value:.3g}") for name, value in document["figures"].items()]
    print_table(("figure", f"on {document['device']}, {document['threads']} threads"), rows)


def measure(device: str, *, rounds: int) -> dict[str, Any]:
    """All figures; the times are medians over `rounds` turns."""
    import torch

    from api.commands.bench import bench_picture
    from detector.bulk_marks.search import detect_batch
    from detector.classifier.cards import shipped
    from detector.classifier.engine import ENGINES
    from detector.classifier.registry import load_expert
    from detector.classifier.scorer import pick_device
    from detector.faces import FaceFinder
    from detector.pipeline import EXPERTS
    from detector.provenance import watermark
    from detector.provenance.keys import MarkKey

    where, pixels, face = pick_device(device), bench_picture(), bench_face()
    pictures, keys = [pixels] * MARKS, [MarkKey(0, bytes(32))]
    plain = [load_expert(shipped(kind), device=where) for kind in EXPERTS]
    experts = [load_expert(shipped(kind), device=where, engines=load_settings().cache / ENGINES) for kind in EXPERTS]
    finder = FaceFinder(device=where)
    parts: dict[str, Callable[[], object]] = {
        "matrix": _matrix(where),
        "faces": lambda: [_read(expert, pixels, face, FACES, where) for expert in experts],
        "image": lambda: (finder.find(pixels), [_read(expert, pixels, face, 1, where) for expert in experts]),
        "naive face": lambda: [_naive(expert, pixels, face, where) for expert in plain],
        "naive find": _naive_finder(where, pixels),
        "marks": lambda: detect_batch(pictures, keys=keys, device=where),
        "marks one by one": lambda: [watermark.detect(picture, keys=keys) for picture in pictures],
    }
    seconds = _in_turns(parts, rounds, where)
    macs = sum(_macs(expert, pixels, face) for expert in plain)
    return {
        "device": where,
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "figures": _figures(seconds, macs),
    }


def _figures(seconds: dict[str, float], macs: float) -> dict[str, float]:
    faces, naive_image = FACES / seconds["faces"], seconds["naive face"] + seconds["naive find"]
    matrix = 2 * MATRIX**3 / seconds["matrix"]
    figures = {
        "faces/s, both experts": faces,
        "images/s, one face": 1 / seconds["image"],
        "GMAC a face, both experts": macs / 1e9,
        "matrix product, GFLOP/s": matrix / 1e9,
        "share of the matrix product": 2 * macs * faces / matrix,
        "naive faces/s": 1 / seconds["naive face"],
        "naive images/s": 1 / naive_image,
        "faces, times naive": faces * seconds["naive face"],
        "images, times naive": naive_image / seconds["image"],
        "mark searches/s, together": MARKS / seconds["marks"],
        "mark searches, times one by one": seconds["marks one by one"] / seconds["marks"],
    }
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def _in_turns(parts: dict[str, Callable[[], object]], rounds: int, device: str) -> dict[str, float]:
    import torch

    times: dict[str, list[float]] = {name: [] for name in parts}
    for turn in range(rounds + 1):  # the first one warms up
        for name, work in parts.items():
            start = time.perf_counter()
            work()
            if device.startswith("cuda"):
                torch.cuda.synchronize()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def bench_face() -> "Face":
    """Where a face of a delivered picture lies."""
    from detector.types import Face

    return Face(FACE_BOX, FACE_MARKS, 1.0)


def _read(expert: "Expert", pixels: "Pixels", face: "Face", count: int, device: str) -> object:
    from detector.classifier.batcher import Batcher

    views = [expert.prepare(pixels, face) for _ in range(count)]
    with Batcher(device=device) as batcher:
        return batcher.wrap(expert).read(views)


def _networks(expert: "Expert") -> "list[torch.nn.Module]":
    """The networks behind `expert`: one, or those of all members of a mean."""
    members = getattr(expert, "members", None)
    if members is not None:
        return [network for member in members for network in _networks(member)]
    return [expert._model]  # type: ignore[attr-defined]


def _naive(expert: "Expert", pixels: "Pixels", face: "Face", device: str) -> object:
    """One face through each network, with gradients kept and memory laid out as it comes."""
    members = getattr(expert, "members", (expert,))
    return [_naive_pass(member, device, *member.prepare(pixels, face)) for member in members]


def _naive_pass(expert: "Expert", device: str, crop: "Pixels", *tiles: "Pixels") -> object:
    """The passes that the expert itself makes: straight and mirrored, or once with its tiles."""
    import torch

    from detector.classifier.two_branch import to_tiles

    (network,) = _networks(expert)
    plain = torch.from_numpy(crop).permute(2, 0, 1)[None].float().contiguous().to(device) / 127.5 - 1
    if tiles:
        return network(plain, to_tiles(tiles).to(device))
    return network(plain), network(plain.flip(3))


def _naive_finder(device: str, pixels: "Pixels") -> Callable[[], object]:
    from facenet_pytorch import MTCNN

    finder = MTCNN(keep_all=True, device=device)
    return lambda: finder.detect(pixels, landmarks=True)


def _matrix(device: str) -> Callable[[], object]:
    import torch

    half = device.startswith("cuda")
    a = torch.randn(MATRIX, MATRIX, device=device, dtype=torch.float16 if half else torch.float32)
    return lambda: a @ a


def _macs(expert: "Expert", pixels: "Pixels", face: "Face") -> float:
    """Multiply-adds of convolutions and linear layers for one face, counted while it is read."""
    import torch
    from torch import nn

    total = 0.0

    def count(layer: nn.Module, _: Any, output: torch.Tensor) -> None:  # noqa: ANN401
        nonlocal total
        total += output.numel() * next(layer.parameters())[0].numel()

    modules = [module for network in _networks(expert) for module in network.modules()]
    layers: Sequence[nn.Module] = [m for m in modules if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    expert.read([expert.prepare(pixels, face)])
    for hook in hooks:
        hook.remove()
    return total
