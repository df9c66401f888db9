"""Fits the probe of tier `vit` on cached features, and measures it in family and with a family left out.

    python -m detector.training.clip_fit FEATURES OUT --base BASE.safetensors [--scores SCORES.jsonl]

Layers and weight decay are picked on val. Writes OUT/synthesis_vit.safetensors (the probe and its domain), its card
and OUT/clip.json (AUC per family and delivery on test). With SCORES of the small expert also: both of them together,
thresholds by measured tier, and OUT/scores.jsonl for `shingan evaluate`.
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from detector.classifier.clip_probe import ClipProbe, probe_tensors
from detector.classifier.domain import PREFIX, Domain, fit_domain
from detector.training.calibrate import VIT_RATES, calibrate, read_scores
from detector.training.clip_card import Unseen, calibrations_of, write_card
from detector.training.clip_fates import real_fates, unseen_fates
from detector.training.clip_heads import (
    DELIVERIES,
    FAMILIES,
    Cached,
    domain_of,
    fit_probe,
    read_cache,
    scores_of,
)
from detector.training.metrics import auc

LAYERS: Final[Mapping[str, tuple[int, ...]]] = {
    "last": (11,),
    "last three": (9, 10, 11),
    "last and patches": (11, 16, 17),
    "last four": (8, 9, 10, 11),
    "spread out": (3, 5, 7, 9, 11, 15),
}
"""Rows of the features that are tried: 0–11 class tokens, then mean and spread of the patches at three depths. Early
and middle layers alone rank unseen families worse, by .05 and more."""
FFHQ: Final = "ffhq_stylegan"
"""The set of reals that looks most like what generators make; others differ from fakes by their looks already."""
DECAYS: Final = (1e-2, 1e-1)

Row = dict[str, Any]


def aucs(
    scores: NDArray[np.float64], cached: Cached, *, split: str, family: str, beside: str | None = None
) -> dict[str, float]:
    """AUC of `family` against the reals of the same delivery: all of them, or those of the set `beside`."""
    found = {}
    for delivery in DELIVERIES:
        chosen = cached.of(split=split, delivery=delivery)
        real = chosen & (cached.families == "real")
        reals = real if beside is None else real & (cached.sets == beside)
        found[delivery] = round(auc(scores[chosen & (cached.families == family)], scores[reals]), 4)
    return found


def left_out(
    cached: Cached, rows: Sequence[int], *, decay: float, split: str, beside: str | None = None
) -> dict[str, dict[str, float]]:
    """Per family: AUC of a probe that never saw it."""
    found = {}
    for family in FAMILIES:
        probe = fit_probe(cached, rows, families=[name for name in FAMILIES if name != family], decay=decay)
        found[family] = aucs(scores_of(probe, cached), cached, split=split, family=family, beside=beside)
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


def beside(cached: Cached, scores: NDArray[np.float64], small: Path) -> dict[str, dict[str, float]]:
    """AUC per family of the mean of both experts' logits, each scaled by its spread over the val reals."""
    with small.open() as stream:
        rows = [json.loads(line) for line in stream]
    known = {(row["file"], row["delivery"]): row["synthesis"] for row in rows}
    keys = zip(cached.files, cached.deliveries, strict=True)
    other = np.array([known.get((str(f), str(d))) for f, d in keys], np.float64)
    both = _scaled(scores, cached) + _scaled(other, cached)
    kept = np.isfinite(both)
    thinned = Cached(*(getattr(cached, name)[kept] for name in Cached.__slots__))
    return {family: aucs(both[kept], thinned, split="test", family=family) for family in FAMILIES}


def _scaled(scores: NDArray[np.float64], cached: Cached) -> NDArray[np.float64]:
    reals = scores[cached.of(split="val") & (cached.families == "real") & np.isfinite(scores)]
    scaled: NDArray[np.float64] = (scores - reals.mean()) / reals.std()
    return scaled


def rejudged(cached: Cached, scores: NDArray[np.float64], distances: NDArray[np.float64], path: Path) -> list[Row]:
    """The rows of `path` (of `detector.training.score`) that are cached, with the probe's logit and distance."""
    at = {(str(f), str(d)): number for number, (f, d) in enumerate(zip(cached.files, cached.deliveries, strict=True))}
    found = []
    for row in read_scores(path):
        number = at.get((row["file"], row["delivery"]))
        if number is not None and row["faces"]:
            logit, distance = float(scores[number]), float(distances[number])
            found.append(row | {"synthesis": logit, "synthesis_domain": distance})
    return found


def store(
    cached: Cached,
    probe: ClipProbe,
    scores: NDArray[np.float64],
    path: Path,
    *,
    base: Path,
    small: Path | None,
    unseen: Unseen,
    beside: Unseen,
) -> None:
    """Writes the probe with its domain to `path`, in half precision, and its card beside it.

    With the score rows `small` thresholds are by measured tier, and the probe's own rows are written as well.
    """
    domain = domain_of(cached, probe)
    tensors = {
        PREFIX + name: torch.from_numpy(getattr(domain, name)).half().contiguous() for name in ("means", "whiten")
    }
    save_file(probe_tensors(probe) | tensors, path)
    apart = domain.distances(probe.features(torch.from_numpy(cached.features)).numpy()).astype(np.float64)
    if small is None:
        val = cached.of(split="val")
        made = cached.families[val] != "real"
        by_delivery = calibrations_of(scores[val], apart[val], made, cached.deliveries[val])
        write_card(path, base, by_delivery, FAMILIES, unseen, beside)
        return
    rows = rejudged(cached, scores, apart, small)
    path.with_name("scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    write_card(path, base, calibrate(rows, "synthesis", rates=VIT_RATES), FAMILIES, unseen, beside)


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
        "unseen_beside_ffhq": left_out(cached, LAYERS[name], decay=decay, split="test", beside=FFHQ),
        "unseen_fates": unseen_fates(cached, LAYERS[name], decay=decay),
        "reals_fates": real_fates(cached, probe),
        "distance_to_reals": {family: aucs(distances, cached, split="test", family=family) for family in FAMILIES},
        "tried_on_val": table,
    }
    if args.scores:
        result["with_small"] = beside(cached, scores, args.scores)
    args.out.mkdir(parents=True, exist_ok=True)
    path, hidden = args.out / "synthesis_vit.safetensors", (result["unseen"], result["unseen_beside_ffhq"])
    store(cached, probe, scores, path, base=args.base, small=args.scores, unseen=hidden[0], beside=hidden[1])
    (args.out / "clip.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps({key: value for key, value in result.items() if key != "tried_on_val"}, indent=1))


if __name__ == "__main__":
    main()
