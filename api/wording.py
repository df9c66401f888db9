"""Labels, actions and states in words for people, English and Japanese; machines get the codes."""

from collections.abc import Mapping
from typing import TypeAlias

from detector.reasons import SENTENCES, Reason
from detector.types import Action, CredentialState, EvidenceKind, EvidenceState, Label

Words: TypeAlias = tuple[str, str]
"""English, Japanese."""

LABELS: Mapping[str, Words] = {
    Label.SYNTHETIC_DECLARED: ("Declared synthetic", "合成と宣言されています"),
    Label.LIKELY_SYNTHETIC: ("Likely synthetic", "合成画像の疑い"),
    Label.LIKELY_MANIPULATED: ("Likely manipulated", "加工の疑い"),
    Label.NO_EVIDENCE_FOUND: ("No evidence found", "疑わしい証拠なし"),
    Label.ORIGIN_VERIFIED: ("Origin verified", "撮影元を確認済み"),
    Label.INCONCLUSIVE: ("Inconclusive", "判定不能"),
    Label.NOT_APPLICABLE: ("Not applicable", "対象外"),
}

ACTIONS: Mapping[str, Words] = {
    Action.ALLOW: ("Allow", "許可"),
    Action.REVIEW: ("Needs review", "要確認"),
    Action.FLAG: ("Flag", "警告"),
}

CREDENTIAL_STATES: Mapping[str, Words] = {
    CredentialState.TRUSTED: ("Intact, and signed by someone on a trust list", "完全、信頼済みの署名者"),
    CredentialState.VALID: ("Intact, but the signer is on no trust list", "完全、署名者は未信頼"),
    CredentialState.INVALID: ("Broken", "不正"),
    CredentialState.ABSENT: ("None in the file", "なし"),
    CredentialState.REMOTE: ("At a remote address, not fetched", "外部参照、未取得"),
    CredentialState.UNREADABLE: ("Could not be read", "読み取り不能"),
}

EVIDENCE_KINDS: Mapping[str, Words] = {
    EvidenceKind.MANIPULATION: ("Manipulation", "加工"),
    EvidenceKind.SYNTHESIS: ("Synthesis", "合成"),
    EvidenceKind.WATERMARK: ("Watermark", "電子透かし"),
    EvidenceKind.CREDENTIALS: ("Credentials", "来歴情報"),
    EvidenceKind.KNOWN_MEDIA: ("Known media", "既知メディア"),
    EvidenceKind.METADATA: ("Metadata", "メタデータ"),
}

EVIDENCE_STATES: Mapping[str, Words] = {
    EvidenceState.FIRED: ("fired", "検出"),
    EvidenceState.CLEAR: ("clear", "検出なし"),
    EvidenceState.ABSENT: ("absent", "存在せず"),
    EvidenceState.INCONCLUSIVE: ("inconclusive", "判定不能"),
    EvidenceState.NOT_APPLICABLE: ("not applicable", "対象外"),
    EvidenceState.UNREADABLE: ("unreadable", "読み取り不能"),
}


def reason_words(code: str) -> Words:
    """The sentences of a reason code; an unknown code stands for itself."""
    return SENTENCES[Reason(code)] if code in frozenset(Reason) else (code, code)
