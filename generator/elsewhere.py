"""Marks a picture that another program made or edited, so that any generator can meet the same duties with one call.

What the operator declares of the picture is signed as declared. Older credentials are never dropped: the file as it
came becomes the parent of the marked one.
"""

from typing import Final

from detector.errors import DetectorError
from detector.media import open_media
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import MarkKey
from detector.provenance.watermark import MIN_SIDE
from detector.types import Credentials, CredentialState, Media
from generator.claim import EDITED, SUFFIXES, Parent, Statement
from generator.errors import AlreadyMarked, CredentialsUnreadable, MediaTooSmall
from generator.label import Label, labelled
from generator.marking import mark
from generator.release import Release, let_out, new_record_id, now
from generator.signing import KeySource

PROFILE: Final = "detector.decoder:colour_profile"
DEFAULT_MIME: Final = "image/png"
"""Leaves in its own format whatever came as PNG, JPEG or WebP; anything else leaves as this."""
WITH_CREDENTIALS: Final = (CredentialState.TRUSTED, CredentialState.VALID, CredentialState.INVALID)
UNKNOWN_TITLE: Final = "original"


def mark_file(
    data: bytes,
    *,
    software: str,
    digital_source_type: str,
    key: MarkKey,
    source: KeySource,
    checker: ProvenanceChecker,
    purpose: str | None = None,
    label: Label = Label.NONE,
) -> Release:
    """The picture in `data` with watermark, XMP and a signed manifest; `software` is declared to have made it.

    Raises a `DetectorError` if the file cannot be read, `MediaTooSmall`, `AlreadyMarked` if it bears a mark of ours,
    `CredentialsUnreadable` if what it says of its origin could not be kept, and what `mark` and `let_out` raise.
    """
    media, frame = open_media(data, sandbox=checker.sandbox)  # 1. read it, in the sandbox
    if min(media.width, media.height) < MIN_SIDE:
        raise MediaTooSmall(f"A picture needs at least {MIN_SIDE} pixels on each side to bear a watermark.")
    found = checker.check(data, media, frame.pixels)  # 2. what does it say already?
    if found.watermark.detected:
        raise AlreadyMarked(f"The picture already bears the mark of record {found.watermark.record_id}.")
    parent = history(data, media, found.credentials, digital_source_type)  # 3. keep that as an ingredient
    record_id = new_record_id()
    statement = Statement(None, software, now(), digital_source_type=digital_source_type)
    marked = mark(  # 4. mark and sign
        labelled(frame.pixels, label, edited=digital_source_type == EDITED),
        record_id=record_id,
        key=key,
        source=source,
        statement=statement,
        mime=media.mime if media.mime in SUFFIXES else DEFAULT_MIME,
        parent=parent,
        profile=_profile(data, media, checker),
    )
    return let_out(marked, record_id, statement, checker=checker, purpose=purpose)  # 5. read back


def history(data: bytes, media: Media, credentials: Credentials, digital_source_type: str) -> Parent | None:
    """The file as its own parent: if it has credentials, or if an edit is declared, which has an original.

    Raises `CredentialsUnreadable`.
    """
    if credentials.state in (CredentialState.UNREADABLE, CredentialState.REMOTE):
        raise CredentialsUnreadable(f"Its credentials are {credentials.state}, so they could not be kept.")
    if credentials.state in WITH_CREDENTIALS or digital_source_type == EDITED:
        return Parent(data, media.mime, UNKNOWN_TITLE)
    return None


def _profile(data: bytes, media: Media, checker: ProvenanceChecker) -> bytes | None:
    """The ICC profile, without which the pixels would mean other colours; a damaged one is left behind."""
    try:
        found = checker.sandbox.call(PROFILE, data, mime=media.mime)
    except DetectorError:
        return None
    return bytes.fromhex(found) if isinstance(found, str) and found else None
