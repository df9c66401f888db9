"""A file that somebody brings to be verified, and where what it says of its own origin is read from.

From an earlier verification by the same tenant, or from the record of the release that the file is, byte for byte; else
from its pixels. Credentials are read anew wherever they may be judged otherwise than before.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection

from api.auth import Actor
from api.release_looks import unpacked
from api.repositories import StoredRecord, record_by_id, record_by_sha256
from api.workplace import Workplace
from detector.errors import UnreadableMedia, UnsupportedMedia
from detector.media import open_media, require_bytes, sha256_hex, sniff
from detector.provenance.judgement import Judgement
from detector.provenance.known_media import KnownMediaList
from detector.provenance.looks import Looks
from detector.sandbox import Sandbox
from detector.types import CredentialState, Media, MediaKind, Pixels, Provenance
from detector.video import MARK_FRAMES, is_clip, stills

SPEAKING = (CredentialState.TRUSTED, CredentialState.VALID, CredentialState.INVALID)
"""States of credentials that say something of a file even where nothing of it can be decoded."""


@dataclass(frozen=True, slots=True)
class Brought:
    """`seen` is what is remembered of the file's pixels; where nothing is, `reading` reads its credentials already."""

    workplace: Workplace
    actor: Actor
    data: bytes
    sha256: str
    seen: tuple[Media, Looks] | None
    reading: Future[Judgement] | None

    @classmethod
    def by(cls, actor: Actor, data: bytes, *, workplace: Workplace) -> Self:
        sha256 = sha256_hex(data)
        seen = None if actor.is_anonymous else workplace.looks.find(actor.tenant, sha256)
        kind, mime = sniff(data)
        readable = len(data) <= workplace.sandbox.limits.max_bytes and kind is not MediaKind.UNKNOWN
        reading = workplace.checker.begin(data, mime) if readable and seen is None else None
        return cls(workplace, actor, data, sha256, seen, reading)

    def record(self, connection: Connection) -> StoredRecord | None:
        """The record of the mark that was seen in the file, or that of the release which it is."""
        if self.seen is None:
            return record_by_sha256(connection, self.sha256)
        mark = self.seen[1].watermark
        return record_by_id(connection, mark.record_id) if mark.detected and mark.record_id else None

    def origin(self, record: StoredRecord | None, *, known: Sequence[KnownMediaList]) -> Provenance:
        """What the file says, given its `record`, and lists that count for it. Raises a `DetectorError`."""
        known_origin = self._known_origin(record, known)
        return self._read_origin(known) if known_origin is None else known_origin

    def _known_origin(self, record: StoredRecord | None, known: Sequence[KnownMediaList]) -> Provenance | None:
        seen = self._as_it_left(record) if self.seen is None else self.seen
        if seen is None:
            return None
        media, looks = seen
        again = self.workplace.checker.recheck(
            self.data, media, looks, known=known, reading=self.reading, record=record.record if record else None
        )
        return None if again is None else self._remembered(media, *again)

    def _as_it_left(self, record: StoredRecord | None) -> tuple[Media, Looks] | None:
        """What was read from the release that the file is; null if it is none."""
        looks = unpacked(record.looks, keys=self.workplace.mark_keys) if record and record.looks else None
        return None if looks is None else (self._undecoded(), looks)

    def _read_origin(self, known: Sequence[KnownMediaList]) -> Provenance:
        data, look = self.data, self.workplace.checker.check_and_look
        require_bytes(data, self.workplace.sandbox.limits)
        try:
            media, pictures = self._open(self.workplace.sandbox)
        except UnreadableMedia:
            provenance, _ = look(data, self._undecoded(), None, reading=self.reading)
            if provenance.credentials.state not in SPEAKING:
                raise
            return provenance  # the first segment of a stream has credentials and no picture
        first, more = (pictures[0], pictures[1:]) if pictures else (None, ())
        return self._remembered(media, *look(data, media, first, more=more, known=known, reading=self.reading))

    def _open(self, sandbox: Sandbox) -> tuple[Media, Sequence[Pixels]]:
        """The picture, or a few frames of a clip; none of what is not decoded, which may still carry credentials."""
        try:
            if is_clip(self.data):
                return stills(self.data, sandbox=sandbox, count=MARK_FRAMES)
            media, frame = open_media(self.data, sandbox=sandbox)
        except UnsupportedMedia:
            if sniff(self.data)[0] is MediaKind.UNKNOWN:
                raise
            return self._undecoded(), ()
        return media, (frame.pixels,)

    def _undecoded(self) -> Media:
        return Media(self.sha256, *sniff(self.data), len(self.data), 0, 0)

    def _remembered(self, media: Media, provenance: Provenance, looks: Looks | None) -> Provenance:
        if looks is not None and not self.actor.is_anonymous:
            self.workplace.looks.keep(self.actor.tenant, media, looks)
        return provenance
