"""The only way out for a synthetic face: marked, signed, and read back before anybody gets it.

Registration and the audit entry are the caller's, in one transaction, before the bytes leave.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from detector.errors import DetectorError
from detector.media import open_media, sha256_hex
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import MarkKey
from detector.provenance.looks import Looks
from detector.types import CredentialState, Provenance, ReleaseRecord
from detector.video import is_clip, stills
from generator.claim import EDITED, GENERATED, PRODUCT, Statement
from generator.errors import SelfCheckFailed
from generator.marking import Marked, mark
from generator.signing import KeySource
from generator.synthesizer import Synthesis

RECORD_ID_BYTES = 6
INTACT = (CredentialState.TRUSTED, CredentialState.VALID)


@dataclass(frozen=True, slots=True)
class Release:
    """A file ready to leave, with its manifest (named `manifest_id`) apart, and what the registry is to keep of it."""

    data: bytes
    manifest: bytes
    manifest_id: str
    record: ReleaseRecord
    statement: Statement
    stamped: bool
    looks: Looks
    """What was read from the pixels of this very file."""


def release(
    synthesis: Synthesis,
    *,
    key: MarkKey,
    source: KeySource,
    checker: ProvenanceChecker,
    prompt: str | None = None,
    purpose: str | None = None,
    record_id: str | None = None,
    provider: str = PRODUCT,
) -> Release:
    """Mark `synthesis` and prove that the marks hold; `record_id` (12 hexadecimal digits) is drawn if not given.

    `prompt` goes into the signed manifest, for anybody to read. Raises `SigningFailed`, or `SelfCheckFailed` if the
    file does not read back as marked.
    """
    record_id = record_id or new_record_id()  # 1. a name for this release
    statement = Statement(  # 2. what the file will say of itself
        seed=synthesis.seed,
        backend=synthesis.backend,
        created_at=now(),
        prompt=prompt,
        digital_source_type=EDITED if synthesis.edited else GENERATED,
        provider=provider,
    )
    marked = mark(synthesis.pixels, record_id=record_id, key=key, source=source, statement=statement)  # 3. mark, sign
    return let_out(marked, record_id, statement, checker=checker, purpose=purpose)  # 4. self-check, 5. registry's part


def new_record_id() -> str:
    """12 random hexadecimal digits."""
    return secrets.token_hex(RECORD_ID_BYTES)


def now() -> str:
    """This second in RFC 3339."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def let_out(
    marked: Marked, record_id: str, statement: Statement, *, checker: ProvenanceChecker, purpose: str | None
) -> Release:
    """`marked` as a release, once its marks were read back from its bytes. Raises `SelfCheckFailed`."""
    found, looks = _read_back(marked, checker)
    manifest_id = _require_marks(found, record_id)
    record = _record(marked, record_id, statement, purpose, manifest_id)
    return Release(marked.data, marked.manifest, manifest_id, record, statement, marked.stamped, looks)


def _read_back(marked: Marked, checker: ProvenanceChecker) -> tuple[Provenance, Looks]:
    try:
        if is_clip(marked.data):
            media, pictures = stills(marked.data, sandbox=checker.sandbox)
        else:
            media, frame = open_media(marked.data, sandbox=checker.sandbox)
            pictures = [frame.pixels]
        found, looks = checker.check_and_look(marked.data, media, pictures[0], more=pictures[1:])
    except DetectorError as error:
        raise SelfCheckFailed("The marked file could not be read back.") from error
    if looks is None:
        raise SelfCheckFailed("The marked file has no picture.")
    return found, looks


def _require_marks(found: Provenance, record_id: str) -> str:
    """The name of the manifest that was found."""
    if not found.watermark.detected or found.watermark.record_id != record_id:
        raise SelfCheckFailed("The watermark did not read back.")
    credentials = found.credentials
    if credentials.state not in INTACT:
        raise SelfCheckFailed(f"The credential reads back as {credentials.state} {', '.join(credentials.failures)}.")
    if credentials.soft_binding != record_id or not credentials.declares_ai:
        raise SelfCheckFailed("The credential does not say what it should.")
    if credentials.manifest_id is None:
        raise SelfCheckFailed("The credential has no name.")
    return credentials.manifest_id


def _record(
    marked: Marked, record_id: str, statement: Statement, purpose: str | None, manifest_id: str
) -> ReleaseRecord:
    return ReleaseRecord(
        record_id=record_id,
        created_at=statement.created_at,
        sha256=marked.sha256,
        manifest_sha256=sha256_hex(marked.manifest),
        fingerprint=marked.fingerprint,
        backend=statement.backend,
        seed=statement.seed,
        purpose=purpose,
        manifest_id=manifest_id,
    )
