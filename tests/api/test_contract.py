"""The output contract: what is written fits the schemas, and the schemas hold every key, code and state there is."""

import json
import math
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import contract
from detector.errors import DetectorError
from detector.reasons import Reason
from detector.types import (
    Action,
    Credentials,
    CredentialState,
    Evidence,
    EvidenceKind,
    EvidenceState,
    Face,
    FaceScores,
    Ingredient,
    KnownMatch,
    Label,
    Media,
    MediaKind,
    Moment,
    Provenance,
    ReleaseRecord,
    Report,
    Tier,
    Verdict,
    WatermarkReading,
    Where,
)

NAMES = ("scan", "verify", "watermark", "generate", "idol", "job")
VALIDATORS = {name: jsonschema.Draft202012Validator(contract.schema(name)) for name in NAMES}
DIGEST = "0" * 64
RECORD_ID = "00112233aabb"
RECORD = ReleaseRecord(RECORD_ID, "2026-11-24T00:00:00Z", DIGEST, DIGEST, DIGEST, "embedded", 7, "research")

share = st.none() | st.floats(0, 1)
reasons = st.lists(st.sampled_from(Reason), max_size=3).map(tuple)
verdicts = st.builds(
    Verdict, st.sampled_from(Label), st.sampled_from(Action), share, share, st.none() | st.text(), reasons, reasons
)
credentials = st.builds(
    Credentials,
    st.sampled_from(CredentialState),
    issuer=st.none() | st.text(),
    failures=st.lists(st.text()).map(tuple),
    ingredients=st.lists(st.builds(Ingredient, st.none() | st.text(), st.text(), st.none(), st.just(("a.b",)))).map(
        tuple
    ),
    declares_ai=st.booleans(),
)
marks = st.builds(
    WatermarkReading,
    st.booleans(),
    st.none() | st.just(RECORD_ID),
    st.none() | st.integers(0, 255),
    st.none() | st.floats(allow_nan=True, allow_infinity=True),
    share,
    st.none() | st.integers(0, 240),
)
matches = st.lists(st.builds(KnownMatch, st.text(), st.text(), st.integers(0, 31))).map(tuple)
provenances = st.builds(
    Provenance,
    credentials,
    marks,
    st.none() | st.just(DIGEST),
    st.none() | st.just(RECORD),
    matches,
    other_marks=st.lists(marks, max_size=2).map(tuple),
)
evidence = st.builds(
    Evidence,
    st.sampled_from(EvidenceKind),
    st.sampled_from(EvidenceState),
    share,
    st.none() | st.just((0.1, 0.9)),
    st.none() | st.sampled_from(Tier),
    st.none() | st.text(),
    reasons,
    st.builds(
        Where, st.none() | st.integers(0, 9), st.none() | st.integers(0, 9), st.none(), st.none() | st.integers(0, 9)
    ),
)
faces = st.builds(
    FaceScores,
    st.builds(Face, st.just((np.float32(1.5), 2.0, 30.0, 40.0)), st.just(()), st.floats(0, 1)),
    st.dictionaries(st.sampled_from(["manipulation", "synthesis"]), share),
)
moments = st.builds(
    Moment,
    st.integers(0, 10**6),
    st.floats(0, allow_infinity=True),
    st.integers(0, 64),
    st.dictionaries(st.sampled_from(["manipulation", "synthesis"]), share),
)
MEDIA = Media(DIGEST, MediaKind.IMAGE, "image/png", 10, 8, 8)
reports = st.builds(
    Report,
    st.just(MEDIA),
    verdicts,
    st.fixed_dictionaries({"manipulation": share, "synthesis": share}),
    st.lists(faces, max_size=3).map(tuple),
    st.lists(evidence, max_size=3).map(tuple),
    provenances,
    st.lists(moments, max_size=3).map(tuple),
)


def check(document: dict[str, Any], name: str) -> None:
    """It fits, has every key of the schema and no other, and survives strict JSON."""
    VALIDATORS[name].validate(document)
    assert document.keys() == contract.schema(name)["properties"].keys()
    assert json.loads(json.dumps(document, allow_nan=False)) == document


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid_versioned_and_requires_every_key(name: str) -> None:
    schema = contract.schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"]["const"] == f"shingan.{name}.1"
    for part in (schema, *_objects(schema["$defs"])):
        assert part["required"] == list(part["properties"])


