"""A job as a value: what was accepted, how far it is, and under which name the queue knows its present run."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final

from api.auth import Actor
from api.errors import ApiError

ID_BYTES: Final = 16


class JobKind(StrEnum):
    INSPECTION = "inspection"
    BATCH = "batch"
    DELIVERY = "delivery"


class JobState(StrEnum):
    """`ACCEPTED` and `RUNNING` lead on; the others are ends."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN: Final = (JobState.ACCEPTED, JobState.RUNNING)


class Priority(IntEnum):
    """Lower goes first, among the jobs of one tenant; no tenant's priority delays another."""

    HIGH = 1
    NORMAL = 10
    LOW = 100


PRIORITIES: Final[Mapping[str, Priority]] = {item.name.lower(): item for item in Priority}
PREFIXES: Final = {JobKind.INSPECTION: "insp", JobKind.BATCH: "batch", JobKind.DELIVERY: "msg"}


class JobEnded(ApiError):
    """The job has an end already, so that it can neither be cancelled nor done once more."""

    status, code, title = 409, "job_ended", "The job has ended"


@dataclass(frozen=True, slots=True)
class Job:
    """`request` is what the work needs; `parts_left` of `parts` have no end; `run` counts how often it was queued.

    `tries` counts failures that a later run may overcome. `due_at` is when a worker should queue it; null for a batch,
    whose parts are queued.
    """

    id: str
    tenant: str
    kind: JobKind
    state: JobState
    priority: int
    created_at: str
    updated_at: str
    request: Mapping[str, Any]
    parent: str | None = None
    error: Mapping[str, Any] | None = None
    parts: int = 1
    parts_left: int = 1
    run: int = 0
    tries: int = 0
    due_at: str | None = None
    queued_at: str | None = None
    entry: int | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def workflow(self) -> str:
        """Name of the present run in the queue: the job's own id, and from the second run on its number as well."""
        return self.id if self.run == 0 else f"{self.id}:{self.run}"

    @property
    def actor(self) -> Actor:
        """Whoever asked for it."""
        asked = self.request["actor"]
        return Actor(asked["id"], self.tenant, frozenset(asked["scopes"]))


def job_id(kind: JobKind) -> str:
    """A new, unguessable id; an inspection's is that of its answer, a delivery's the `webhook-id`."""
    return f"{PREFIXES[kind]}_{secrets.token_hex(ID_BYTES)}"


def asker(actor: Actor) -> dict[str, Any]:
    """What `Job.actor` is made from again."""
    return {"id": actor.id, "scopes": sorted(actor.scopes)}
