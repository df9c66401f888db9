"""Everything that a file says of its own origin, gathered in one place and in one order."""

from collections.abc import Sequence

from detector.errors import DecodeTimeout, MediaTooLarge, UnreadableMedia
from detector.provenance.credentials import from_json
from detector.provenance.declaration import read_declaration
from detector.provenance.fingerprint import pdq
from detector.provenance.keys import MarkKey
from detector.provenance.known_media import KnownMediaList
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import detect, detect_clip
from detector.sandbox import Sandbox
from detector.types import Credentials, CredentialState, KnownMatch, Media, Pixels, Provenance, WatermarkReading

READ_CREDENTIALS = "detector.provenance.credentials:read_in_sandbox"
MIN_FINGERPRINT_QUALITY = 50
"""PDQ's own advice: below, a picture has too little structure for its hash to tell it from others."""


class ProvenanceChecker:
    """Checks files against these watermark `keys`, this `trust` store and these lists of known media."""

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        keys: Sequence[MarkKey],
        trust: TrustStore,
        known_media: Sequence[KnownMediaList] = (),
    ) -> None:
        self.sandbox = sandbox
        self._keys = tuple(keys)
        self._trust = trust
        self._known_media = tuple(known_media)

    def check(self, data: bytes, media: Media, pixels: Pixels | None, *, more: Sequence[Pixels] = ()) -> Provenance:
        """Findings about `data`; where it could not be decoded (`pixels` is null) about its credentials alone.

        A broken file is a finding and never an error. Raises `ProvenanceError` if a trust list is unusable and
        `DetectorError` if the sandbox itself is. Of a clip, `pixels` is the frame that stands for it, and `more` are
        others in which the watermark may be.
        """
        credentials = self._read_credentials(data, media.mime)  # 1. what its metadata says, and who signed it
        declaration = read_declaration(data)
        if pixels is None:
            return Provenance(credentials, WatermarkReading(detected=False), declaration=declaration)
        watermark = self._search((pixels, *more))  # 2. what its pixels say
        fingerprint, quality = pdq(pixels)  # 3. what it looks like
        known = self._find_known(fingerprint, quality)  # 4. who has seen it before
        return Provenance(credentials, watermark, fingerprint=fingerprint, known_media=known, declaration=declaration)

    def _read_credentials(self, data: bytes, mime: str) -> Credentials:
        try:
            answer = self.sandbox.call(READ_CREDENTIALS, data, mime=mime, settings=self._trust.settings())
            return from_json(answer)
        except (UnreadableMedia, DecodeTimeout, MediaTooLarge, ValueError):
            return Credentials(CredentialState.UNREADABLE)

    def _search(self, pictures: Sequence[Pixels]) -> WatermarkReading:
        if len(pictures) == 1:
            return detect(pictures[0], keys=self._keys)
        return detect_clip(pictures, keys=self._keys)

    def _find_known(self, fingerprint: str, quality: int) -> tuple[KnownMatch, ...]:
        if quality < MIN_FINGERPRINT_QUALITY:
            return ()
        return tuple(match for known in self._known_media for match in known.match(fingerprint))
