"""Everything that a file says of its own origin, gathered in one place and in one order."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from detector.errors import DecodeTimeout, MediaTooLarge, UnreadableMedia
from detector.provenance.credentials import from_json
from detector.provenance.declaration import read_declaration
from detector.provenance.fingerprint import pdq
from detector.provenance.keys import MarkKey
from detector.provenance.known_media import KnownMediaList
from detector.provenance.remote import NotFetched, RemoteManifests
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import detect, detect_clip
from detector.sandbox import Sandbox
from detector.types import Credentials, CredentialState, KnownMatch, Media, Pixels, Provenance, WatermarkReading

READ_CREDENTIALS = "detector.provenance.credentials:read_in_sandbox"
INACCESSIBLE_CODE = "manifest.inaccessible"
"""C2PA's status for a manifest that lies elsewhere and could not be had (C2PA 2.4, section 15.2.2)."""
REMOTE_CODES = "shingan.remote."
"""How the status begins that says why."""
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
        self._keys = tuple(keys)
        self._trust = trust
        self._known_media = tuple(known_media)
        self._remote = RemoteManifests(remote_hosts)

    def check(
        self,
        data: bytes,
        media: Media,
        pixels: Pixels | None,
        *,
        more: Sequence[Pixels] = (),
        known: Sequence[KnownMediaList] = (),
    ) -> Provenance:
        """Findings about `data`; where it could not be decoded (`pixels` is null) about its credentials alone.

        A broken file is a finding and never an error. Raises `ProvenanceError` if a trust list is unusable and
        `DetectorError` if the sandbox itself is. Of a clip, `pixels` is the frame that stands for it, and `more` are
        others in which the watermark may be. `known` are lists that count for this file beside those for all.
        """
        credentials = self._read_credentials(data, media.mime)  # 1. what its metadata says, and who signed it
        declaration = read_declaration(data)
        if pixels is None:
            return Provenance(credentials, WatermarkReading(detected=False), declaration=declaration)
        pictures = (pixels, *more)
        watermark = self._search(pictures, self._keys)  # 2. what its pixels say
        others = () if _settled(credentials, watermark) else self._search_beside(pictures, watermark, self._keys)
        fingerprint, quality = pdq(pixels)  # 3. what it looks like
        matches = self._find_known(fingerprint, quality, known)  # 4. who has seen it before
        return Provenance(
            credentials,
            watermark,
            fingerprint=fingerprint,
            known_media=matches,
            declaration=declaration,
            other_marks=others,
        )

    def _read_credentials(self, data: bytes, mime: str) -> Credentials:
        found = self._read(data, mime)
        if found.state is CredentialState.REMOTE and found.remote_url and self._remote.allows(found.remote_url):
            return self._read_remote(data, mime, found, found.remote_url)
        return found

    def _read_remote(self, data: bytes, mime: str, found: Credentials, url: str) -> Credentials:
        """The credentials at `url`; or those `found`, with the reason why there are no better ones."""
        try:
            manifest = self._remote.fetch(url)
        except NotFetched as error:
            return replace(found, failures=(INACCESSIBLE_CODE, f"{REMOTE_CODES}{error}"))
        fetched = self._read(data + manifest, mime, manifest_bytes=len(manifest))
        if fetched.state in (CredentialState.UNREADABLE, CredentialState.REMOTE):
            return replace(found, failures=(INACCESSIBLE_CODE, f"{REMOTE_CODES}no_manifest"))
        return replace(fetched, remote_url=url)

    def _read(self, data: bytes, mime: str, *, manifest_bytes: int = 0) -> Credentials:
        options = {"mime": mime, "settings": self._trust.settings(), "manifest_bytes": manifest_bytes}
        try:
            return from_json(self.sandbox.call(READ_CREDENTIALS, data, patience=1.0, **options))
        except (UnreadableMedia, DecodeTimeout, MediaTooLarge, ValueError):
            return Credentials(CredentialState.UNREADABLE)

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
