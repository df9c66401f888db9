"""A bulk scan from end to end: which inputs are left, Ray's pipeline over them, and the results as they come.

The policy is asked once for all, and each part of the results is in the audit log with its digest. A run that was ended
anywhere goes on where it stopped: what has a row is not looked at again. Ray itself repeats what a lost machine had.
"""

import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from api.auth import Actor
from api.bulk.results import ResultFolder
from api.bulk.sources import Item, items_of
from api.bulk.stages import RESULT, Scorer, decode, row_of
from api.commands.outcome import ExtraMissing
from api.decisions import permit
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.settings import Settings
from api.workplace import Workplace
from detector.sandbox import Limits

PART_ROWS: Final = 1000
PART_SECONDS: Final = 15.0
"""A part is written at so many rows or after so long, whichever is first: as much is done again after a crash."""
ITEMS_A_BLOCK: Final = 16
MAX_BLOCKS: Final = 4000
"""How the inputs are cut into blocks, each of which one task decodes."""
BATCH: Final = 4
"""Pictures that a scorer takes at once."""
DECODE_CPUS: Final = 0.25
SCORE_CPUS: Final = 0.05
"""Shares of a core that are claimed. Scorers stay for the whole run, so they claim little: what is left after a machine
was lost must still be enough for a task that decodes, or the rest would wait for each other."""


@dataclass(frozen=True, slots=True)
class BulkOrder:
    """`scorers` actors judge; `address` is a running cluster's, null for one on this machine alone."""

    sources: Sequence[str]
    out: Path
    purpose: str = ""
    scorers: int = 1
    address: str | None = None


@dataclass(slots=True)
class BulkDone:
    """What a run did; `flagged` and `failed` are of `done`, the rows that it wrote."""

    skipped: int = 0
    done: int = 0
    failed: int = 0
    flagged: int = 0
    parts: int = 0
    labels: Counter[str] = field(default_factory=Counter)

    def take(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.done += len(rows)
        self.failed += sum(row["error"] is not None for row in rows)
        self.flagged += sum(row["action"] == "flag" for row in rows)
        self.parts += 1
        self.labels.update(row["label"] for row in rows)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"labels": dict(self.labels)}


async def run(workplace: Workplace, actor: Actor, order: BulkOrder) -> BulkDone:
    """Inspects every input of `order` that has no row yet.

    Raises `PolicyDenied`, `OutputUnwritable`, `StorageUnavailable`, or `ExtraMissing` without the extra `ray`.
    """
    context = PolicyContext(jurisdiction=workplace.settings.jurisdiction)
    await permit(workplace, PolicyRequest(actor, PolicyAction.INSPECT, order.purpose, context))
    folder, done = ResultFolder(order.out.absolute()), BulkDone()
    finished = folder.finished()
    left: dict[str, Item] = {}
    for item in items_of(order.sources):
        if item.name in finished:
            done.skipped += 1
        else:
            left[item.name] = item
    if not left:
        return done
    for rows in _parts(_rows(list(left.values()), workplace.settings, workplace.sandbox.limits, order)):
        digest = folder.add(rows)
        done.take(rows)
        facts = {"actor": actor.id, "tenant": actor.tenant, "rows": len(rows), "part_sha256": digest}
        async with workplace.database.write() as session:
            await workplace.audit.append(session, "bulk_inspection.completed", facts)
    return done


def _rows(items: Sequence[Item], settings: Settings, limits: Limits, order: BulkOrder) -> Iterator[Mapping[str, Any]]:
    """The result rows in the order in which they become ready."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing here calls home
    try:
        import ray
    except ImportError as error:
        raise ExtraMissing("A scan with Ray needs the extra `ray`: pip install 'shingan[ray]'.") from error
    ours = not ray.is_initialized()
    if ours:
        local = {} if order.address else {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        ray.init(address=order.address, log_to_driver=False, configure_logging=False, **local)
    try:
        logging.getLogger("ray").setLevel(logging.WARNING)
        ray.data.DataContext.get_current().enable_progress_bars = False
        blocks = min(MAX_BLOCKS, -(-len(items) // ITEMS_A_BLOCK))
        made = (
            ray.data.from_items([row_of(item) for item in items], override_num_blocks=blocks)
            .map(decode, fn_kwargs={"limits": limits}, num_cpus=DECODE_CPUS)
            .map_batches(
                Scorer,
                fn_constructor_args=(settings,),
                batch_size=BATCH,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(size=order.scorers),
                num_cpus=SCORE_CPUS,
                num_gpus=1 if settings.device == "cuda" else 0,
            )
        )
        for block in made.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            for text in block.column(RESULT).to_pylist():
                yield json.loads(text)
    finally:
        if ours:
            ray.shutdown()


def _parts(rows: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    part: list[Mapping[str, Any]] = []
    start = time.monotonic()
    for row in rows:
        part.append(row)
        if len(part) >= PART_ROWS or time.monotonic() - start >= PART_SECONDS:
            yield part
            part, start = [], time.monotonic()
    if part:
        yield part
