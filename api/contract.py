"""The machine-readable answers: one JSON object a file, its keys always there, as `api/contracts/*.schema.json` state.

Objects are never null, except `record` and `error`, where null is the answer. An input that failed has `error` set,
null scores and empty lists, and asks for a review.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from detector.types import (
    Action,
    Credentials,
    CredentialState,
    Evidence,
    EvidenceKind,
    FaceScores,
    KnownMatch,
    Label,
    MediaKind,
    Moment,
    Provenance,
    ReleaseRecord,
    Report,
    Verdict,
    WatermarkReading,
)

Document: TypeAlias = dict[str, Any]

CONTRACTS: Final = Path(__file__).parent / "contracts"
SCAN: Final = "shingan.scan.1"
VERIFY: Final = "shingan.verify.1"
WATERMARK: Final = "shingan.watermark.1"
INTERNAL: Final = ("bound_by", "ai_vouched")
"""What of a credential decides and is not told."""
GENERATE: Final = "shingan.generate.1"
MARK: Final = "shingan.mark.1"
PORTRAIT: Final = "shingan.portrait.1"
IDOL: Final = "shingan.idol.1"
"""Values of `schema`. The number goes up when a key goes or means something else; keys may be added within one."""
EXPERTS: Final = (EvidenceKind.MANIPULATION, EvidenceKind.SYNTHESIS)
NO_RECEIPT: Final[Mapping[str, Any]] = {
    "log": None,
    "entry": None,
    "leaf_hash": None,
    "tree_size": None,
    "root": None,
    "proof": [],
    "checkpoint": None,
}
NOT_JUDGED: Final = Verdict(Label.INCONCLUSIVE, Action.REVIEW)
NOT_READ: Final = Provenance(Credentials(CredentialState.UNREADABLE), WatermarkReading(False))


@cache
def schema(name: str) -> Mapping[str, Any]:
    """The JSON Schema (2020-12) of the lines that `name` prints: any of those in `api/contracts`."""
    parsed: Mapping[str, Any] = json.loads((CONTRACTS / f"{name}.schema.json").read_text("utf-8"))
    return parsed


def scan_object(report: Report, *, path: str) -> Document:
    """An inspection as it is before it is recorded: `id` and `created_at` are null and `receipt` holds nulls."""
    head = {"path": path, "sha256": report.media.sha256, "kind": str(report.media.kind)}
    found = {
        "faces": [_face(item) for item in report.faces],
        "evidence": [_evidence(item) for item in report.evidence],
        "timeline": [_moment(item) for item in report.timeline],
    }
    return _scan(head, report.verdict, report.scores, found, report.provenance, None)


def failed_scan(*, path: str, code: str, detail: str, sha256: str | None = None, kind: str | None = None) -> Document:
    """An input that could not be inspected; `sha256` and `kind` if its bytes could be read at all."""
    head = {"path": path, "sha256": sha256, "kind": kind or str(MediaKind.UNKNOWN)}
    nothing: Document = {"faces": [], "evidence": [], "timeline": []}
    return _scan(head, NOT_JUDGED, {}, nothing, NOT_READ, error_object(code, detail))


def verify_object(provenance: Provenance, verdict: Verdict, *, path: str, sha256: str | None = None) -> Document:
    """A verification as it is before it is recorded."""
    return _verify({"path": path, "sha256": sha256}, provenance, verdict, None)


def failed_verify(*, path: str, code: str, detail: str, sha256: str | None = None) -> Document:
    """An input whose origin could not be read."""
    return _verify({"path": path, "sha256": sha256}, NOT_READ, NOT_JUDGED, error_object(code, detail))


def watermark_line(reading: WatermarkReading, *, path: str) -> Document:
    return {"schema": WATERMARK, "path": path, "watermark": watermark_object(reading), "error": None}


def failed_watermark(*, path: str, code: str, detail: str) -> Document:
    return watermark_line(WatermarkReading(False), path=path) | {"error": error_object(code, detail)}


def generate_object(
    *,
    path: str | None,
    prompt: str,
    seed: int | None,
    record_id: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    backend: str | None = None,
    label: str | None = None,
    timestamped: bool | None = None,
) -> Document:
    """A generated face before it is recorded.

    `attributes` maps `asked` and `honoured` to values by attribute name, and `edited` to whether a picture of somebody
    was altered; `retouched` lists attributes that were painted on after the model had drawn the face, `left_out` what
    was asked and not drawn.
    """
    return {
        "schema": GENERATE,
        "id": None,
        "created_at": None,
        "path": path,
        "record_id": record_id,
        "seed": seed,
        "prompt": prompt,
        "attributes": {"asked": {}, "honoured": {}, "edited": False, "retouched": [], "left_out": []}
        | dict(attributes or {}),
        "backend": backend,
        "label": label,
        "timestamped": timestamped,
        "receipt": _no_receipt(),
        "error": None,
    }


def failed_generate(*, prompt: str, seed: int | None, code: str, detail: str) -> Document:
    """A face that was not made or not released."""
    return generate_object(path=None, prompt=prompt, seed=seed) | {"error": error_object(code, detail)}


def mark_object(
    *,
    path: str | None,
    input_sha256: str | None,
    made: str,
    record_id: str | None = None,
    sha256: str | None = None,
    mime: str | None = None,
    software: str | None = None,
    label: str | None = None,
    timestamped: bool | None = None,
) -> Document:
    """A marked file before it is recorded; `software` and `made` are as declared."""
    return {
        "schema": MARK,
        "id": None,
        "created_at": None,
        "input": None,
        "input_sha256": input_sha256,
        "path": path,
        "sha256": sha256,
        "mime": mime,
        "record_id": record_id,
        "software": software,
        "made": made,
        "label": label,
        "timestamped": timestamped,
        "receipt": _no_receipt(),
        "error": None,
    }


def failed_mark(*, path: str, made: str, code: str, detail: str, sha256: str | None = None) -> Document:
    """A file that was not marked."""
    error = {"input": path, "error": error_object(code, detail)}
    return mark_object(path=None, input_sha256=sha256, made=made) | error


def portrait_object(
    *,
    path: str | None,
    tool: str,
    settings: Mapping[str, Any],
    input_sha256: str | None,
    told: Mapping[str, Any] | None = None,
    record_id: str | None = None,
    sha256: str | None = None,
    mime: str | None = None,
    label: str | None = None,
    timestamped: bool | None = None,
) -> Document:
    """A portrait after a tool, before it is recorded; `told` is what the tool says of its change."""
    return {
        "schema": PORTRAIT,
        "id": None,
        "created_at": None,
        "input": None,
        "input_sha256": input_sha256,
        "path": path,
        "sha256": sha256,
        "mime": mime,
        "record_id": record_id,
        "tool": tool,
        "settings": dict(settings),
        "told": dict(told or {}),
        "label": label,
        "timestamped": timestamped,
        "receipt": _no_receipt(),
        "error": None,
    }


def failed_portrait(
    *, path: str, tool: str, settings: Mapping[str, Any], code: str, detail: str, sha256: str | None = None
) -> Document:
    """A portrait that was not redrawn, or not released."""
    error = {"input": path, "error": error_object(code, detail)}
    return portrait_object(path=None, tool=tool, settings=settings, input_sha256=sha256) | error


def idol_object(
    *,
    path: str | None,
    prompt: str,
    say: str,
    seed: int | None,
    input_sha256: str | None = None,
    record_id: str | None = None,
    sha256: str | None = None,
    mime: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    speech: Mapping[str, Any] | None = None,
    label: str | None = None,
    timestamped: bool | None = None,
) -> Document:
    """An idol before it is recorded; `attributes` as in `generate_object`, `speech` as `idol.Performance` tells it."""
    return {
        "schema": IDOL,
        "id": None,
        "created_at": None,
        "path": path,
        "sha256": sha256,
        "mime": mime,
        "record_id": record_id,
        "seed": seed,
        "prompt": prompt,
        "say": say,
        "input_sha256": input_sha256,
        "attributes": {"asked": {}, "honoured": {}, "edited": False, "retouched": [], "left_out": []}
        | dict(attributes or {}),
        "speech": {"seconds": None, "source": "nothing", "unread": []} | dict(speech or {}),
        "label": label,
        "timestamped": timestamped,
        "receipt": _no_receipt(),
        "error": None,
    }


def failed_idol(*, prompt: str, say: str, seed: int | None, code: str, detail: str) -> Document:
    """An idol that was not made or not released."""
    return idol_object(path=None, prompt=prompt, say=say, seed=seed) | {"error": error_object(code, detail)}


def verdict_object(verdict: Verdict) -> Document:
    return {
        "label": str(verdict.label),
        "action": str(verdict.action),
        "probability": _number(verdict.probability),
        "stated_fpr": _number(verdict.stated_fpr),
        "operating_point": verdict.operating_point,
        "reasons": _codes(verdict.reasons),
        "conflicts": _codes(verdict.conflicts),
    }


def credentials_object(credentials: Credentials) -> Document:
    ingredients = [asdict(item) | {"failures": list(item.failures)} for item in credentials.ingredients]
    lists = {"failures": list(credentials.failures), "actions": list(credentials.actions)}
    said = {name: value for name, value in asdict(credentials).items() if name not in INTERNAL}
    return said | lists | {"state": str(credentials.state), "ingredients": ingredients}


def watermark_object(reading: WatermarkReading) -> Document:
    numbers = {"z": _number(reading.z), "false_match_probability": _number(reading.false_match_probability)}
    return asdict(reading) | {"detected": bool(reading.detected)} | numbers


def error_object(code: str, detail: str) -> Document:
    return {"code": code, "detail": detail}


def _scan(
    head: Document,
    verdict: Verdict,
    scores: Mapping[str, float | None],
    found: Document,
    provenance: Provenance,
    error: Document | None,
) -> Document:
    found = {"verdict": verdict_object(verdict), "scores": _scores(scores)} | found
    return _head(SCAN) | head | found | _provenance(provenance) | {"receipt": _no_receipt(), "error": error}


def _verify(head: Document, provenance: Provenance, verdict: Verdict, error: Document | None) -> Document:
    found = _provenance(provenance) | {"verdict": verdict_object(verdict)}
    return _head(VERIFY) | head | found | {"receipt": _no_receipt(), "error": error}


def _no_attributes() -> Document:
    return {"asked": {}, "honoured": {}, "edited": False, "retouched": [], "left_out": []}


def _no_receipt() -> Document:
    return {**NO_RECEIPT, "proof": []}


def _head(version: str) -> Document:
    return {"schema": version, "id": None, "created_at": None}


def _provenance(provenance: Provenance) -> Document:
    return {
        "credentials": credentials_object(provenance.credentials),
        "watermark": watermark_object(provenance.watermark),
        "other_watermarks": [watermark_object(reading) for reading in provenance.other_marks],
        "watermark_trace": asdict(provenance.trace) if provenance.trace else None,
        "record": _record(provenance.record) if provenance.record else None,
        "known_media": [_match(match) for match in provenance.known_media],
        "metadata": asdict(provenance.declaration),
    }


def _record(record: ReleaseRecord) -> Document:
    return {name: value for name, value in asdict(record).items() if name != "manifest_id"}


def _match(match: KnownMatch) -> Document:
    return {"list": match.list_name, "entry": match.entry, "distance": match.distance}


def _face(item: FaceScores) -> Document:
    face = item.face
    return {
        "box": [_number(side) for side in face.box],
        "confidence": _number(face.confidence),
        "frame": face.frame,
        "time_s": _number(face.time_s),
        "track": face.track,
        "scores": _scores(item.scores),
    }


def _moment(item: Moment) -> Document:
    return {
        "frame": item.frame,
        "time_s": _number(item.time_s),
        "shot": item.shot,
        "scores": _scores(item.scores),
    }


def _evidence(item: Evidence) -> Document:
    return {
        "kind": str(item.kind),
        "state": str(item.state),
        "score": _number(item.score),
        "interval": [_number(end) for end in item.interval] if item.interval else None,
        "tier": str(item.tier) if item.tier else None,
        "model": item.model,
        "reasons": _codes(item.reasons),
        "where": asdict(item.where) | {"time_s": _number(item.where.time_s)},
    }


def _scores(scores: Mapping[str, float | None]) -> Document:
    return {str(kind): _number(scores.get(kind)) for kind in EXPERTS}


def _codes(reasons: Sequence[str]) -> list[str]:
    return [str(reason) for reason in reasons]


def _number(value: float | None) -> float | None:
    """A plain float, because JSON has neither infinities nor NumPy's own numbers."""
    return float(value) if value is not None and math.isfinite(value) else None
