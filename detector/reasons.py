"""Why a verdict is what it is, as stable codes with a sentence for people in English and in Japanese."""

from enum import StrEnum


class Reason(StrEnum):
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    TOO_BLURRY = "too_blurry"
    HEAVILY_COMPRESSED = "heavily_compressed"
    OUT_OF_DOMAIN = "out_of_domain"
    EXPERTS_DISAGREE = "experts_disagree"
    BETWEEN_THRESHOLDS = "between_thresholds"
    MANIPULATION_SCORE = "manipulation_score"
    SYNTHESIS_SCORE = "synthesis_score"
    BELOW_THRESHOLD = "below_threshold"
    WATERMARK_FOUND = "watermark_found"
    WATERMARK_RELABELLED = "watermark_relabelled"
    WATERMARK_TRACE = "watermark_trace"
    MARKS_DISAGREE = "marks_disagree"
    RECORD_UNKNOWN = "record_unknown"
    RELEASE_UNLIKE = "release_unlike"
    MANIFEST_RECOVERED = "manifest_recovered"
    CREDENTIAL_DECLARES_AI = "credential_declares_ai"
    CREDENTIAL_CAPTURE = "credential_capture"
    CREDENTIAL_UNTRUSTED = "credential_untrusted"
    CREDENTIAL_INVALID = "credential_invalid"
    CREDENTIAL_EXPIRED = "credential_expired"
    CREDENTIAL_ABSENT = "credential_absent"
    CREDENTIAL_REMOTE = "credential_remote"
    CREDENTIAL_UNREADABLE = "credential_unreadable"
    CAPTURE_CLAIM_ON_MARKED = "capture_claim_on_marked"
    HARD_BINDING_MISMATCH = "hard_binding_mismatch"
    INGREDIENT_INVALID = "ingredient_invalid"
    METADATA_DECLARES_AI = "metadata_declares_ai"
    KNOWN_MEDIA = "known_media"
    MODEL_UNAVAILABLE = "model_unavailable"
    MEDIA_UNREADABLE = "media_unreadable"
    SOUND_NOT_ANALYSED = "sound_not_analysed"
    FRAMES_SAMPLED = "frames_sampled"
    CLIP_INCOMPLETE = "clip_incomplete"
    CLASSIFIER_NOT_RUN = "classifier_not_run"