def _objects(node: object) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for item in node for found in _objects(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") == "object" and "properties" in node else []
    return own + [found for item in node.values() for found in _objects(item)]


def test_same_name_means_the_same_in_every_schema() -> None:
    seen: dict[str, Any] = {}
    for name in NAMES:
        for part, meaning in contract.schema(name)["$defs"].items():
            assert seen.setdefault(part, meaning) == meaning


@pytest.mark.parametrize(
    ("values", "path"),
    [
        (Label, ("verdict", "label")),
        (Action, ("verdict", "action")),
        (CredentialState, ("credentials", "state")),
        (EvidenceKind, ("evidence", "kind")),
        (EvidenceState, ("evidence", "state")),
    ],
)
def test_schema_lists_every_value(values: type[Any], path: tuple[str, str]) -> None:
    part, key = path
    assert set(contract.schema("scan")["$defs"][part]["properties"][key]["enum"]) == {str(value) for value in values}


@settings(deadline=None, max_examples=40)
@given(reports)
def test_any_report_fits(report: Report) -> None:
    document = contract.scan_object(report, path="/a.png")
    check(document, "scan")
    assert document["scores"].keys() == {"manipulation", "synthesis"}
    assert all(face["scores"].keys() == {"manipulation", "synthesis"} for face in document["faces"])


@settings(deadline=None, max_examples=40)
@given(provenances, verdicts)
def test_any_provenance_fits(provenance: Provenance, verdict: Verdict) -> None:
    check(contract.verify_object(provenance, verdict, path="/a.png"), "verify")
    check(contract.watermark_line(provenance.watermark, path="/a.png"), "watermark")


def test_generated_face_fits() -> None:
    asked = {"sex": "female", "hat": "red"}
    attributes = {"asked": asked, "honoured": {"sex": "female"}, "edited": False, "retouched": [], "left_out": ["hat"]}
    document = contract.generate_object(
        path="/a.png", prompt="女性", seed=3, record_id=RECORD_ID, attributes=attributes, backend="embedded"
    )
    check(document, "generate")
    assert document["attributes"] == attributes


def test_idol_fits() -> None:
    speech = {"seconds": 2.4, "source": "text", "unread": ["今", "日"]}
    document = contract.idol_object(
        path="/a.mp4", prompt="", say="今日は", seed=3, record_id=RECORD_ID, mime="video/mp4", speech=speech
    )
    check(document, "idol")
    check(contract.failed_idol(prompt="", say="今日は", seed=3, code="speech_unusable", detail="Why."), "idol")


@pytest.mark.parametrize("error", DetectorError.__subclasses__())
def test_failed_input_asks_for_review_with_nothing_in_it(error: type[DetectorError]) -> None:
    facts = {"path": "/a.png", "code": error.code, "detail": "Why."}
    scan, verify = contract.failed_scan(**facts), contract.failed_verify(**facts)
    check(scan, "scan")
    check(verify, "verify")
    check(contract.failed_watermark(**facts), "watermark")
    check(contract.failed_generate(prompt="a woman", seed=1, code=error.code, detail="Why."), "generate")
    for document in (scan, verify):
        assert document["error"] == {"code": error.code, "detail": "Why."}
        assert document["verdict"]["label"] == "inconclusive"
        assert document["verdict"]["action"] == "review"
        assert document["credentials"]["state"] == "unreadable"
        assert document["receipt"].keys() == contract.NO_RECEIPT.keys()
    assert scan["scores"] == {"manipulation": None, "synthesis": None}
    assert scan["faces"] == scan["evidence"] == scan["timeline"] == []


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_json_cannot_say_is_null(value: float) -> None:
    assert contract.watermark_object(WatermarkReading(True, z=value))["z"] is None


def test_documents_do_not_share_their_empty_receipt() -> None:
    first = contract.failed_scan(path="/a", code="x", detail="y")
    first["receipt"]["proof"].append("changed")
    assert contract.failed_scan(path="/a", code="x", detail="y")["receipt"]["proof"] == []
