"""What the products work with, opened once per process; the costly parts are built when first asked for."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeVar

from sqlalchemy import Connection

from api.audit import AuditLog
from api.audit_owner import require_own_log
from api.db import Database
from api.fingerprints import FingerprintIndex
from api.migrations.run import upgrade
from api.passing import PassingFiles
from api.policy import Policy
from api.policy_store import PolicyStore
from api.registry import Registry, RegistryChecker
from api.settings import Settings
from api.signing_keys import key_source
from api.storage import Blobs
from api.tenant_lists import TenantLists
from api.tenant_repository import ensure_tenant
from detector.heap import few_arenas, keep_pages
from detector.importing import ONE_IMPORT
from detector.provenance.keys import MarkKey, load_mark_keys
from detector.provenance.known_media import KnownMediaList
from detector.provenance.looks import LookMemory
from detector.provenance.trust import TrustStore
from detector.sandbox import Limits, Sandbox

if TYPE_CHECKING:
    from detector.pipeline import Detector
    from generator.portrait.subject import Finders
    from generator.signing import KeySource
    from generator.synthesizer import Synthesizer

T = TypeVar("T")

CLIP_SECONDS = 300.0
"""For two minutes of full HD: decoding, marking and encoding take about a tenth of a second a frame on one core."""
WORKERS = 2
"""Pictures in work at once: one decodes while the other is scored. More of them only share the same processor."""


class Workplace:
    """One instance: its database, log, policy and keys, and lazily its sandbox, checker, detector and generator."""

    def __init__(
        self, settings: Settings, *, database: Database, audit: AuditLog, policy: Policy, blobs: Blobs
    ) -> None:
        self.settings = settings
        self.database = database
        self.audit = audit
        self.policies = PolicyStore(policy, audit, folder=settings.policy_folder)
        self.blobs = blobs
        self._loop = loop = asyncio.get_running_loop()
        self.fingerprints = FingerprintIndex(database)
        self.registry = Registry(database, blobs, self.fingerprints, loop)
        self.tenant_lists = TenantLists(database, loop)
        self.looks = LookMemory()
        self.passing = PassingFiles()
        self._synthesizers: dict[str, Synthesizer] = {}
        self._lock = threading.Lock()
        few_arenas()
        keep_pages()
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="product")

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Migrates the database and makes whatever home lacks; raises an `ApiError` if that cannot be done."""
        settings.ensure_home()
        await upgrade(settings.database_url)
        audit, policy = AuditLog.open(settings), Policy.load(settings.policy_folder)
        blobs = Blobs.open(settings.blob_url)
        database = Database(settings.database_url)
        try:
            await require_own_log(database, audit)
            await ensure_tenant(database, settings.tenant)
        except BaseException:
            await database.close()
            raise
        return cls(settings, database=database, audit=audit, policy=policy, blobs=blobs)

    async def close(self) -> None:
        # From a thread of its own: work that is still going on may wait for this loop to look a record up.
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        if "detector" in vars(self):
            self.detector.close()
        for box in self.open_sandboxes:
            box.close()
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def policy(self) -> Policy:
        """The instance's own policy, as it is now."""
        return self.policies.instance

    async def run(self, work: Callable[[], T]) -> T:
        """The one door for blocking work: its result from a thread of this instance's small pool."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def look_in_thread(self, work: Callable[[Connection], T]) -> T:
        """`Database.look` for what `run` runs."""
        return self.database.look_in_thread(work, self._loop)

    def change_in_thread(self, work: Callable[[Connection], T]) -> T:
        """`Database.change` for what `run` runs."""
        return self.database.change_in_thread(work, self._loop)

    @property
    def open_sandboxes(self) -> tuple[Sandbox, ...]:
        """Those that were asked for so far."""
        return tuple(vars(self)[name] for name in ("sandbox", "transcoder") if name in vars(self))

    @cached_property
    def sandbox(self) -> Sandbox:
        chosen = self.settings
        limits = Limits(max_bytes=chosen.max_bytes, max_pixels=chosen.max_pixels, seconds=chosen.decode_seconds)
        return Sandbox(limits=limits, workers=WORKERS)

    @cached_property
    def transcoder(self) -> Sandbox:
        """A sandbox with time for a whole clip, one at a time."""
        return Sandbox(limits=replace(self.sandbox.limits, seconds=CLIP_SECONDS))

    @cached_property
    def mark_keys(self) -> tuple[MarkKey, ...]:
        return load_mark_keys(self.settings.home)

    @cached_property
    def trust(self) -> TrustStore:
        return TrustStore.load(self.settings.home)

    @cached_property
    def checker(self) -> RegistryChecker:
        """Reads provenance and completes a watermark hit from this instance's registry; needs no neural network."""
        return RegistryChecker(
            self.registry,
            sandbox=self.sandbox,
            keys=self.mark_keys,
            trust=self.trust,
            known_media=self.known_media,
            remote_hosts=self.settings.remote_manifest_hosts,
        )

    @cached_property
    def detector(self) -> "Detector":
        with ONE_IMPORT:  # here, because torch takes seconds to import and most commands do without
            from detector.classifier.engine import ENGINES
            from detector.classifier.own_store import DetectorStore
            from detector.classifier.scorer import pick_device
            from detector.classifier.tiers import BASES, cards_for
            from detector.pipeline import Detector
        own = DetectorStore(self.settings.home).cards()
        device, bases = self.settings.device, self.settings.home / BASES
        cards = cards_for(self.settings.detector, device=pick_device(device), bases=bases)
        return Detector(
            sandbox=self.sandbox,
            checker=self.checker,
            device=device,
            cards=cards,
            own=own,
            bases=bases,
            engines=self.settings.cache / ENGINES,
        )

    @cached_property
    def known_media(self) -> tuple[KnownMediaList, ...]:
        """The lists that hold for every tenant (`*.csv`) in home's `known_media` folder."""
        files = sorted((self.settings.home / "known_media").glob("*.csv"))
        return tuple(KnownMediaList.load(file) for file in files)

    @cached_property
    def key_source(self) -> "KeySource":
        """Who signs."""
        return key_source(self.settings)

    @cached_property
    def portrait_finders(self) -> "Finders":
        """What portrait tools find faces and landmarks with."""
        with ONE_IMPORT:
            from generator.portrait.subject import Finders
        return Finders()

    def synthesizer(self, name: str) -> "Synthesizer":
        """The face backend `name`, loaded once; raises `BackendUnavailable`."""
        from generator.synthesizer import open_synthesizer

        with self._lock:
            if name not in self._synthesizers:
                self._synthesizers[name] = open_synthesizer(name, settings=self.settings.backends)
            return self._synthesizers[name]