SENTENCES: dict[Reason, tuple[str, str]] = {
    Reason.NO_FACE: (
        "No face was found, so the face experts say nothing.",
        "顔が見つからないため、顔の判定は行いません。",
    ),
    Reason.FACE_TOO_SMALL: ("The face is too small to judge.", "顔が小さすぎて判定できません。"),
    Reason.TOO_BLURRY: ("The face is too blurry to judge.", "顔がぼやけていて判定できません。"),
    Reason.HEAVILY_COMPRESSED: (
        "Heavy compression removed what the experts look for.",
        "強い圧縮により手がかりが失われています。",
    ),
    Reason.OUT_OF_DOMAIN: (
        "The picture is unlike anything that the experts were measured on.",
        "評価に使った画像と大きく異なります。",
    ),
    Reason.EXPERTS_DISAGREE: ("The experts disagree.", "判定器の意見が分かれています。"),
    Reason.BETWEEN_THRESHOLDS: ("The score lies between clear and flagged.", "スコアが判定のしきい値の間にあります。"),
    Reason.MANIPULATION_SCORE: ("A face looks swapped or edited.", "顔の入れ替えや加工の疑いがあります。"),
    Reason.SYNTHESIS_SCORE: ("A face looks machine-made.", "顔が機械的に生成された疑いがあります。"),
    Reason.BELOW_THRESHOLD: ("No expert saw enough to raise a suspicion.", "疑いを示す十分な手がかりはありません。"),
    Reason.WATERMARK_FOUND: ("Our watermark is in the picture.", "本システムの電子透かしが検出されました。"),
    Reason.WATERMARK_RELABELLED: (
        "Our watermark is inside a credential of another issuer.",
        "透かしと署名者が一致しません。",
    ),
    Reason.WATERMARK_TRACE: (
        "It looks like a release of ours, and a trace of that release's watermark is left: the mark was damaged.",
        "本システムの公開物に似ており、その透かしの痕跡が残っています（透かしは損なわれています）。",
    ),
    Reason.MARKS_DISAGREE: (
        "The picture bears two of our marks, or its credential names another record than its mark.",
        "本システムの透かしが複数あるか、来歴情報が透かしと異なる記録を示しています。",
    ),
    Reason.RECORD_UNKNOWN: ("The watermark's record is not in this registry.", "透かしの記録が登録簿にありません。"),
    Reason.RELEASE_UNLIKE: (
        "It could not be shown to be a copy of the release that its mark names: the mark may have been copied.",
        "透かしが示す公開物の複製であることを確認できません（透かしが転写された可能性があります）。",
    ),
    Reason.MANIFEST_RECOVERED: (
        "The lost manifest was found again by the watermark.",
        "失われた来歴情報を透かしから復元しました。",
    ),
    Reason.CREDENTIAL_DECLARES_AI: ("The credential declares AI-made content.", "来歴情報がAI生成と宣言しています。"),
    Reason.CREDENTIAL_CAPTURE: (
        "A trusted credential says captured by a camera.",
        "信頼できる来歴情報が撮影画像と示しています。",
    ),
    Reason.CREDENTIAL_UNTRUSTED: (
        "The credential is intact, but nobody on the trust lists signed it.",
        "来歴情報の署名者は信頼リストにありません。",
    ),
    Reason.CREDENTIAL_INVALID: ("The credential is broken.", "来歴情報が壊れています。"),
    Reason.CREDENTIAL_EXPIRED: (
        "The signer's certificate has expired, and no time-stamp shows that it had not when it signed.",
        "署名者の証明書は期限切れで、期限内の署名を示すタイムスタンプがありません。",
    ),
    Reason.CREDENTIAL_ABSENT: (
        "There is no credential; that is no sign either way.",
        "来歴情報はありません（それ自体は判断材料になりません）。",
    ),
    Reason.CREDENTIAL_REMOTE: (
        "The credential lies at a remote address and was not fetched.",
        "来歴情報は外部にあり、取得していません。",
    ),
    Reason.CREDENTIAL_UNREADABLE: ("The credential could not be read.", "来歴情報を読み取れません。"),
    Reason.CAPTURE_CLAIM_ON_MARKED: (
        "A credential claims a camera, but our generator's watermark is inside.",
        "撮影と宣言されていますが、生成画像の透かしがあります。",
    ),
    Reason.HARD_BINDING_MISMATCH: ("The pixels are not those that were signed.", "署名後に画像が変更されています。"),
    Reason.INGREDIENT_INVALID: ("An ingredient of the credential is broken.", "来歴情報の素材に不整合があります。"),
    Reason.METADATA_DECLARES_AI: (
        "The file's metadata declare AI-made content, unsigned.",
        "署名のないメタデータがAI生成と宣言しています。",
    ),
    Reason.KNOWN_MEDIA: ("The picture is on a known-media list.", "既知メディアのリストに一致しました。"),
    Reason.MODEL_UNAVAILABLE: ("An expert's weights could not be loaded.", "判定モデルを読み込めません。"),
    Reason.MEDIA_UNREADABLE: ("The file could not be decoded.", "ファイルを復号できません。"),
    Reason.SOUND_NOT_ANALYSED: ("Sound was not analysed.", "音声は解析していません。"),
    Reason.FRAMES_SAMPLED: (
        "Only sampled frames were looked at, not every frame.",
        "全フレームではなく、抽出したフレームのみを確認しました。",
    ),
    Reason.CLIP_INCOMPLETE: (
        "The clip is cut off or damaged; only what could be decoded was judged.",
        "動画が途中で切れているか破損しており、復号できた部分のみを判定しました。",
    ),
    Reason.CLASSIFIER_NOT_RUN: (
        "Only provenance was checked; no expert looked at the pixels.",
        "来歴のみを確認し、画素は判定していません。",
    ),
}
"""English and Japanese sentence of every reason."""
