"""Soft bindings resolved: from a mark or a fingerprint back to the manifest that a copy lost.

The data are those of C2PA's Soft Binding Resolution API (C2PA 2.4, "Decoupled manifests"), the rules those of the
registry: whoever holds a marked file may learn where it came from.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.auth import Actor
from api.decisions import permit
from api.errors import InvalidRequest, NotFound
from api.policy import PolicyAction, PolicyContext, PolicyRequest
from api.repositories import ReleaseRepository, StoredRecord
from api.workplace import Workplace
from detector.media import open_media
from detector.provenance.check import MIN_FINGERPRINT_QUALITY
from detector.provenance.credentials import SOFT_BINDING_ALGORITHM, record_id_of
from detector.provenance.fingerprint import BITS, pdq
from detector.provenance.known_media import MAX_DISTANCE
from detector.provenance.watermark import detect_clip
from detector.video import MARK_FRAMES, is_clip, stills

FINGERPRINT_ALGORITHM: Final = "shingan.pdq.1"
"""PDQ (Meta 2019), its 32 bytes in Base64; C2PA's list of algorithms has no entry for it."""
CERTAIN: Final = 100
BOX_HEAD: Final = 8
"""Bytes of the size and the type of a box."""


@dataclass(frozen=True, slots=True)
class Match:
    """A manifest that fits; `score` is 100 for a mark, and for a fingerprint the share of bits that agree."""

    manifest_id: str
    score: int

    def as_dict(self) -> dict[str, Any]:
        return {"manifestId": self.manifest_id, "similarityScore": self.score}


def algorithms() -> Mapping[str, Any]:
    """What can be asked for."""
    return {"watermarks": [{"alg": SOFT_BINDING_ALGORITHM}], "fingerprints": [{"alg": FINGERPRINT_ALGORITHM}]}


async def by_binding(workplace: Workplace, actor: Actor, *, alg: str, value: str, limit: int) -> Sequence[Match]:
    """Manifests whose soft binding is `value` (Base64) under `alg`; raises `InvalidRequest` for another `alg`."""
    await _permit(workplace, actor)
    if alg == SOFT_BINDING_ALGORITHM:
        record_id = record_id_of(value)
        if record_id is None:
            raise InvalidRequest("The value is no record id in Base64.")
        return await _marked(workplace, record_id)
    if alg == FINGERPRINT_ALGORITHM:
        return await _alike(workplace, _fingerprint(value), limit)
    raise InvalidRequest(f"The algorithm {alg!r} is not known here; ask for services/supportedAlgorithms.")


async def by_content(
    workplace: Workplace, actor: Actor, data: bytes, *, alg: str | None, limit: int
) -> Sequence[Match]:
    """Manifests of the picture or clip in `data`: by its mark if it has one, else by its fingerprint.

    Raises `InvalidRequest` for an unknown `alg`, or a `DetectorError` if the picture cannot be read.
    """
    await _permit(workplace, actor)
    if alg not in (None, SOFT_BINDING_ALGORITHM, FINGERPRINT_ALGORITHM):
        raise InvalidRequest(f"The algorithm {alg!r} is not known here; ask for services/supportedAlgorithms.")
    record_id, fingerprint = await workplace.run(lambda: _read(workplace, data, alg))
    matches = [] if record_id is None else await _marked(workplace, record_id)
    if matches or fingerprint is None:
        return matches
    return await _alike(workplace, fingerprint, limit)


async def manifest(workplace: Workplace, actor: Actor, manifest_id: str) -> bytes:
    """The manifest store named `manifest_id` (JUMBF); raises `NotFound`."""
    await _permit(workplace, actor)
    async with workplace.database.read() as session:
        repository = ReleaseRepository(session)
        found = await repository.by_manifest_id(manifest_id) or await repository.get(manifest_id)
    if found is None:
        raise NotFound("There is no manifest of this name here.")
    return found.manifest


def active_alone(store: bytes) -> bytes:
    """A manifest store (JUMBF) that holds the active manifest of `store`, which is its last, and no other."""
    described, *_, active = _boxes(store)
    body = described + active
    return (BOX_HEAD + len(body)).to_bytes(4, "big") + store[4:BOX_HEAD] + body


def _boxes(superbox: bytes) -> list[bytes]:
    """What a `superbox` of our own holds (ISO/IEC 19566-5, 5.2): its description first."""
    found, start = [], BOX_HEAD
    while start + BOX_HEAD <= len(superbox):
        end = start + max(BOX_HEAD, int.from_bytes(superbox[start : start + 4], "big"))
        found.append(superbox[start:end])
        start = end
    return found


def _read(workplace: Workplace, data: bytes, alg: str | None) -> tuple[str | None, str | None]:
    """Record id by the mark, and fingerprint if it has enough structure; each only if asked for."""
    if is_clip(data):
        pictures = stills(data, sandbox=workplace.sandbox, count=MARK_FRAMES)[1]
    else:
        pictures = [open_media(data, sandbox=workplace.sandbox)[1].pixels]
    record_id = None if alg == FINGERPRINT_ALGORITHM else detect_clip(pictures, keys=workplace.mark_keys).record_id
    fingerprint, quality = pdq(pictures[0])
    usable = alg != SOFT_BINDING_ALGORITHM and quality >= MIN_FINGERPRINT_QUALITY
    return record_id, fingerprint if usable else None


async def _permit(workplace: Workplace, actor: Actor) -> None:
    context = PolicyContext(jurisdiction=workplace.settings.jurisdiction)
    await permit(workplace, PolicyRequest(actor, PolicyAction.VERIFY, context=context))


async def _marked(workplace: Workplace, record_id: str) -> list[Match]:
    found = await workplace.registry.find(record_id)
    return [Match(_name(found), CERTAIN)] if found else []


async def _alike(workplace: Workplace, fingerprint: str, limit: int) -> list[Match]:
    near = await workplace.fingerprints.near(fingerprint, within_bits=MAX_DISTANCE)
    async with workplace.database.read() as session:
        repository = ReleaseRepository(session)
        found = [(await repository.get(record_id), bits) for record_id, bits in near[:limit]]
    return [Match(_name(stored), round(CERTAIN * (1 - bits / BITS))) for stored, bits in found if stored]


def _name(stored: StoredRecord) -> str:
    return stored.manifest_id or stored.record.record_id


def _fingerprint(value: str) -> str:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("The value is no Base64.") from error
    if len(raw) != BITS // 8:
        raise InvalidRequest(f"A PDQ fingerprint has {BITS // 8} bytes.")
    return raw.hex()
