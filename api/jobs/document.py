"""A job as callers see it, `shingan.job.1`: its state, the share done, its parts, and what went wrong if anything."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from api.contract import NO_RECEIPT
from api.jobs.job import Job, JobKind, JobState

JOB: Final = "shingan.job.1"


def job_object(job: Job, parts: Sequence[Job] = (), *, receipt: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON object of `job`; `receipt` is that of its acceptance, and of nulls where none is asked for."""
    return {
        "schema": JOB,
        "id": job.id,
        "kind": job.kind.value,
        "state": job.state.value,
        "progress": progress(job),
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "links": links(job),
        "items": [_item(part) for part in sorted(parts, key=lambda part: int(part.request["place"]))],
        "error": dict(job.error) if job.error else None,
        "receipt": dict(receipt or {**NO_RECEIPT, "proof": []}),
    }


def acceptance(job: Job, parts: Sequence[Job]) -> dict[str, Any]:
    """What the audit log's entry of the acceptance holds the digest of."""
    return {"id": job.id, "kind": job.kind.value, "created_at": job.created_at, "items": [part.id for part in parts]}


def progress(job: Job) -> float:
    """Share of the parts that have an end; an inspection is one part."""
    if job.state is JobState.DONE:
        return 1.0
    return round(1 - job.parts_left / job.parts, 4) if job.parts else 1.0


def links(job: Job) -> dict[str, str | None]:
    """Where the job, its events and, once there is one, its answer are; a batch has answers in its parts alone."""
    answer = f"/v1/inspections/{job.id}" if job.kind is JobKind.INSPECTION else None
    return {"self": f"/v1/jobs/{job.id}", "events": f"{answer or f'/v1/jobs/{job.id}'}/events", "answer": answer}


def _item(part: Job) -> dict[str, Any]:
    error = dict(part.error) if part.error else None
    return {"id": part.id, "path": part.request["name"], "state": part.state.value, "error": error}
