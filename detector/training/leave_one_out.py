"""How the synthesis expert fares on a family of generators that it never saw; writes one JSON file.

    python -m detector.training.leave_one_out POOL ROOT OUT_FOLDER FACES.jsonl [MORE.jsonl ...] --out diffusion stylegan

For every family left out (and its kin) the network is trained anew from ImageNet on the pool's other families. Files
of the val and test splits are delivered clean, web and hard as in `detector.training.score`; the face is the indexed
one, scaled. Thresholds and the out-of-domain limit come from the reals of val, AUC and shares from test.
"""

import argparse
import dataclasses
import json
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from detector.classifier.calibration import FLAG_RATE, REVIEW_RATE, conformal_threshold
from detector.classifier.domain import Domain, fit_domain
from detector.classifier.network import suspicion, to_input
from detector.classifier.tiles import cut_tiles
from detector.classifier.two_branch import TwoBranch, to_tiles
from detector.faces import MARGIN, crop_face
from detector.training.data import Sample, read_faces, read_pixels
from detector.training.domain import scaled
from detector.training.metrics import auc, ranking
from detector.training.resampling import Interval, group_weights, interval
from detector.training.score import deliver
from detector.training.synthesis import Recipe, build, early_maps, fit
from detector.training.views import FAMILIES, SIDE, Pool, open_pool
from detector.types import Face, Pixels, Tier

AUC_SETS: Final = frozenset({"ffhq_stylegan", "ffhq_small", "utkface", "web_faces"})
"""Sets whose reals the AUC is taken against; thresholds come from the reals of every set."""
DOMAIN_RATE: Final = 0.03
"""Share of val reals beyond the out-of-domain limit."""
DOMAIN_VIEWS: Final = 1200
CHUNK: Final = 32
KIN: Final = {"stylegan2": ("shingan",), "shingan": ("stylegan2",)}
"""What leaves together with a family: our generator learnt from StyleGAN2 portraits and looks like them."""
BRANCHES: Final = ("both", "content", "noise", "distance")


@dataclass(frozen=True, slots=True)
class Marks:
    """What a network says of N deliveries: suspicion by both branches, by each alone, and distance from its domain."""

    both: NDArray[np.float64]
    content: NDArray[np.float64]
    noise: NDArray[np.float64]
    distance: NDArray[np.float64]

    def where(self, rows: NDArray[np.bool_]) -> "Marks":
        return Marks(*(getattr(self, name)[rows] for name in BRANCHES))


def delivered(sample: Sample, pixels: Pixels, *, delivery: str) -> tuple[Pixels, Face]:
    """The picture and its face as they arrive, the same ones as in `detector.training.score`."""
    assert sample.face is not None  # noqa: S101 - read_faces leaves others out
    rng = np.random.default_rng(zlib.crc32(f"{sample.file}/{delivery}".encode()))
    data = deliver(pixels, delivery=delivery, rng=rng)
    arrived = cv2.cvtColor(np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), 1)), cv2.COLOR_BGR2RGB)
    return np.asarray(arrived, np.uint8), scaled(sample.face, arrived.shape[1] / pixels.shape[1])


@torch.inference_mode()
def look(model: TwoBranch, views: Sequence[tuple[Pixels, NDArray[np.uint8]]]) -> list[NDArray[np.float32]]:
    """Suspicion by both, content and noise, and features, of one batch."""
    sights = model(to_input([crop for crop, _ in views]), to_tiles([tiles for _, tiles in views]))
    fused = [suspicion(logits).numpy() for logits in (sights.logits, sights.content, sights.noise)]
    return [*fused, sights.features.numpy()]


def mark(model: TwoBranch, domain: Domain, samples: Sequence[Sample], root: Path, *, delivery: str) -> Marks:
    """What `model` says of every sample after `delivery`."""
    model, parts = model.eval(), []
    for at in range(0, len(samples), CHUNK):
        views = []
        for sample in samples[at : at + CHUNK]:
            arrived, face = delivered(sample, read_pixels(root / sample.file), delivery=delivery)
            views.append((crop_face(arrived, face, side=SIDE, margin=MARGIN), cut_tiles(arrived, face)))
        both, content, noise, features = look(model, views)
        parts.append((both, content, noise, domain.distances(features)))
    return Marks(*(np.concatenate(column).astype(np.float64) for column in zip(*parts, strict=True)))


@torch.inference_mode()
def learn_domain(model: TwoBranch, pool: Pool, families: Sequence[str], *, seed: int = 0) -> Domain:
    """The domain of `model` from random training views of `families` and reals."""
    model = model.eval()
    known = np.array([i for i, name in enumerate(pool.families) if name == "real" or name in families])
    rows = np.random.default_rng(seed).permutation(known)[:DOMAIN_VIEWS]
    features = []
    for at in range(0, len(rows), CHUNK):
        some = rows[at : at + CHUNK]
        features.append(look(model, [(pool.crops[row], pool.tiles[row]) for row in some])[-1])
    names = ("real", *families)
    classes = np.array([names.index(pool.families[row]) for row in rows])
    return fit_domain(np.concatenate(features), classes)


def judge(marks: Marks, samples: Sequence[Sample], families: Sequence[str]) -> dict[str, Any]:
    """AUC by family, branch and kind of reals, and where the thresholds of val put the fakes and reals of test."""
    split, family, names = (np.array([getattr(s, key) for s in samples]) for key in ("split", "family", "set"))
    test = split == "test"
    real = family == "real"
    known = marks.where((split == "val") & real)
    against = marks.where(test & real & np.isin(names, list(AUC_SETS)))
    ffhq = marks.where(test & real & (names == "ffhq_stylegan"))
    limits = Limits.of(known)
    found: dict[str, Any] = {"reals": limits.shares(marks.where(test & real))}
    for name in families:
        fakes = marks.where(test & (family == name))
        if len(fakes.both):
            found[name] = _aucs(fakes, against, ffhq) | limits.shares(fakes)
    return found


