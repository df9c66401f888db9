"""Fuzzing: bad inputs, made out of good ones at random, at every border where this product takes hostile bytes.

    python -m tests.drill.fuzz --minutes 60 --out FOLDER
    python -m tests.drill.fuzz --border NAME --repeat FILE

Whatever an input ends in must be an answer or one of our own errors; a service must answer and never with a failure of
its own. The borders have equal shares of the time. An input that fails is kept in a file, from which it is repeated.
"""

import argparse
import asyncio
import json
import random
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

from api.errors import ApiError
from detector.errors import DetectorError
from detector.sandbox import Sandbox
from generator.errors import GeneratorError
from tests.drill.borders import Border, local_borders, sandbox_for_fuzzing
from tests.drill.machine import Machine
from tests.drill.specimens import specimens
from tests.drill.uploads import Service

OURS: Final = (ApiError, DetectorError, GeneratorError)
LONGEST: Final = 150.0
"""Seconds of one input, by the clock: sandbox tasks of a clip may add up to a third of it on an idle machine."""
MOST_FAILURES: Final = 20
"""Of a border, which is then left alone: they are the same one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Runs for so long; or, if `cases` is given, so many inputs of each border."""

    minutes: float = 60.0
    cases: int | None = None
    seed: int = 1
    out: Path = Path("build", "fuzz")


@dataclass(slots=True)
class Tally:
    """What came of one border's inputs."""

    seconds: float = 0.0
    slowest: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cases(self) -> int:
        return self.outcomes.total() + len(self.failures)


def fuzz(plan: Plan, borders: Sequence[Border]) -> dict[str, Any]:
    """Figures, with the inputs that failed in files under `plan.out`."""
    tallies = {border.name: Tally() for border in borders}
    end = time.monotonic() + 60 * plan.minutes
    while left := [border for border in borders if _goes_on(tallies[border.name], plan, end)]:
        border = min(left, key=lambda one: tallies[one.name].seconds)
        tally = tallies[border.name]
        data = made_case(border, seed=plan.seed, number=tally.cases)
        _note(border, data, tally, plan)
    failures = [failure for tally in tallies.values() for failure in tally.failures]
    return {
        "seed": plan.seed,
        "cases": sum(tally.cases for tally in tallies.values()),
        "borders": {name: _figures(tally) for name, tally in tallies.items()},
        "failures": failures,
    }


def made_case(border: Border, *, seed: int, number: int) -> bytes:
    """The input `number` of a border: the same again for the same seed and specimens."""
    chance = random.Random(f"{seed} {border.name} {number}")
    return border.mutate(chance.choice(border.seeds), chance, border.seeds)


def attempt(border: Border, data: bytes) -> str:
    """What came of an input, in a word; raises what is a failure."""
    with _bounded():
        try:
            return border.call(data)
        except OURS as error:
            return error.code


def _goes_on(tally: Tally, plan: Plan, end: float) -> bool:
    if len(tally.failures) >= MOST_FAILURES:
        return False
    return time.monotonic() < end if plan.cases is None else tally.cases < plan.cases


def _note(border: Border, data: bytes, tally: Tally, plan: Plan) -> None:
    start, number = time.monotonic(), tally.cases
    try:
        tally.outcomes[attempt(border, data)] += 1
    except Exception as error:  # whatever it is, it is what is looked for
        plan.out.mkdir(parents=True, exist_ok=True)
        path = plan.out / f"{border.name}-{plan.seed}-{number}"
        path.write_bytes(data)
        path.with_name(f"{path.name}.txt").write_text("".join(traceback.format_exception(error)))
        found = {"border": border.name, "case": number, "error": repr(error)[:400], "file": str(path)}
        tally.failures.append(found)
        print(json.dumps(found), flush=True)
    spent = time.monotonic() - start
    tally.seconds += spent
    tally.slowest = max(tally.slowest, spent)


def _figures(tally: Tally) -> dict[str, Any]:
    times = {"seconds": round(tally.seconds, 1), "slowest": round(tally.slowest, 2)}
    return {"cases": tally.cases, **times, "outcomes": dict(tally.outcomes.most_common())}


@contextmanager
def _bounded() -> Iterator[None]:
    """Raises `TimeoutError` inside the block once it has taken too long."""

    def late(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"this took longer than {LONGEST:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def all_borders(corpus: Path | None = None, *, cache: Path | None = None) -> Iterator[tuple[list[Border], Sandbox]]:
    """Those of this process, with its sandbox, and those of a service that runs as long as the block."""
    with tempfile.TemporaryDirectory(prefix="shingan-fuzz-") as folder, sandbox_for_fuzzing() as sandbox:
        place = Path(folder)
        made = asyncio.run(specimens(place / "home", corpus=corpus))
        machine = Machine(place / "served" / "home", database_url=None, cache=cache or place / "cache")
        machine.home.parent.mkdir()
        with Service(machine) as service:
            asyncio.run(machine.ready())
            yield [*local_borders(made, place / "home", sandbox), *service.borders(made)], sandbox


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzzing of every border.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--corpus", type=Path, help="a folder of further files to start from")
    parser.add_argument("--out", type=Path, default=Path("build", "fuzz"), help="where inputs that fail are kept")
    parser.add_argument("--border", action="append", help="this one alone; may be given several times")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="one input again, at the borders named")
    chosen = parser.parse_args()
    with all_borders(chosen.corpus) as (borders, sandbox):
        borders = [border for border in borders if not chosen.border or border.name in chosen.border]
        if chosen.repeat:
            for border in borders:
                print(border.name, attempt(border, chosen.repeat.read_bytes()))
            return
        print(json.dumps({"seed": chosen.seed}), flush=True)
        figures = fuzz(Plan(chosen.minutes, None, chosen.seed, chosen.out), borders)
    print(json.dumps(figures | {"sandbox_children_ended": dict(sandbox.kills)}, indent=1))
    raise SystemExit(1 if figures["failures"] else 0)


if __name__ == "__main__":
    main()
