"""The values that every part speaks in: frozen, cheap to import, without behaviour that could fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from detector.reasons import Reason

Pixels: TypeAlias = NDArray[np.uint8]
"""RGB, H W 3, uint8: the only form in which pictures pass between modules."""


class MediaKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    UNKNOWN = "unknown"


class Tier(StrEnum):
    """How much of the evidence the delivery left: calibration and thresholds differ per tier."""

    CLEAN = "clean"
    WEB = "web"
    HARD = "hard"


class EvidenceKind(StrEnum):
    MANIPULATION = "manipulation"
    SYNTHESIS = "synthesis"
    WATERMARK = "watermark"
    CREDENTIALS = "credentials"
    KNOWN_MEDIA = "known_media"
    METADATA = "metadata"


class EvidenceState(StrEnum):
    """What a check found; `ABSENT` and `UNREADABLE` are findings of their own and never a middling score."""

    FIRED = "fired"
    CLEAR = "clear"
    ABSENT = "absent"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"
    UNREADABLE = "unreadable"


class Label(StrEnum):
    SYNTHETIC_DECLARED = "synthetic_declared"
    LIKELY_SYNTHETIC = "likely_synthetic"
    LIKELY_MANIPULATED = "likely_manipulated"
    NO_EVIDENCE_FOUND = "no_evidence_found"
    ORIGIN_VERIFIED = "origin_verified"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"


class Action(StrEnum):
    ALLOW = "allow"
    REVIEW = "review"
    FLAG = "flag"


class CredentialState(StrEnum):
    """`VALID` is integrity alone, which anybody can forge with a certificate of their own; only `TRUSTED` counts."""

    TRUSTED = "trusted"
    VALID = "valid"
    INVALID = "invalid"
    ABSENT = "absent"
    REMOTE = "remote"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Media:
    """An uploaded file as it was sniffed and decoded; `width` and `height` are after the EXIF turn, in pixels.

    Those of a clip are as it is shown: after its turn, with square pixels."""

    sha256: str
    kind: MediaKind
    mime: str
    size_bytes: int
    width: int
    height: int
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    index: int
    time_s: float | None
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Face:
    """A found face: `box` is x0, y0, x1, y1 and `landmarks` eyes, nose, mouth corners as x, y; all in frame pixels.

    In a clip `frame` is its number in the whole clip, from 0, and `track` numbers who is the same from frame to frame.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[tuple[float, float], ...]
    confidence: float
    frame: int = 0
    time_s: float | None = None
    track: int | None = None

    @property
    def size(self) -> float:
        """The shorter side of the box in pixels."""
        return min(self.box[2] - self.box[0], self.box[3] - self.box[1])


@dataclass(frozen=True, slots=True)
class Where:
    """What a finding is about: one face, or with `track` alone all faces of one track; null where it is the file."""

    face: int | None = None
    frame: int | None = None
    time_s: float | None = None
    track: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One finding. `score` is a calibrated probability and `interval` its 95 % interval; both null if none was made."""

    kind: EvidenceKind
    state: EvidenceState
    score: float | None = None
    interval: tuple[float, float] | None = None
    tier: Tier | None = None
    model: str | None = None
    reasons: tuple[Reason, ...] = ()
    where: Where = Where()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fused answer; `stated_fpr` is the measured false-positive rate of the `operating_point` that decided, if one
    did."""

    label: Label
    action: Action
    probability: float | None = None
    stated_fpr: float | None = None
    operating_point: str | None = None
    reasons: tuple[Reason, ...] = ()
    conflicts: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A manifest's ingredient; `failures` are C2PA status codes (C2PA 2.4, section 15) found while validating it."""

    title: str | None
    relationship: str
    issuer: str | None
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What C2PA validation said; `failures` are those of the active manifest alone."""

    state: CredentialState
    issuer: str | None = None
    failures: tuple[str, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    declares_ai: bool = False
    declares_capture: bool = False
    signed_at: str | None = None
    actions: tuple[str, ...] = ()
    generator: str | None = None
    soft_binding: str | None = None
    """Value of the `c2pa.soft-binding` assertion whose `alg` is ours (the record id), if any."""
    remote_url: str | None = None
    """Where the manifest lies, if not in the file."""
    manifest_id: str | None = None
    """Name (URN) of the active manifest."""
    ai_vouched: bool = False
    """Whether the signer, or that of an ingredient which nothing speaks against, declares it; others may as well."""
    bound_by: str | None = None
    """Name of the manifest that `soft_binding` stands in: anybody can write a record id into one of their own."""


@dataclass(frozen=True, slots=True)
class WatermarkReading:
    """Result of one watermark search.

    `z` is the synchronisation peak in standard deviations over the whole search. `false_match_probability` is the
    chance that an unmarked picture gives such a reading anywhere in the search, in closed form.
    """

    detected: bool
    record_id: str | None = None
    key_id: int | None = None
    z: float | None = None
    false_match_probability: float | None = None
    corrected_bits: int | None = None


@dataclass(frozen=True, slots=True)
class WatermarkTrace:
    """What is left of the mark of a release that the picture looks like, though the mark itself cannot be read.

    `z` is in standard deviations, `false_match_probability` the chance that a picture without any mark of the key
    gives as much, over everything that was tried, in closed form.
    """

    record_id: str
    key_id: int
    z: float
    false_match_probability: float


@dataclass(frozen=True, slots=True)
class KnownMatch:
    """A known-media entry within reach: `distance` in bits of 256 (PDQ)."""

    list_name: str
    entry: str
    distance: int


@dataclass(frozen=True, slots=True)
class Declaration:
    """What XMP says without a signature: IPTC's digital source type, label and producer of GB 45438's AIGC field."""

    digital_source_type: str | None = None
    aigc_label: str | None = None
    producer: str | None = None
    declares_ai: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """What the registry keeps of a released file: enough to bring its manifest back when the file lost it."""

    record_id: str
    created_at: str
    sha256: str
    manifest_sha256: str
    fingerprint: str
    backend: str
    seed: int | None = None
    purpose: str | None = None
    manifest_id: str | None = None
    """Name (URN) of the manifest that it left with; null for releases of before that was kept."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything that media says of its own origin; `record` is looked up by whoever holds the registry.

    `other_marks` are what other keys than that of `watermark` found besides it; an honest file has none. `trace` is
    looked for where no mark can be read, and where the registry has a release that looks like the file. `resembles`
    says whether the file looks like the release that its mark names; null where nobody could say.
    """

    credentials: Credentials
    watermark: WatermarkReading
    fingerprint: str | None = None
    record: ReleaseRecord | None = None
    known_media: tuple[KnownMatch, ...] = ()
    declaration: Declaration = Declaration()
    other_marks: tuple[WatermarkReading, ...] = ()
    trace: WatermarkTrace | None = None
    resembles: bool | None = None


@dataclass(frozen=True, slots=True)
class FaceScores:
    """A face with its calibrated probabilities, by `EvidenceKind` value; null where that expert abstained."""

    face: Face
    scores: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame of a clip that was looked at: its number, time and shot, and the highest score of its faces by kind."""

    frame: int
    time_s: float
    shot: int
    scores: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """`timeline` is that of a clip, in order of time; empty for a picture."""

    media: Media
    verdict: Verdict
    scores: Mapping[str, float | None]
    faces: tuple[FaceScores, ...]
    evidence: tuple[Evidence, ...]
    provenance: Provenance
    timeline: tuple[Moment, ...] = ()
