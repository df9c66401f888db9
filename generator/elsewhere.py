"""Marks a picture that another program made or edited, so that any generator can meet the same duties with one call.

What the operator declares of the picture is signed as declared. Older credentials are never dropped: the file as it
came becomes the parent of the marked one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from detector.errors import DetectorError
from detector.media import open_media
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import MarkKey
from detector.provenance.known_media import KnownMediaList
from detector.provenance.watermark import MIN_SIDE
from detector.types import Credentials, CredentialState, Media, Pixels, Provenance
from generator.claim import EDITED, PRODUCT, SUFFIXES, Parent, Statement
from generator.errors import AlreadyMarked, CredentialsUnreadable, MediaTooSmall
from generator.label import Label, labelled
from generator.lifting import is_intact_release, lift
from generator.marking import mark
from generator.release import Release, let_out, new_record_id, now
from generator.signing import KeySource

PROFILE: Final = "detector.decoder:colour_profile"
DEFAULT_MIME: Final = "image/png"
"""Leaves in its own format whatever came as PNG, JPEG or WebP; anything else leaves as this."""
WITH_CREDENTIALS: Final = (CredentialState.TRUSTED, CredentialState.VALID, CredentialState.INVALID)
UNKNOWN_TITLE: Final = "original"


@dataclass(frozen=True, slots=True)
class Order:
    """How a file is to be marked; `software` is declared to have made it, or, by `digital_source_type`, edited it.

    `provider` is who offers that to people.
    """

    software: str
    digital_source_type: str
    key: MarkKey
    source: KeySource
    purpose: str | None = None
    label: Label = Label.NONE
    provider: str = PRODUCT

    @property
    def edited(self) -> bool:
        return self.digital_source_type == EDITED

    def statement(self) -> Statement:
        """What the file will say of itself, as of now."""
        kind = self.digital_source_type
        return Statement(None, self.software, now(), digital_source_type=kind, provider=self.provider)


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture that may be marked: `data` as it came, `pixels` decoded, and what was found of its origin."""

    data: bytes
    media: Media
    pixels: Pixels
    found: Provenance


def mark_file(data: bytes, order: Order, *, checker: ProvenanceChecker) -> Release:
    """The picture in `data` with watermark, XMP and a signed manifest. Raises as its two steps do."""
    opened = open_unmarked(data, checker=checker)  # 1. read it, and what it says already
    return mark_opened(opened, opened.pixels, order, checker=checker)  # 2. mark, sign, read back


def open_unmarked(
    data: bytes,
    *,
    checker: ProvenanceChecker,
    known: Sequence[KnownMediaList] = (),
    liftable: Sequence[MarkKey] = (),
) -> Opened:
    """The picture in `data`, decoded in the sandbox; `known` are further lists to look it up in.

    From an untouched release of this instance the mark is taken off, if one of the keys in `liftable` made it: the
    credential stays, as that of an ingredient.

    Raises a `DetectorError` if it cannot be read, `MediaTooSmall`, and `AlreadyMarked` if it bears a mark that stays.
    """
    media, frame = open_media(data, sandbox=checker.sandbox)
    if min(media.width, media.height) < MIN_SIDE:
        raise MediaTooSmall(f"A picture needs at least {MIN_SIDE} pixels on each side to bear a watermark.")
    found = checker.check(data, media, frame.pixels, known=known)
    if not found.watermark.detected:
        return Opened(data, media, frame.pixels, found)
    bare = lift(frame.pixels, found, keys=liftable) if is_intact_release(found) else None
    if bare is None:
        raise AlreadyMarked(f"The picture already bears the mark of record {found.watermark.record_id}.")
    return Opened(data, media, bare, found)


def mark_opened(
    opened: Opened, pixels: Pixels, order: Order, *, checker: ProvenanceChecker, mime: str | None = None
) -> Release:
    """`pixels`, which are those of `opened` or were made from them, as a marked file of type `mime`, or of its own.

    Raises `CredentialsUnreadable` if what it says of its origin could not be kept, and what `mark` and `let_out` raise.
    """
    media, data = opened.media, opened.data
    parent = history(data, media, opened.found.credentials, order.digital_source_type)  # 1. keep that as an ingredient
    record_id, statement = new_record_id(), order.statement()
    marked = mark(  # 2. mark and sign
        labelled(pixels, order.label, edited=order.edited),
        record_id=record_id,
        key=order.key,
        source=order.source,
        statement=statement,
        mime=mime or (media.mime if media.mime in SUFFIXES else DEFAULT_MIME),
        parent=parent,
        profile=_profile(data, media, checker),
    )
    return let_out(marked, record_id, statement, checker=checker, purpose=order.purpose)  # 3. read back


def history(data: bytes, media: Media, credentials: Credentials, digital_source_type: str) -> Parent | None:
    """The file as its own parent: if it has credentials, or if an edit is declared, which has an original.

    Raises `CredentialsUnreadable`.
    """
    state = CredentialState.REMOTE if credentials.remote_url else credentials.state
    if state in (CredentialState.UNREADABLE, CredentialState.REMOTE):
        raise CredentialsUnreadable(f"Its credentials are {state}, so they could not be kept.")
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
