"""Everything that a file says of its own origin, gathered in one place and in one order."""

import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from detector.errors import DecodeTimeout, MediaTooLarge, UnreadableMedia
from detector.provenance.declaration import read_declaration
from detector.provenance.fingerprint import pdq
from detector.provenance.judgement import Judgement, TrustWatch, judged, passing
from detector.provenance.keys import MarkKey
from detector.provenance.known_media import KnownMediaList
from detector.provenance.looks import Looks
from detector.provenance.remote import NotFetched, RemoteManifests
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import detect, detect_clip
from detector.sandbox import Sandbox
from detector.types import (
    Credentials,
    CredentialState,
    KnownMatch,
    Media,
    Pixels,
    Provenance,
    ReleaseRecord,
    WatermarkReading,
)

READ_CREDENTIALS = "detector.provenance.credentials:read_in_sandbox"
JUDGE_CREDENTIALS = "detector.provenance.credentials:judge_in_sandbox"
INACCESSIBLE_CODE = "manifest.inaccessible"
"""C2PA's status for a manifest that lies elsewhere and could not be had (C2PA 2.4, section 15.2.2)."""
REMOTE_CODES = "shingan.remote."
"""How the status begins that says why."""
READERS = 2
"""Files whose credentials are read while they are decoded."""
MIN_FINGERPRINT_QUALITY = 50
"""PDQ's own advice: below, a picture has too little structure for its hash to tell it from others."""


