"""Fits the probe of tier `vit` on cached features, and measures it in family and with a family left out.

    python -m detector.training.clip_fit FEATURES OUT --base BASE.safetensors [--scores SCORES.jsonl]

Layers and weight decay are picked on val. Writes OUT/synthesis_vit.safetensors (the probe and its domain), its card
and OUT/clip.json (AUC per family and delivery on test). With SCORES of the small expert also: both of them together.
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits

from detector.classifier.clip_probe import ClipProbe, probe_tensors
from detector.classifier.domain import PREFIX, Domain, fit_domain
from detector.classifier.network import suspicion
from detector.training.clip_card import calibrations_of, write_card
from detector.training.metrics import auc

FAMILIES: Final = ("stylegan", "stylegan2", "diffusion")
DELIVERIES: Final = ("clean", "web", "hard")
LAYERS: Final[Mapping[str, tuple[int, ...]]] = {
    "last": (11,),
    "last four": (8, 9, 10, 11),
    "middle four": (4, 5, 6, 7),
    "first six": (1, 2, 3, 4, 5, 13),
    "patches": (12, 13, 14, 15, 16, 17),
    "spread out": (3, 5, 7, 9, 11, 15),
}
"""Rows of the features that are tried: 0–11 class tokens, then mean and spread of the patches at three depths."""
DECAYS: Final = (1e-3, 1e-2, 1e-1)
STEPS: Final = 60
"""Of L-BFGS; the loss is convex and changes in the fourth digit at most after that."""
SMALLEST: Final = 1e-3
"""Floor of a feature's spread before it divides."""

Features = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cached:
    """`features` N R D with, for each face, its split, family and delivery."""

    features: Features
    files: NDArray[np.str_]
    splits: NDArray[np.str_]
    families: NDArray[np.str_]
    deliveries: NDArray[np.str_]

    def of(self, *, split: str, delivery: str | None = None) -> Bools:
        chosen: Bools = self.splits == split
        return chosen if delivery is None else chosen & (self.deliveries == delivery)


def read_cache(folder: Path) -> Cached:
    features, rows = [], []
    for path in sorted(folder.glob("??????.npz")):
        with np.load(path) as shard:
            features.append(shard["features"].astype(np.float32))
            rows += json.loads(str(shard["rows"]))
    columns = (np.array([row[name] for row in rows]) for name in ("file", "split", "family", "delivery"))
    return Cached(np.concatenate(features), *columns)


def fit_probe(cached: Cached, rows: Sequence[int], *, families: Sequence[str], decay: float) -> ClipProbe:
    """A head for each of `families` over `rows`, each against all reals, both classes weighted alike."""
    kept = cached.of(split="train") & np.isin(cached.families, ["real", *families])
    probe = ClipProbe(torch.tensor(list(rows)), cached.features.shape[2], len(families))
    read = torch.from_numpy(cached.features[kept])
    flat = read[:, probe.rows].flatten(1)
    probe.centre.copy_(flat.mean(0))
    probe.spread.copy_(flat.std(0).clamp_min(SMALLEST))
    with torch.no_grad():
        probe.head.weight.zero_()
    _descend(probe, probe.features(read), cached.families[kept], families, decay=decay)
    return probe.eval().requires_grad_(False)


def _descend(
    probe: ClipProbe, seen: torch.Tensor, names: NDArray[np.str_], families: Sequence[str], *, decay: float
) -> None:
    labels = torch.from_numpy(np.stack([names == family for family in families], 1)).float()  # N K
    reals = torch.from_numpy(names == "real").float()[:, None]
    weights = labels / labels.sum(0).clamp_min(1) + reals / reals.sum().clamp_min(1)
    optimizer = torch.optim.LBFGS(probe.head.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        wrong = binary_cross_entropy_with_logits(probe(seen), labels, weights, reduction="sum")
        total: torch.Tensor = wrong + decay * probe.head.weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]


@torch.inference_mode()
def scores_of(probe: ClipProbe, cached: Cached) -> NDArray[np.float64]:
    return suspicion(probe(probe.features(torch.from_numpy(cached.features)))).double().numpy()


def aucs(scores: NDArray[np.float64], cached: Cached, *, split: str, family: str) -> dict[str, float]:
    """AUC of `family` against the reals of the same delivery."""
    found = {}
    for delivery in DELIVERIES:
        chosen = cached.of(split=split, delivery=delivery)
        fakes, reals = (scores[chosen & (cached.families == name)] for name in (family, "real"))
        found[delivery] = round(auc(fakes, reals), 4)
    return found


def left_out(cached: Cached, rows: Sequence[int], *, decay: float, split: str) -> dict[str, dict[str, float]]:
    """Per family: AUC of a probe that never saw it."""
    found = {}
    for family in FAMILIES:
        probe = fit_probe(cached, rows, families=[name for name in FAMILIES if name != family], decay=decay)
        found[family] = aucs(scores_of(probe, cached), cached, split=split, family=family)
    return found