def _aucs(fakes: Marks, reals: Marks, ffhq: Marks) -> dict[str, Any]:
    found: dict[str, Any] = {"fakes": len(fakes.both), "against": len(reals.both)}
    found["interval"] = _interval(fakes.both, reals.both)
    for branch in BRANCHES:
        mine = getattr(fakes, branch)
        found[branch] = round(auc(mine, getattr(reals, branch)), 4)
        found[f"{branch}_ffhq"] = round(auc(mine, getattr(ffhq, branch)), 4)
    return found


def _interval(fakes: NDArray[np.float64], reals: NDArray[np.float64]) -> Interval:
    scores, count = np.concatenate([fakes, reals]), len(fakes) + len(reals)
    weights = group_weights(np.arange(count))
    return interval(ranking(scores, np.arange(count) < len(fakes), weights)["auc"])


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds on the fused suspicion, and the distance beyond which nothing is said."""

    flag: float
    review: float
    domain: float

    @classmethod
    def of(cls, reals: Marks) -> "Limits":
        flag = conformal_threshold(reals.both, rate=FLAG_RATE)
        review = min(flag, conformal_threshold(reals.both, rate=REVIEW_RATE))
        return cls(flag, review, conformal_threshold(reals.distance, rate=DOMAIN_RATE))

    def shares(self, marks: Marks) -> dict[str, float]:
        """Shares that are flagged, that end inconclusive (between the thresholds or out of domain), and cleared.

        `flagged_alone` and `cleared_alone` are by the thresholds only, without the distance.
        """
        if not len(marks.both):
            return {}
        out, high, low = marks.distance > self.domain, marks.both > self.flag, marks.both <= self.review
        shares = {
            "flagged": high & ~out,
            "inconclusive": out | (~high & ~low),
            "cleared": low & ~out,
            "out_of_domain": out,
            "flagged_alone": high,
            "cleared_alone": low,
        }
        return {name: round(float(np.mean(hits)), 4) for name, hits in shares.items()}


def assess(
    model: TwoBranch, domain: Domain, samples: Sequence[Sample], root: Path, families: Sequence[str]
) -> dict[str, Any]:
    """`judge` for each delivery."""
    found = {}
    for tier in Tier:
        found[str(tier)] = judge(mark(model, domain, samples, root, delivery=str(tier)), samples, families)
    return found


def wanted(samples: Sequence[Sample], families: Sequence[str]) -> list[Sample]:
    """Reals of val and test, and test's fakes of `families`."""
    reals = [s for s in samples if s.real and (s.split == "val" or (s.split == "test" and s.set in AUC_SETS))]
    return reals + [s for s in samples if s.split == "test" and s.family in families]


def means(runs: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Mean AUC over the families left out, by delivery and branch."""
    return {
        str(tier): {b: round(float(np.mean([run[tier][name][b] for name, run in runs.items()])), 4) for b in BRANCHES}
        for tier in Tier
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("faces", type=Path, nargs="+")
    parser.add_argument(
        "--out", nargs="*", default=["diffusion", "stylegan", "stylegan2"], help="families to leave out"
    )
    parser.add_argument("--drop", nargs="*", default=[], help="an ingredient to do without: a family or a set of reals")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--views", type=int, help="use only the first rows of the pool")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, help="only assess these weights, on every family")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    pool, samples = open_pool(args.pool, limit=args.views), [s for path in args.faces for s in read_faces(path)]
    if args.weights:
        _write(args.folder / "in_family.json", _in_family(args, pool, samples))
        return
    runs: dict[str, Any] = {}
    for left in args.out:
        runs[left] = _leave_out(left, args, pool, samples)
        _write(args.folder / "leave_one_out.json", {"mean_auc": means(runs), "runs": runs, "dropped": args.drop})


def _leave_out(left: str, args: argparse.Namespace, pool: Pool, samples: Sequence[Sample]) -> dict[str, Any]:
    start = time.process_time()
    gone = {left, *KIN.get(left, ()), *args.drop}
    families = tuple(name for name in FAMILIES if name not in gone)
    model = build(families, None)
    early = early_maps(model, pool, args.pool / f"early_{args.views}.npy")
    recipe = Recipe(families, frozenset(args.drop))
    weights = args.folder / f"without_{left}.safetensors"
    fit(model, pool, early, recipe, minutes=args.minutes, steps=args.steps, seed=args.seed, out=weights)
    trained = time.process_time() - start
    domain = learn_domain(model, pool, families)
    found = assess(model, domain, wanted(samples, (left,)), args.root, (left,))
    return found | {"recipe": _plain(recipe), "train_cpu_s": round(trained)}


def _in_family(args: argparse.Namespace, pool: Pool, samples: Sequence[Sample]) -> dict[str, Any]:
    model = build(FAMILIES, args.weights)
    domain = learn_domain(model, pool, FAMILIES)
    return assess(model, domain, wanted(samples, FAMILIES), args.root, FAMILIES)


def _plain(recipe: Recipe) -> dict[str, list[str]]:
    return {name: sorted(values) for name, values in dataclasses.asdict(recipe).items()}


def _write(path: Path, found: dict[str, Any]) -> None:
    path.write_text(json.dumps(found, indent=1))
    print(json.dumps(found.get("mean_auc", found)), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
