"""The queue, DBOS Transact, which stays behind this file: durable, priorities within a tenant, fair between tenants.

It holds nothing that the table of jobs does not say as well: if its database is lost, the sweep queues what is open.
DBOS is one per process, and so is an `Engine` that was started.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.engine import make_url

from api.jobs.job import Job, JobKind
from api.settings import Settings

if TYPE_CHECKING:
    from dbos import DBOSConfig

WORK: Final = "shingan.work"
VERSION: Final = "shingan.jobs.1"
"""Runs of another version are not taken up; it changes only if a run queued by an older one could not be done."""
SCHEMA: Final = "shingan_queue"
"""Where PostgreSQL has the queue's tables."""
FILE: Final = "queue.db"
"""Where SQLite has them, in home."""
POLL_SECONDS: Final = 0.5
CONNECTIONS: Final = 5
DELIVERIES: Final = 8
DELIVERIES_OF_ONE: Final = 4
"""Webhooks that one worker sends at a time, and at most for one tenant: they wait for others, not for the processor."""
LIVING: Final = ("ENQUEUED", "DELAYED", "PENDING")


@dataclass(frozen=True, slots=True)
class Run:
    """What the queue says of a run; `worker` is who took it, if anybody did."""

    living: bool
    taken: bool
    worker: str | None


class Engine:
    """Queues runs, and has those that this worker takes done by `work`, in a thread each."""

    def __init__(self, settings: Settings, *, worker: str, work: Callable[[str], None]) -> None:
        self._settings = settings
        self._worker = worker
        self._work = work
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Blocks for some tenths of a second; raises whatever the database does."""
        self._settings.ensure_home()
        try:
            self._launch()
        except BaseException:
            self.stop(patience=0)
            raise

    def _launch(self) -> None:
        from dbos import DBOS

        DBOS(config=_config(self._settings, self._worker))

        def run(workflow: str) -> None:
            self._run(workflow)

        DBOS.workflow(name=WORK, max_recovery_attempts=None)(run)  # how often is the job's to know
        DBOS.launch()
        chosen = self._settings
        DBOS.register_queue(
            JobKind.INSPECTION.value,
            worker_concurrency=chosen.worker_jobs,
            partition_worker_concurrency=min(chosen.tenant_jobs, chosen.worker_jobs),
            polling_interval_sec=POLL_SECONDS,
        )
        DBOS.register_queue(
            JobKind.DELIVERY.value,
            worker_concurrency=DELIVERIES,
            partition_worker_concurrency=DELIVERIES_OF_ONE,
            polling_interval_sec=POLL_SECONDS,
        )

    def stop(self, *, patience: int) -> None:
        """Takes nothing more, and waits up to `patience` seconds for what is being done."""
        from dbos import DBOS

        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=patience if self._busy else 0)

    def queue(self, job: Job) -> None:
        """Queues the present run of `job`; once more is as good as once."""
        from dbos import DBOS

        DBOS.enqueue_workflow_with_options(
            {
                "workflow_name": WORK,
                "queue_name": job.kind.value,
                "workflow_id": job.workflow,
                "priority": job.priority,
                "queue_partition_key": job.tenant,
            },
            job.workflow,
        )

    def runs(self, workflows: Sequence[str]) -> Mapping[str, Run]:
        """What is known of each; a run that was never queued is missing."""
        from dbos import DBOS

        found = DBOS.list_workflows(workflow_ids=list(workflows), load_input=False, load_output=False)
        return {
            item.workflow_id: Run(item.status in LIVING, item.status == "PENDING", item.executor_id) for item in found
        }

    def queue_again(self, job: Job) -> None:
        """Takes the present run away from whoever has it."""
        from dbos import DBOS

        DBOS.resume_workflow(job.workflow, queue_name=job.kind.value)

    def drop(self, workflow: str) -> None:
        """A run that nobody needs any more is not taken up."""
        from dbos import DBOS

        DBOS.cancel_workflow(workflow)

    def is_busy_with(self, workflow: str) -> bool:
        """Whether this very process does it."""
        with self._lock:
            return workflow in self._busy

    def _run(self, workflow: str) -> None:
        with self._lock:
            self._busy.add(workflow)
        try:
            self._work(workflow)
        finally:
            with self._lock:
                self._busy.discard(workflow)


def _config(settings: Settings, worker: str) -> "DBOSConfig":
    return {
        "name": "shingan",
        "system_database_url": queue_url(settings),
        "dbos_system_schema": SCHEMA,
        "application_version": VERSION,
        "executor_id": worker,
        "sys_db_pool_size": CONNECTIONS,
        "use_listen_notify": False,
        "log_level": "ERROR",
    }


def queue_url(settings: Settings) -> str:
    """Beside the instance's own tables in PostgreSQL; a file of its own with SQLite, which has one writer a file."""
    url: Any = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{settings.home / FILE}"
    rendered: str = url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    return rendered