def pick(cached: Cached) -> tuple[str, float, list[dict[str, Any]]]:
    """Layers and decay with the best mean of in-family and left-out AUC on val, and the whole table."""
    table: list[dict[str, Any]] = []
    for name, rows in LAYERS.items():
        for decay in DECAYS:
            whole = scores_of(fit_probe(cached, rows, families=FAMILIES, decay=decay), cached)
            seen = [aucs(whole, cached, split="val", family=family) for family in FAMILIES]
            unseen = left_out(cached, rows, decay=decay, split="val").values()
            table.append({"layers": name, "decay": decay, "seen": _mean(seen), "unseen": _mean(unseen)})
    best = max(table, key=lambda line: line["seen"] + line["unseen"])
    return best["layers"], best["decay"], table


def _mean(per_family: Iterable[Mapping[str, float]]) -> float:
    return round(float(np.mean([list(row.values()) for row in per_family])), 4)


def one_class(cached: Cached, probe: ClipProbe) -> tuple[Domain, NDArray[np.float64]]:
    """A domain of the train reals only, and the distance of every face to it."""
    seen = probe.features(torch.from_numpy(cached.features)).numpy()
    reals = cached.of(split="train") & (cached.families == "real")
    domain = fit_domain(seen[reals], np.zeros(int(reals.sum()), np.int64))
    return domain, domain.distances(seen).astype(np.float64)


def domain_of(cached: Cached, probe: ClipProbe) -> Domain:
    """The domain of all train faces, a class each for reals and families."""
    train = cached.of(split="train")
    classes = np.unique(cached.families[train], return_inverse=True)[1].astype(np.int64)
    return fit_domain(probe.features(torch.from_numpy(cached.features[train])).numpy(), classes)


def beside(cached: Cached, scores: NDArray[np.float64], small: Path) -> dict[str, dict[str, float]]:
    """AUC per family of the mean of both experts' logits, each scaled by its spread over the val reals."""
    with small.open() as stream:
        rows = [json.loads(line) for line in stream]
    known = {(row["file"], row["delivery"]): row["synthesis"] for row in rows}
    keys = zip(cached.files, cached.deliveries, strict=True)
    other = np.array([known.get((str(f), str(d))) for f, d in keys], np.float64)
    both = _scaled(scores, cached) + _scaled(other, cached)
    kept = np.isfinite(both)
    thinned = Cached(cached.features[kept], cached.files[kept], cached.splits[kept], cached.families[kept],
                     cached.deliveries[kept])  # fmt: skip
    return {family: aucs(both[kept], thinned, split="test", family=family) for family in FAMILIES}


def _scaled(scores: NDArray[np.float64], cached: Cached) -> NDArray[np.float64]:
    reals = scores[cached.of(split="val") & (cached.families == "real") & np.isfinite(scores)]
    scaled: NDArray[np.float64] = (scores - reals.mean()) / reals.std()
    return scaled


def store(cached: Cached, probe: ClipProbe, scores: NDArray[np.float64], path: Path, *, base: Path) -> None:
    """Writes the probe with its domain to `path`, in half precision, and its card beside it."""
    domain = domain_of(cached, probe)
    tensors = {
        PREFIX + name: torch.from_numpy(getattr(domain, name)).half().contiguous() for name in ("means", "whiten")
    }
    save_file(probe_tensors(probe) | tensors, path)
    val = cached.of(split="val")
    seen = probe.features(torch.from_numpy(cached.features[val])).numpy()
    fakes = cached.families[val] != "real"
    distances = domain.distances(seen).astype(np.float64)
    write_card(path, base, calibrations_of(scores[val], distances, fakes, cached.deliveries[val]), families=FAMILIES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="the base that the features were read with")
    parser.add_argument("--scores", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cached = read_cache(args.features)
    name, decay, table = pick(cached)
    probe = fit_probe(cached, LAYERS[name], families=FAMILIES, decay=decay)
    scores = scores_of(probe, cached)
    distances = one_class(cached, probe)[1]
    result: dict[str, Any] = {
        "faces": {split: int(cached.of(split=split).sum()) for split in ("train", "val", "test")},
        "picked": {"layers": name, "decay": decay},
        "seen": {family: aucs(scores, cached, split="test", family=family) for family in FAMILIES},
        "unseen": left_out(cached, LAYERS[name], decay=decay, split="test"),
        "distance_to_reals": {family: aucs(distances, cached, split="test", family=family) for family in FAMILIES},
        "tried_on_val": table,
    }
    if args.scores:
        result["with_small"] = beside(cached, scores, args.scores)
    args.out.mkdir(parents=True, exist_ok=True)
    store(cached, probe, scores, args.out / "synthesis_vit.safetensors", base=args.base)
    (args.out / "clip.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps({key: value for key, value in result.items() if key != "tried_on_val"}, indent=1))


if __name__ == "__main__":
    main()
