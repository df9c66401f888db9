"""Fuses findings into one verdict: a pure function over values, written as the order in which findings count.

1. Our watermark and trusted credentials are facts: they decide.  2. Broken or untrusted credentials never clear and
never accuse: they ask for a look.  3. Only then do the experts' opinions count.  4. Unsigned metadata that
declare AI, and the trace of a mark that cannot be read, ask for a look.  5. Absence of a credential or a mark says
nothing.  Findings that contradict each other are named as conflicts, never averaged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from detector.reasons import Reason
from detector.types import (
    Action,
    Credentials,
    CredentialState,
    Evidence,
    EvidenceKind,
    EvidenceState,
    Label,
    Provenance,
    Tier,
    Verdict,
)

HARD_BINDING_CODES: Final = (
    "assertion.dataHash.mismatch",
    "assertion.bmffHash.mismatch",
    "assertion.boxesHash.mismatch",
    "assertion.collectionHash.mismatch",
)
"""C2PA status codes that say "these are not the bytes that were signed" (C2PA 2.4, section 15.2.2)."""

UNTRUSTED_CODE: Final = "signingCredential.untrusted"
EXPIRED_CODE: Final = "signingCredential.expired"

_CREDENTIAL_REASONS: Final = {
    CredentialState.ABSENT: Reason.CREDENTIAL_ABSENT,
    CredentialState.INVALID: Reason.CREDENTIAL_INVALID,
    CredentialState.VALID: Reason.CREDENTIAL_UNTRUSTED,
    CredentialState.REMOTE: Reason.CREDENTIAL_REMOTE,
    CredentialState.UNREADABLE: Reason.CREDENTIAL_UNREADABLE,
}
_ACCUSATIONS: Final = {
    EvidenceKind.SYNTHESIS: (Label.LIKELY_SYNTHETIC, Reason.SYNTHESIS_SCORE),
    EvidenceKind.MANIPULATION: (Label.LIKELY_MANIPULATED, Reason.MANIPULATION_SCORE),
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one expert makes of the whole picture: a calibrated probability, and where it lies to its thresholds."""

    kind: EvidenceKind
    state: EvidenceState
    probability: float | None = None
    tier: Tier | None = None
    model: str | None = None
    stated_fpr: float | None = None
    reasons: tuple[Reason, ...] = ()

    @property
    def operating_point(self) -> str:
        return f"{self.model}@{self.tier}"


def decide(provenance: Provenance, opinions: Sequence[Opinion] = (), *, looked: bool = True) -> Verdict:
    """The verdict on a picture; `looked` is false where no expert was asked (a check of provenance alone)."""
    reasons, conflicts = credential_reasons(provenance), find_conflicts(provenance)
    verdict = _from_facts(provenance, opinions) or _from_opinions(opinions, looked=looked)
    if not looked:
        reasons = (*reasons, Reason.CLASSIFIER_NOT_RUN)
        if provenance.fingerprint is None:
            reasons, verdict = (*reasons, Reason.MEDIA_UNREADABLE), _never_clear_unseen(verdict)
    if provenance.known_media:
        reasons = (*reasons, Reason.KNOWN_MEDIA)
        verdict = replace(verdict, action=Action.FLAG)
    verdict = _never_clear_a_broken_credential(verdict, provenance.credentials)
    hints = _hints(provenance)
    if hints and verdict.action is Action.ALLOW:
        verdict = _undecided(verdict)
    reasons = (*hints, *reasons)
    return replace(verdict, reasons=_unique((*verdict.reasons, *reasons)), conflicts=conflicts)


def glimpsed(verdict: Verdict) -> Verdict:
    """`verdict` on a picture that has more frames than the first, which alone was looked at: it clears nothing."""
    return _never_clear_unseen(replace(verdict, reasons=_unique((*verdict.reasons, Reason.FRAMES_SAMPLED))))


def _never_clear_unseen(verdict: Verdict) -> Verdict:
    """`verdict` on a file of which something was not looked for the mark; a trusted camera vouches for all of it."""
    if verdict.action is Action.ALLOW and verdict.label is not Label.ORIGIN_VERIFIED:
        return _undecided(verdict)
    return verdict


def _from_facts(provenance: Provenance, opinions: Sequence[Opinion]) -> Verdict | None:
    mark, credentials = provenance.watermark, provenance.credentials
    if mark.detected and provenance.resembles is not False:
        chance = mark.false_match_probability
        recovered = provenance.record is not None and credentials.state is CredentialState.ABSENT
        return Verdict(
            Label.SYNTHETIC_DECLARED,
            Action.FLAG,
            probability=None if chance is None else 1.0 - chance,
            stated_fpr=chance,
            operating_point="shingan.wm.1",
            reasons=(Reason.WATERMARK_FOUND, *((Reason.MANIFEST_RECOVERED,) if recovered else ())),
        )
    trusted = credentials.state is CredentialState.TRUSTED
    if trusted and credentials.declares_ai and credentials.ai_vouched:
        return Verdict(
            Label.SYNTHETIC_DECLARED,
            Action.FLAG,
            operating_point="c2pa.trusted",
            reasons=(Reason.CREDENTIAL_DECLARES_AI,),
        )
    captured = trusted and credentials.declares_capture and not has_broken_ingredient(credentials)
    if mark.detected:
        return _copied(opinions, captured=captured)
    return _captured(opinions) if captured else None