class ProvenanceChecker:
    """Checks files against these watermark `keys`, this `trust` store and these lists of known media.

    Manifests that lie elsewhere are fetched from `remote_hosts` alone.
    """

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        keys: Sequence[MarkKey],
        trust: TrustStore,
        known_media: Sequence[KnownMediaList] = (),
        remote_hosts: Collection[str] = (),
    ) -> None:
        self.sandbox = sandbox
        self.keys = tuple(keys)
        self._trust = TrustWatch(trust)
        self._known_media = tuple(known_media)
        self._remote = RemoteManifests(remote_hosts)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="credentials")

    def check(
        self,
        data: bytes,
        media: Media,
        pixels: Pixels | None,
        *,
        more: Sequence[Pixels] = (),
        known: Sequence[KnownMediaList] = (),
        mark: WatermarkReading | None = None,
    ) -> Provenance:
        """Findings about `data`; where it could not be decoded (`pixels` is null) about its credentials alone.

        A broken file is a finding and never an error. Raises `ProvenanceError` if a trust list is unusable and
        `DetectorError` if the sandbox itself is. Of a clip, `pixels` is the frame that stands for it, and `more` are
        others in which the watermark may be, the best first. `known` are lists that count for this file beside those
        for all. `mark` is what was read in `pixels` before, if it was.
        """
        return self.check_and_look(data, media, pixels, more=more, known=known, mark=mark)[0]

    def check_and_look(
        self,
        data: bytes,
        media: Media,
        pixels: Pixels | None,
        *,
        more: Sequence[Pixels] = (),
        known: Sequence[KnownMediaList] = (),
        mark: WatermarkReading | None = None,
        reading: Future[Judgement] | None = None,
    ) -> tuple[Provenance, Looks | None]:
        """`check`, and what it saw in the pixels, for `recheck`; null without pixels. `reading` is from `begin`."""
        judgement = self._judge(data, media.mime) if reading is None else reading.result()
        credentials = judgement.credentials  # 1. what its metadata says, and who signed it
        if pixels is None:
            unseen = WatermarkReading(detected=False)
            return Provenance(credentials, unseen, declaration=read_declaration(data)), None
        looks = self._look((pixels, *more), judgement, mark)  # 2. what its pixels say, and what it looks like
        return self._gather(data, credentials, looks, known), looks  # 3. who has seen it before

    def begin(self, data: bytes, mime: str) -> Future[Judgement]:
        """Starts to read the credentials of `data`, while the caller decodes it for `check_and_look`."""
        return self._readers.submit(self._judge, data, mime)

    def recheck(
        self,
        data: bytes,
        media: Media,
        looks: Looks,
        *,
        known: Sequence[KnownMediaList] = (),
        reading: Future[Judgement] | None = None,
        record: ReleaseRecord | None = None,
    ) -> tuple[Provenance, Looks] | None:
        """`check_and_look` for a file whose pixels were seen before; null if they have to be seen again.

        Credentials are read anew unless what was made of them holds: certificates expire and trust is withdrawn.
        `record` is that of the mark, if it was looked up.
        """
        judgement = looks.judgement
        if judgement is None or not judgement.holds(self._trust.now()):
            judgement = self._judge(data, media.mime) if reading is None else reading.result()
        if looks.others is None and not _settled(judgement.credentials, looks.watermark):
            return None
        return self._gather(data, judgement.credentials, looks, known, record), replace(looks, judgement=judgement)

    def _look(self, pictures: Sequence[Pixels], judgement: Judgement, mark: WatermarkReading | None) -> Looks:
        watermark = self._search(pictures, self.keys) if mark is None else mark
        settled = _settled(judgement.credentials, watermark)
        others = None if settled else self._search_beside(pictures, watermark, self.keys)
        return Looks(watermark, *pdq(pictures[0]), others, judgement)

    def _gather(
        self,
        data: bytes,
        credentials: Credentials,
        looks: Looks,
        known: Sequence[KnownMediaList],
        record: ReleaseRecord | None = None,
    ) -> Provenance:
        return Provenance(
            credentials,
            looks.watermark,
            record=record,
            fingerprint=looks.fingerprint,
            known_media=self._find_known(looks.fingerprint, looks.quality, known),
            declaration=read_declaration(data),
            other_marks=looks.others or (),
            trace=looks.trace,
            resembles=looks.resembles,
        )

    def _judge(self, data: bytes, mime: str) -> Judgement:
        read = self._read(data, mime)
        found = read.credentials
        if found.state is CredentialState.REMOTE and found.remote_url and self._remote.allows(found.remote_url):
            return passing(self._read_remote(data, mime, found, found.remote_url), read.trust)
        return read

    def _read_remote(self, data: bytes, mime: str, found: Credentials, url: str) -> Credentials:
        """The credentials at `url`; or those `found`, with the reason why there are no better ones."""
        try:
            manifest = self._remote.fetch(url)
        except NotFetched as error:
            return replace(found, failures=(INACCESSIBLE_CODE, f"{REMOTE_CODES}{error}"))
        fetched = self._read(data + manifest, mime, manifest_bytes=len(manifest)).credentials
        if fetched.state in (CredentialState.UNREADABLE, CredentialState.REMOTE):
            return replace(found, failures=(INACCESSIBLE_CODE, f"{REMOTE_CODES}no_manifest"))
        return replace(fetched, remote_url=url)

    def _read(self, data: bytes, mime: str, *, manifest_bytes: int = 0) -> Judgement:
        trust, since = self._trust.now(), time.time()
        options = {"mime": mime, "settings": trust.settings, "manifest_bytes": manifest_bytes}
        try:
            return judged(self.sandbox.call(JUDGE_CREDENTIALS, data, patience=1.0, **options), trust, since=since)
        except (UnreadableMedia, DecodeTimeout, MediaTooLarge, ValueError):
            return passing(Credentials(CredentialState.UNREADABLE), trust)

    def _search(self, pictures: Sequence[Pixels], keys: Sequence[MarkKey]) -> WatermarkReading:
        if len(pictures) == 1:
            return detect(pictures[0], keys=keys)
        return detect_clip(pictures, keys=keys)

    def _search_beside(
        self, pictures: Sequence[Pixels], found: WatermarkReading, keys: Sequence[MarkKey]
    ) -> tuple[WatermarkReading, ...]:
        """What those of `keys` find that did not find `found`; a second mark of one key is not told from its first."""
        left = tuple(key for key in keys if key.key_id != found.key_id)
        if not found.detected or not left:
            return ()
        reading = self._search(pictures, left)
        return (reading, *self._search_beside(pictures, reading, left)) if reading.detected else ()

    def _find_known(self, fingerprint: str, quality: int, known: Sequence[KnownMediaList]) -> tuple[KnownMatch, ...]:
        if quality < MIN_FINGERPRINT_QUALITY:
            return ()
        return tuple(match for one in (*self._known_media, *known) for match in one.match(fingerprint))


def _settled(credentials: Credentials, mark: WatermarkReading) -> bool:
    """Whether a trusted signer vouches for these very pixels with this very mark: then there is no need to look on."""
    return credentials.state is CredentialState.TRUSTED and credentials.soft_binding == mark.record_id
