# ruff: noqa: E501
"""The fusion rules as a table: what was found, and what must be said about it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.reasons import SENTENCES, Reason
from detector.types import (
    Action,
    Credentials,
    CredentialState,
    Declaration,
    EvidenceKind,
    EvidenceState,
    Ingredient,
    KnownMatch,
    Label,
    Provenance,
    ReleaseRecord,
    Tier,
    WatermarkReading,
    WatermarkTrace,
)
from detector.verdict import Opinion, decide, glimpsed, provenance_evidence

NO_MARK = WatermarkReading(False)
MARK = WatermarkReading(True, "00112233aabb", 1, 20.0, 1e-9, 0)
RECORD = ReleaseRecord("00112233aabb", "2026-11-24T00:00:00Z", "0" * 64, "1" * 64, "2" * 64, "embedded")
LEFT = replace(RECORD, manifest_id="urn:ours")
BROKEN = (Ingredient("part.jpg", "componentOf", None, ("claimSignature.mismatch",)),)
STRANGER = (Ingredient("part.jpg", "parentOf", "Somebody", ("signingCredential.untrusted",)),)
MISMATCH = ("assertion.dataHash.mismatch",)
EXPIRED = ("signingCredential.untrusted", "signingCredential.expired")


def credentials(state: CredentialState = CredentialState.ABSENT, **values: object) -> Credentials:
    return Credentials(state, **values)  # type: ignore[arg-type]


def opinion(
    state: EvidenceState, probability: float | None = 0.5, kind: EvidenceKind = EvidenceKind.SYNTHESIS
) -> Opinion:
    return Opinion(kind, state, probability, Tier.CLEAN, "tiny.test", 0.01)


FIRED = opinion(EvidenceState.FIRED, 0.99)
SWAPPED = opinion(EvidenceState.FIRED, 0.97, EvidenceKind.MANIPULATION)
CLEAR = opinion(EvidenceState.CLEAR, 0.1)
UNSURE = opinion(EvidenceState.INCONCLUSIVE, 0.7)
FACELESS = Opinion(EvidenceKind.SYNTHESIS, EvidenceState.NOT_APPLICABLE, reasons=(Reason.NO_FACE,))
TINY = Opinion(EvidenceKind.SYNTHESIS, EvidenceState.NOT_APPLICABLE, reasons=(Reason.FACE_TOO_SMALL,))
TRUSTED, VALID, INVALID = CredentialState.TRUSTED, CredentialState.VALID, CredentialState.INVALID

TABLE = [  # one case a line reads as a table
    # credentials, mark, record, opinions -> label, action, reasons that must be there, conflicts
    (credentials(), NO_MARK, None, [CLEAR], Label.NO_EVIDENCE_FOUND, Action.ALLOW, {Reason.BELOW_THRESHOLD}, set()),
    (credentials(), NO_MARK, None, [CLEAR, FIRED], Label.LIKELY_SYNTHETIC, Action.FLAG, {Reason.SYNTHESIS_SCORE}, set()),
    (credentials(), NO_MARK, None, [SWAPPED, CLEAR], Label.LIKELY_MANIPULATED, Action.FLAG, {Reason.MANIPULATION_SCORE}, set()),
    (credentials(), NO_MARK, None, [UNSURE, CLEAR], Label.INCONCLUSIVE, Action.REVIEW, {Reason.BETWEEN_THRESHOLDS}, set()),
    (credentials(), NO_MARK, None, [FACELESS], Label.NOT_APPLICABLE, Action.ALLOW, {Reason.NO_FACE}, set()),
    (credentials(), NO_MARK, None, [TINY], Label.INCONCLUSIVE, Action.REVIEW, {Reason.FACE_TOO_SMALL}, set()),
    (credentials(), MARK, RECORD, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.WATERMARK_FOUND, Reason.MANIFEST_RECOVERED}, set()),
    (credentials(), MARK, None, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.RECORD_UNKNOWN}, set()),
    (credentials(TRUSTED, declares_ai=True, ai_vouched=True), NO_MARK, None, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.CREDENTIAL_DECLARES_AI}, set()),
    (credentials(TRUSTED, declares_ai=True, ai_vouched=True, soft_binding="00112233aabb"), MARK, RECORD, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.WATERMARK_FOUND}, set()),
    (credentials(INVALID, failures=MISMATCH, soft_binding="00112233aabb"), MARK, RECORD, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.HARD_BINDING_MISMATCH}, {Reason.HARD_BINDING_MISMATCH}),
    (credentials(INVALID, failures=MISMATCH), NO_MARK, None, [CLEAR], Label.INCONCLUSIVE, Action.REVIEW, {Reason.HARD_BINDING_MISMATCH}, {Reason.HARD_BINDING_MISMATCH}),
    (credentials(VALID, declares_ai=True), NO_MARK, None, [CLEAR], Label.INCONCLUSIVE, Action.REVIEW, {Reason.CREDENTIAL_UNTRUSTED}, set()),
    (credentials(VALID), NO_MARK, None, [CLEAR], Label.NO_EVIDENCE_FOUND, Action.ALLOW, {Reason.CREDENTIAL_UNTRUSTED}, set()),
    (credentials(TRUSTED, declares_ai=True, ai_vouched=False), NO_MARK, None, [CLEAR], Label.INCONCLUSIVE, Action.REVIEW, {Reason.CREDENTIAL_DECLARES_AI}, set()),
    (credentials(TRUSTED, declares_ai=True, declares_capture=True), NO_MARK, None, [CLEAR], Label.INCONCLUSIVE, Action.REVIEW, {Reason.CREDENTIAL_DECLARES_AI, Reason.CREDENTIAL_CAPTURE}, set()),
    (credentials(TRUSTED, declares_capture=True), NO_MARK, None, [CLEAR], Label.ORIGIN_VERIFIED, Action.ALLOW, {Reason.CREDENTIAL_CAPTURE}, set()),
    (credentials(TRUSTED, declares_capture=True), NO_MARK, None, [FIRED], Label.INCONCLUSIVE, Action.REVIEW, {Reason.EXPERTS_DISAGREE}, set()),
    (credentials(TRUSTED, declares_capture=True), MARK, RECORD, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.WATERMARK_FOUND}, {Reason.CAPTURE_CLAIM_ON_MARKED, Reason.WATERMARK_RELABELLED}),
    (credentials(VALID, soft_binding="ffffffffffff"), MARK, RECORD, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.WATERMARK_FOUND}, {Reason.MARKS_DISAGREE}),
    (credentials(VALID), MARK, RECORD, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.WATERMARK_FOUND}, {Reason.WATERMARK_RELABELLED}),
    (credentials(VALID, soft_binding="00112233aabb", bound_by="urn:ours"), MARK, LEFT, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.WATERMARK_FOUND}, set()),
    (credentials(VALID, soft_binding="00112233aabb", bound_by="urn:theirs"), MARK, LEFT, [CLEAR], Label.SYNTHETIC_DECLARED, Action.FLAG, {Reason.WATERMARK_FOUND}, {Reason.WATERMARK_RELABELLED}),
    (credentials(INVALID, failures=EXPIRED), NO_MARK, None, [CLEAR], Label.INCONCLUSIVE, Action.REVIEW, {Reason.CREDENTIAL_EXPIRED}, set()),
    (credentials(INVALID, failures=(*EXPIRED, *MISMATCH)), NO_MARK, None, [CLEAR], Label.INCONCLUSIVE, Action.REVIEW, {Reason.CREDENTIAL_INVALID}, {Reason.HARD_BINDING_MISMATCH}),
    (credentials(TRUSTED, declares_capture=True, ingredients=BROKEN), NO_MARK, None, [CLEAR], Label.INCONCLUSIVE, Action.REVIEW, {Reason.INGREDIENT_INVALID}, {Reason.INGREDIENT_INVALID}),
    (credentials(TRUSTED, declares_capture=True, ingredients=STRANGER), NO_MARK, None, [CLEAR], Label.ORIGIN_VERIFIED, Action.ALLOW, {Reason.CREDENTIAL_CAPTURE}, set()),
    (credentials(CredentialState.REMOTE), NO_MARK, None, [CLEAR], Label.NO_EVIDENCE_FOUND, Action.ALLOW, {Reason.CREDENTIAL_REMOTE}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("held", "mark", "record", "opinions", "label", "action", "reasons", "conflicts"), TABLE)
def test_fusion_table(
    held: Credentials,
    mark: WatermarkReading,
    record: ReleaseRecord | None,
    opinions: list[Opinion],
    label: Label,
    action: Action,
    reasons: set[Reason],
    conflicts: set[Reason],
) -> None:
    verdict = decide(Provenance(held, mark, record=record), opinions)
    assert (verdict.label, verdict.action) == (label, action)
    assert reasons <= set(verdict.reasons)
    assert set(verdict.conflicts) == conflicts


@pytest.mark.parametrize("resembles", [True, None])
def test_a_mark_counts_unless_its_release_looks_otherwise(resembles: bool | None) -> None:
    verdict = decide(Provenance(credentials(), MARK, record=RECORD, resembles=resembles), [CLEAR])
    assert (verdict.label, verdict.action) == (Label.SYNTHETIC_DECLARED, Action.FLAG)
    assert Reason.RELEASE_UNLIKE not in verdict.reasons


@pytest.mark.parametrize(
    "held", [credentials(), credentials(TRUSTED, declares_capture=True)], ids=["bare", "of a trusted camera"]
)
def test_a_copied_mark_neither_accuses_nor_clears(held: Credentials) -> None:
    verdict = decide(Provenance(held, MARK, record=RECORD, resembles=False), [CLEAR])
    assert (verdict.label, verdict.action) == (Label.INCONCLUSIVE, Action.REVIEW)
    assert verdict.reasons[:2] == (Reason.WATERMARK_FOUND, Reason.RELEASE_UNLIKE)
    assert (verdict.probability, verdict.stated_fpr) == (None, None)


def test_experts_and_signers_accuse_beside_a_copied_mark() -> None:
    fired = decide(Provenance(credentials(), MARK, record=RECORD, resembles=False), [FIRED])
    assert (fired.label, fired.action) == (Label.LIKELY_SYNTHETIC, Action.FLAG)
    assert Reason.RELEASE_UNLIKE in fired.reasons
    held = credentials(TRUSTED, declares_ai=True, ai_vouched=True)
    declared = decide(Provenance(held, MARK, record=RECORD, resembles=False), [CLEAR])
    assert (declared.label, declared.operating_point) == (Label.SYNTHETIC_DECLARED, "c2pa.trusted")


def test_a_rate_is_stated_where_an_operating_point_decided_and_nowhere_else() -> None:
    for opinions in ([CLEAR], [FIRED], [CLEAR, SWAPPED]):
        verdict = decide(Provenance(credentials(), NO_MARK), opinions)
        assert (verdict.stated_fpr, verdict.operating_point) == (0.01, "tiny.test@clean")
    broken = Provenance(credentials(INVALID, failures=MISMATCH), NO_MARK)
    hinted = Provenance(credentials(), NO_MARK, declaration=DECLARED)
    between = decide(Provenance(credentials(), NO_MARK), [UNSURE])
    cleared = decide(Provenance(credentials(), NO_MARK), [CLEAR])
    for verdict in (between, decide(broken, [CLEAR]), decide(hinted, [CLEAR]), glimpsed(cleared)):
        assert (verdict.label, verdict.stated_fpr, verdict.operating_point) == (Label.INCONCLUSIVE, None, None)
        assert verdict.probability is not None


def test_a_second_mark_is_a_conflict_whatever_the_credential_says() -> None:
    second = (replace(MARK, record_id="ffffffffffff", key_id=2),)
    for held in (credentials(), credentials(VALID, soft_binding="00112233aabb")):
        verdict = decide(Provenance(held, MARK, record=RECORD, other_marks=second), [CLEAR])
        assert (verdict.label, verdict.conflicts) == (Label.SYNTHETIC_DECLARED, (Reason.MARKS_DISAGREE,))


def test_provenance_alone_never_says_that_pixels_are_clean() -> None:
    verdict = decide(Provenance(credentials(), NO_MARK, fingerprint="2" * 64), looked=False)
    assert verdict.label is Label.NO_EVIDENCE_FOUND
    assert Reason.CLASSIFIER_NOT_RUN in verdict.reasons
    assert verdict.probability is None


def test_what_was_not_decoded_is_not_cleared_unless_a_trusted_camera_vouches_for_it() -> None:
    verdict = decide(Provenance(credentials(), NO_MARK), looked=False)
    assert (verdict.label, verdict.action) == (Label.INCONCLUSIVE, Action.REVIEW)
    assert Reason.MEDIA_UNREADABLE in verdict.reasons
    vouched = decide(Provenance(credentials(TRUSTED, declares_capture=True), NO_MARK), looked=False)
    assert (vouched.label, vouched.action) == (Label.ORIGIN_VERIFIED, Action.ALLOW)
    declared = decide(Provenance(credentials(TRUSTED, declares_ai=True, ai_vouched=True), NO_MARK), looked=False)
    assert (declared.label, declared.action) == (Label.SYNTHETIC_DECLARED, Action.FLAG)


def test_a_known_file_is_flagged_whatever_the_experts_say() -> None:
    known = Provenance(credentials(), NO_MARK, known_media=(KnownMatch("hoaxes", "17", 3),))
    verdict = decide(known, [CLEAR])
    assert verdict.action is Action.FLAG
    assert Reason.KNOWN_MEDIA in verdict.reasons


@given(
    state=st.sampled_from(EvidenceState),
    probability=st.floats(0, 1),
    held=st.sampled_from([CredentialState.ABSENT, CredentialState.REMOTE, CredentialState.VALID]),
)
def test_missing_provenance_never_changes_what_the_experts_said(
    state: EvidenceState, probability: float, held: CredentialState
) -> None:
    alone = decide(Provenance(credentials(), NO_MARK), [opinion(state, probability)])
    other = decide(Provenance(credentials(held), NO_MARK), [opinion(state, probability)])
    assert (alone.label, alone.action, alone.probability) == (other.label, other.action, other.probability)


DECLARED = Declaration("trainedAlgorithmicMedia", declares_ai=True)


def test_unsigned_metadata_ask_for_a_look_and_never_accuse() -> None:
    verdict = decide(Provenance(credentials(), NO_MARK, declaration=DECLARED), [CLEAR])
    assert (verdict.label, verdict.action) == (Label.INCONCLUSIVE, Action.REVIEW)
    assert Reason.METADATA_DECLARES_AI in verdict.reasons
    assert verdict.conflicts == ()


def test_unsigned_metadata_against_a_trusted_camera_are_a_conflict() -> None:
    captured = Provenance(credentials(TRUSTED, declares_capture=True), NO_MARK, declaration=DECLARED)
    verdict = decide(captured, [CLEAR])
    assert (verdict.action, verdict.conflicts) == (Action.REVIEW, (Reason.METADATA_DECLARES_AI,))


def test_metadata_add_nothing_to_a_mark_or_a_credential() -> None:
    for found in (
        Provenance(credentials(), MARK),
        Provenance(credentials(TRUSTED, declares_ai=True, ai_vouched=True), NO_MARK),
    ):
        assert decide(replace(found, declaration=DECLARED), [CLEAR]) == decide(found, [CLEAR])


TRACE = WatermarkTrace("00112233aabb", 1, 9.5, 1e-12)


def test_a_trace_of_a_mark_asks_for_a_look_and_never_accuses() -> None:
    for opinions, looked in (([CLEAR], True), ([], True), ([], False)):
        verdict = decide(Provenance(credentials(), NO_MARK, trace=TRACE), opinions, looked=looked)
        assert (verdict.label, verdict.action) == (Label.INCONCLUSIVE, Action.REVIEW)
        assert Reason.WATERMARK_TRACE in verdict.reasons
        assert verdict.conflicts == ()


def test_a_trace_does_not_soften_what_was_found() -> None:
    found = Provenance(credentials(TRUSTED, declares_ai=True, ai_vouched=True), NO_MARK)
    traced = decide(replace(found, trace=TRACE), [CLEAR])
    assert (traced.label, traced.action) == (Label.SYNTHETIC_DECLARED, Action.FLAG)
    assert Reason.WATERMARK_TRACE in traced.reasons


def test_a_trace_against_a_trusted_camera_is_a_conflict() -> None:
    captured = Provenance(credentials(TRUSTED, declares_capture=True), NO_MARK, trace=TRACE)
    verdict = decide(captured, [CLEAR])
    assert (verdict.label, verdict.action) == (Label.INCONCLUSIVE, Action.REVIEW)
    assert verdict.conflicts == (Reason.WATERMARK_TRACE,)


def test_a_trace_is_no_finding_of_a_mark() -> None:
    evidence = provenance_evidence(Provenance(credentials(), NO_MARK, trace=TRACE))
    assert evidence[0].state is EvidenceState.INCONCLUSIVE


def test_one_frame_of_several_clears_nothing() -> None:
    cleared = decide(Provenance(credentials(), NO_MARK), [CLEAR])
    assert (glimpsed(cleared).label, glimpsed(cleared).action) == (Label.INCONCLUSIVE, Action.REVIEW)
    assert glimpsed(cleared).reasons == (*cleared.reasons, Reason.FRAMES_SAMPLED)


def test_one_frame_of_several_softens_nothing_and_leaves_a_camera_its_word() -> None:
    flagged = decide(Provenance(credentials(), MARK, record=RECORD), [CLEAR])
    captured = decide(Provenance(credentials(TRUSTED, declares_capture=True), NO_MARK), [CLEAR])
    for verdict in (flagged, captured):
        assert (glimpsed(verdict).label, glimpsed(verdict).action) == (verdict.label, verdict.action)
        assert Reason.FRAMES_SAMPLED in glimpsed(verdict).reasons


def test_every_reason_has_both_sentences() -> None:
    assert set(SENTENCES) == set(Reason)
    assert all(english and japanese for english, japanese in SENTENCES.values())