def _copied(opinions: Sequence[Opinion], *, captured: bool) -> Verdict | None:
    """The mark is that of a release which looks otherwise: a copied mark accuses nobody, and clears nobody either."""
    if not captured and any(opinion.state is EvidenceState.FIRED for opinion in opinions):
        return None  # the experts accuse, for reasons of their own
    return Verdict(Label.INCONCLUSIVE, Action.REVIEW, reasons=(Reason.WATERMARK_FOUND, Reason.RELEASE_UNLIKE))


def _captured(opinions: Sequence[Opinion]) -> Verdict:
    """A trusted camera vouches for the file; an expert that disagrees makes it a case for people, not a finding."""
    fired = [opinion for opinion in opinions if opinion.state is EvidenceState.FIRED]
    if fired:
        accused = tuple(_ACCUSATIONS[opinion.kind][1] for opinion in fired)
        return Verdict(
            Label.INCONCLUSIVE,
            Action.REVIEW,
            operating_point="c2pa.trusted",
            reasons=(Reason.CREDENTIAL_CAPTURE, Reason.EXPERTS_DISAGREE, *accused),
        )
    return Verdict(
        Label.ORIGIN_VERIFIED, Action.ALLOW, operating_point="c2pa.trusted", reasons=(Reason.CREDENTIAL_CAPTURE,)
    )


def _from_opinions(opinions: Sequence[Opinion], *, looked: bool) -> Verdict:
    if not looked:
        return Verdict(Label.NO_EVIDENCE_FOUND, Action.ALLOW)
    scored = [opinion for opinion in opinions if opinion.probability is not None]
    if not scored:
        return _unscored(opinions)
    for state, conclude in ((EvidenceState.FIRED, _accuse), (EvidenceState.INCONCLUSIVE, _abstain)):
        matching = [opinion for opinion in scored if opinion.state is state]
        if matching:
            return conclude(max(matching, key=_likelihood))
    top = max(scored, key=_likelihood)
    return _quoting(top, Label.NO_EVIDENCE_FOUND, Action.ALLOW, (Reason.BELOW_THRESHOLD,))


def _unscored(opinions: Sequence[Opinion]) -> Verdict:
    reasons = _unique(tuple(reason for opinion in opinions for reason in opinion.reasons)) or (Reason.NO_FACE,)
    if set(reasons) == {Reason.NO_FACE}:
        return Verdict(Label.NOT_APPLICABLE, Action.ALLOW, reasons=reasons)
    return Verdict(Label.INCONCLUSIVE, Action.REVIEW, reasons=reasons)


def _accuse(opinion: Opinion) -> Verdict:
    label, reason = _ACCUSATIONS[opinion.kind]
    return _quoting(opinion, label, Action.FLAG, (reason, *opinion.reasons))


def _abstain(opinion: Opinion) -> Verdict:
    reasons = opinion.reasons or (Reason.BETWEEN_THRESHOLDS,)
    return _undecided(_quoting(opinion, Label.INCONCLUSIVE, Action.REVIEW, reasons))


def _quoting(opinion: Opinion, label: Label, action: Action, reasons: tuple[Reason, ...]) -> Verdict:
    return Verdict(label, action, opinion.probability, opinion.stated_fpr, opinion.operating_point, reasons)


def _likelihood(opinion: Opinion) -> float:
    return -1.0 if opinion.probability is None else opinion.probability


def _never_clear_a_broken_credential(verdict: Verdict, credentials: Credentials) -> Verdict:
    broken = credentials.state is CredentialState.INVALID or has_broken_ingredient(credentials)
    undecided = credentials.state in (CredentialState.VALID, CredentialState.TRUSTED) and credentials.declares_ai
    if verdict.action is Action.ALLOW and (broken or undecided):
        return _undecided(verdict)
    return verdict


def _undecided(verdict: Verdict) -> Verdict:
    """`verdict` for people to look at. A probability stays, but no operating point decided, so none is quoted."""
    return replace(verdict, label=Label.INCONCLUSIVE, action=Action.REVIEW, stated_fpr=None, operating_point=None)


def _hints(provenance: Provenance) -> tuple[Reason, ...]:
    """What asks for a look, and neither accuses nor lets pass."""
    traced = (Reason.WATERMARK_TRACE,) if provenance.trace else ()
    return (*traced, Reason.METADATA_DECLARES_AI) if _declares_unsigned(provenance) else traced


