"""Audits a set of faces for shortcuts: how well are fakes told from reals by what is no evidence of a fake?

    shingan shortcuts INDEX.csv ROOT --faces FACES.jsonl --json

Probes look at 32-pixel thumbnails, at JPEG tables and file sizes, and at picture sizes, (files) as they lie there and
(mix) as training shows them. Where a set has reals of its own, its fakes are probed against these and the mix must not
give them away; other fakes are probed against reals of all sets, all sets alike often, and the figure is only reported.
Exit code 3 if a mix that must not tells the classes apart.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.faces import FaceFinder
from detector.training.calibrate import OWN_FAKES
from detector.training.data import Sample, read_faces, read_index, read_pixels
from detector.training.markdown import number, table, triple
from detector.training.mix import shown
from detector.training.probes import (
    Features,
    block_trace,
    face_size,
    file_habits,
    picture_size,
    probe,
    thumbnail,
)
from detector.training.score import unpacked
from detector.training.slices import ALL, pick

MOST: Final = 0.65
"""AUC that a probe may reach on the training mix of a set with reals of its own."""
LIMIT: Final = 400
"""Fakes and reals looked at per set: an AUC of .65 then has an interval of ± .04."""
FINDING: Final = 3
PROBES: Final = ("thumbnail", "jpeg", "size")

Line = dict[str, Any]


def audit(samples: Sequence[Sample], root: Path, *, limit: int = LIMIT, seed: int = 0) -> list[Line]:
    """A line per set of fakes, view (files, mix) and probe. `samples` have their face; those without are left out."""
    rng, known = np.random.default_rng(seed), [sample for sample in samples if sample.face is not None]
    names = sorted({sample.set for sample in known if not sample.real})
    return [line for name in names for line in _of_set(name, known, root, limit=limit, rng=rng)]


def _of_set(name: str, known: Sequence[Sample], root: Path, *, limit: int, rng: np.random.Generator) -> list[Line]:
    fakes = _some([s for s in known if s.set == name and not s.real], limit, rng)
    own = [s for s in known if s.set == name and s.real]
    reals = _some(own, limit, rng) if own else _spread([s for s in known if s.real], len(fakes), rng)
    chosen = [*fakes, *reals]
    fake = np.array([not sample.real for sample in chosen], dtype=bool)
    groups = np.array([sample.group for sample in chosen], dtype=np.str_)
    expert = _expert_of(fakes[0].family)
    found = []
    for view, features in (("files", files_seen(chosen, root)), ("mix", mix_seen(chosen, root, expert, rng))):
        bound = MOST if own and view == "mix" else None
        for kind in PROBES:
            auc = probe(features[kind], fake, groups)
            line: Line = {"set": name, "paired": bool(own), "expert": expert, "view": view, "probe": kind}
            line |= {"fakes": len(fakes), "reals": len(reals), "auc": auc, "most": bound}
            found.append(line | {"met": None if bound is None else (auc[0] or 0.0) <= bound})
    return found


def _expert_of(family: str) -> str:
    return next((name for name, families in OWN_FAKES.items() if family in families), "synthesis")


def _some(samples: Sequence[Sample], count: int, rng: np.random.Generator) -> list[Sample]:
    """`count` of the samples, those of one group together as far as it goes: pairs stay pairs."""
    order = {group: at for at, group in enumerate(rng.permutation(sorted({s.group for s in samples})).tolist())}
    return sorted(samples, key=lambda sample: order[sample.group])[:count]


def _spread(reals: Sequence[Sample], count: int, rng: np.random.Generator) -> list[Sample]:
    """About `count` reals, as many of every set as it has."""
    names = sorted({sample.set for sample in reals})
    share = -(-count // max(1, len(names)))
    return [sample for name in names for sample in _some([s for s in reals if s.set == name], share, rng)]


def files_seen(samples: Iterable[Sample], root: Path) -> dict[str, Features]:
    """Features by probe of the files as they are, N F each."""
    rows = []
    for sample in samples:
        pixels = read_pixels(root / sample.file)
        rows.append((thumbnail(pixels), file_habits(root / sample.file), picture_size(pixels)))
    return _stacked(rows)


def mix_seen(samples: Iterable[Sample], root: Path, expert: str, rng: np.random.Generator) -> dict[str, Features]:
    """Features by probe of the crops that training shows and of the pictures that they are cut from, N F each."""
    rows = []
    for sample in samples:
        assert sample.face is not None  # noqa: S101 - `audit` leaves others out
        seen = shown(read_pixels(root / sample.file), sample.face, name=sample.set, expert=expert, rng=rng)
        rows.append((thumbnail(seen.crop), block_trace(seen.delivered), face_size(seen.delivered, seen.face)))
    return _stacked(rows)


def _stacked(rows: Sequence[tuple[NDArray[np.float64], ...]]) -> dict[str, Features]:
    return {name: np.stack([row[at] for row in rows]) for at, name in enumerate(PROBES)}


def with_model(found: Iterable[Line], evaluation: Path) -> list[Line]:
    """The lines with the AUC that the shipped expert reaches on the set, from an `evaluation.json`."""
    measured = json.loads(evaluation.read_text(encoding="utf-8"))["lines"]
    return [line | {"model": _model_auc(line, measured)} for line in found]


def _model_auc(line: Line, measured: Sequence[Line]) -> float | None:
    against = "own" if line["paired"] else ALL
    mine = pick(measured, set=line["set"], delivery="native", tier=ALL, against=against, expert=line["expert"])
    values = [one["auc"][0] for one in mine if one["auc"][0] is not None]
    return float(np.mean(values)) if values else None


def as_text(found: Sequence[Line]) -> str:
    """The lines as a Markdown table."""
    head = ("set", "view", "probe", "fakes", "reals", "AUC", "most", "met", "model")
    return table(head, (_cells(line) for line in found))


def _cells(line: Line) -> list[str]:
    names = [str(line[name]) for name in ("set", "view", "probe", "fakes", "reals")]
    most = "" if line["most"] is None else f"<= {number(line['most'])}"
    met = {True: "yes", False: "**no**", None: ""}[line["met"]]
    model = line.get("model")
    return [*names, triple(line["auc"]), most, met, "" if model is None else number(model)]


def samples_of(index: Path, folder: Path, faces: Path | None, *, split: str, limit: int) -> list[Sample]:
    """The samples of `split` with their faces, from `faces` or found now (then only as many as are looked at)."""
    if faces:
        return [sample for sample in read_faces(faces) if sample.split == split]
    rng, finder, found = np.random.default_rng(0), FaceFinder(), []
    samples = [sample for sample in read_index(index) if sample.split == split]
    for name, real in sorted({(sample.set, sample.real) for sample in samples}):
        for sample in _some([s for s in samples if s.set == name and s.real is real], limit, rng):
            seen = finder.find(read_pixels(folder / sample.file))
            values = {slot: getattr(sample, slot) for slot in Sample.__slots__ if slot != "face"}
            found.append(Sample(**values, face=seen[0] if seen else None))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--faces", type=Path, help="rows of detector.training.data; faces are found without it")
    parser.add_argument("--split", default="train")
    parser.add_argument("--limit", type=int, default=LIMIT, help="fakes and reals per set")
    parser.add_argument("--evaluation", type=Path, help="evaluation.json, to set the expert's AUC beside the probes'")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with unpacked(args.root) as folder:
        samples = samples_of(args.index, folder, args.faces, split=args.split, limit=args.limit)
        found = audit(samples, folder, limit=args.limit)
    if args.evaluation:
        found = with_model(found, args.evaluation)
    print(json.dumps({"shortcuts": found}) if args.json else as_text(found))
    if any(line["met"] is False for line in found):
        raise SystemExit(FINDING)


if __name__ == "__main__":
    main()
