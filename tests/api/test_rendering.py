"""Sheets and reports: complete without a network, safe with hostile names, readable with half of the keys missing."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import numpy as np
import pytest

from api.rendering import PREVIEW_SIDE, Case, case_html, preview_of, report_html
from api.wording import ACTIONS, CREDENTIAL_STATES, EVIDENCE_KINDS, EVIDENCE_STATES, LABELS, Words
from detector.reasons import SENTENCES
from detector.types import Action, CredentialState, EvidenceKind, EvidenceState, Label, Pixels

HOSTILE = "</script><script>alert(1)</script>"


def _result(**changes: object) -> dict[str, Any]:
    verdict = {"label": "synthetic_declared", "action": "flag", "probability": 1 - 1e-12, "stated_fpr": 1e-12}
    return {
        "path": "/tmp/photo.png",
        "sha256": "ab" * 32,
        "verdict": verdict | {"operating_point": "shingan.wm.1", "reasons": ["watermark_found"], "conflicts": []},
        "scores": {"manipulation": 0.25, "synthesis": None},
        "faces": [{"box": [1, 2, 30, 40], "frame": 0, "scores": {"manipulation": 0.25}}],
        "watermark": {"detected": True, "record_id": "0123456789ab", "z": 30.0, "false_match_probability": 1e-12},
        "receipt": {
            "entry": 3,
            "tree_size": 9,
            "log": "l",
            "leaf_hash": "00",
            "root": "11",
            "proof": [],
            "checkpoint": "",
        },
        "error": None,
    } | changes


def test_report_loads_nothing_and_pins_its_scripts(make_photo: Callable[..., Pixels]) -> None:
    page = report_html([Case("One", _result(), preview=preview_of(make_photo()))])
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    for tag in ("script", "style"):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert body is not None
        assert base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode() in page


def test_hostile_text_stays_text() -> None:
    page = case_html(Case(HOSTILE, _result(path=HOSTILE, record={"record_id": HOSTILE}), report={"path": HOSTILE}))
    assert "alert(1)</script>" not in page.replace("\\u003c/script\\u003e", "")


@pytest.mark.parametrize("missing", sorted(_result()))
def test_any_key_may_be_missing(missing: str) -> None:
    result = _result()
    del result[missing]
    assert "<article" in case_html(Case("One", result))


def test_a_failed_input_has_a_sheet() -> None:
    result = {"path": "/x", "error": {"code": "unreadable_media", "detail": "The file is broken."}}
    sheet = case_html(Case("Broken", result))
    assert "unreadable_media" in sheet
    assert "inconclusive" in sheet


def test_codes_stand_whole_and_numbers_are_honest() -> None:
    sheet = case_html(Case("One", _result()))
    assert ">synthetic_declared</code>" in sheet
    assert "0.99" in sheet
    assert "1.00" not in sheet
    assert "10<sup>-12</sup>" in sheet


def test_a_score_that_decided_nothing_has_no_rate_beside_it() -> None:
    verdict = {"label": "inconclusive", "action": "review", "probability": 0.7, "stated_fpr": None}
    sheet = case_html(Case("A", _result(verdict=verdict | {"operating_point": None, "reasons": [], "conflicts": []})))
    assert "This score decided nothing" in sheet
    assert "Stated false-positive rate" not in sheet


def test_tone_tells_a_declaration_from_a_contradiction() -> None:
    declared = _result()
    assert Case("", declared).tone == "declared"
    torn = _result(verdict=declared["verdict"] | {"conflicts": ["hard_binding_mismatch"]})
    assert Case("", torn).tone == "flag"


def test_preview_is_small_and_remembers_the_full_size() -> None:
    preview = preview_of(np.zeros((2000, 1000, 3), np.uint8))
    assert (preview.width, preview.height) == (1000, 2000)
    assert len(preview.jpeg) < PREVIEW_SIDE * PREVIEW_SIDE
    assert preview_of(np.zeros((1, 5000, 3), np.uint8)).jpeg


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (LABELS, Label),
        (ACTIONS, Action),
        (CREDENTIAL_STATES, CredentialState),
        (EVIDENCE_KINDS, EvidenceKind),
        (EVIDENCE_STATES, EvidenceState),
    ],
)
def test_every_code_has_words_in_both_languages(words: Mapping[str, Words], codes: type[StrEnum]) -> None:
    assert set(words) == set(codes)
    assert all(english and japanese for english, japanese in [*words.values(), *SENTENCES.values()])