def _declares_unsigned(provenance: Provenance) -> bool:
    """Whether nothing but the metadata says that the file was made by AI."""
    said = provenance.watermark.detected or provenance.credentials.declares_ai
    return provenance.declaration.declares_ai and not said


def has_broken_ingredient(credentials: Credentials) -> bool:
    """Whether an ingredient failed; one that is intact and only signed by a stranger did not."""
    return any(set(item.failures) - {UNTRUSTED_CODE} for item in credentials.ingredients)


def _is_expired(credentials: Credentials) -> bool:
    """Whether time alone undid the signature: nothing was changed, and no time-stamp says when it was made."""
    failures = set(credentials.failures)
    return credentials.state is CredentialState.INVALID and failures - {UNTRUSTED_CODE} == {EXPIRED_CODE}


def credential_reasons(provenance: Provenance) -> tuple[Reason, ...]:
    """What the credentials add to the verdict, in the order in which it should be read."""
    credentials = provenance.credentials
    found = []
    if any(code.startswith(HARD_BINDING_CODES) for code in credentials.failures):
        found.append(Reason.HARD_BINDING_MISMATCH)
    if _is_expired(credentials):
        found.append(Reason.CREDENTIAL_EXPIRED)
    elif credentials.state in _CREDENTIAL_REASONS:
        found.append(_CREDENTIAL_REASONS[credentials.state])
    if has_broken_ingredient(credentials):
        found.append(Reason.INGREDIENT_INVALID)
    if credentials.declares_ai:
        found.append(Reason.CREDENTIAL_DECLARES_AI)
    if provenance.watermark.detected and provenance.record is None:
        found.append(Reason.RECORD_UNKNOWN)
    if provenance.resembles is False:
        found.append(Reason.RELEASE_UNLIKE)
    return tuple(found)


def find_conflicts(provenance: Provenance) -> tuple[Reason, ...]:
    """Findings that cannot all be true of an honest file."""
    credentials, mark = provenance.credentials, provenance.watermark
    present = credentials.state in (CredentialState.TRUSTED, CredentialState.VALID, CredentialState.INVALID)
    found = []
    if any(code.startswith(HARD_BINDING_CODES) for code in credentials.failures):
        found.append(Reason.HARD_BINDING_MISMATCH)
    if mark.detected and present and not _bound_by_its_release(provenance):
        found.append(Reason.WATERMARK_RELABELLED)
    if provenance.other_marks or (mark.detected and credentials.soft_binding not in (None, mark.record_id)):
        found.append(Reason.MARKS_DISAGREE)
    if mark.detected and credentials.declares_capture:
        found.append(Reason.CAPTURE_CLAIM_ON_MARKED)
    if provenance.trace and credentials.declares_capture:
        found.append(Reason.WATERMARK_TRACE)
    if credentials.state is CredentialState.TRUSTED and has_broken_ingredient(credentials):
        found.append(Reason.INGREDIENT_INVALID)
    if credentials.declares_capture and _declares_unsigned(provenance):
        found.append(Reason.METADATA_DECLARES_AI)
    return tuple(found)


def _bound_by_its_release(provenance: Provenance) -> bool:
    """Whether the credential names a record, and not in a manifest that copied the record's id from the release's."""
    credentials, record = provenance.credentials, provenance.record
    if record is None or record.manifest_id is None or credentials.soft_binding != record.record_id:
        return credentials.soft_binding is not None
    return credentials.bound_by == record.manifest_id


def _unique(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))


_CREDENTIAL_EVIDENCE: Final = {
    CredentialState.TRUSTED: EvidenceState.CLEAR,
    CredentialState.VALID: EvidenceState.INCONCLUSIVE,
    CredentialState.INVALID: EvidenceState.FIRED,
    CredentialState.ABSENT: EvidenceState.ABSENT,
    CredentialState.REMOTE: EvidenceState.INCONCLUSIVE,
    CredentialState.UNREADABLE: EvidenceState.UNREADABLE,
}


def provenance_evidence(provenance: Provenance) -> tuple[Evidence, ...]:
    """Provenance findings in the form in which experts' findings are reported."""
    mark, credentials = provenance.watermark, provenance.credentials
    state = EvidenceState.FIRED if credentials.declares_ai else _CREDENTIAL_EVIDENCE[credentials.state]
    unread = EvidenceState.INCONCLUSIVE if provenance.trace else EvidenceState.ABSENT
    return (
        Evidence(EvidenceKind.WATERMARK, EvidenceState.FIRED if mark.detected else unread, model="shingan.wm.1"),
        Evidence(EvidenceKind.CREDENTIALS, state),
        Evidence(
            EvidenceKind.METADATA,
            EvidenceState.FIRED if provenance.declaration.declares_ai else EvidenceState.ABSENT,
            model="xmp",
        ),
        Evidence(EvidenceKind.KNOWN_MEDIA, EvidenceState.FIRED if provenance.known_media else EvidenceState.ABSENT),
    )
