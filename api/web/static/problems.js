// A refusal (problem+json) in plain words, with what one can do about it.

const EXPIRED = ["The session has ended. Reload the page and try again.", "セッションが終了しました。再読み込みしてください。"];
const UNREACHABLE = ["The server does not answer.", "サーバーが応答しません。"];

// By id of the policy's rule; the rule's own English reason is shown, since an operator may have rules of their own.
const RULES = {
  consent_missing: "人物画像の加工には、写っている本人の同意の証言が必要です。",
  known_media: "この画像は、加工が禁じられた画像のリストにあります。",
  apparent_minor: "写っている人物が未成年の可能性があります。",
  purpose_missing: "目的を指定してください。",
  purpose_refused: "この目的では顔を作成しません。",
  minor: "未成年の顔は作成しません。",
  sexual: "性的な画像は作成しません。",
  political: "政治的な説得のための顔は作成しません。",
  impersonation: "身分証や本人確認に使われる顔は作成しません。",
  named_person: "実在する人物の顔は、本人の同意がなければ作成しません。",
  quota: "本日の上限に達しました。",
};

// By code: what it means in Japanese, and what may help.
const CODES = {
  portrait_unusable: ["顔が見つからないか、加工できません。", "Choose a picture of one face, seen from the front.", "正面を向いた1人の顔の画像を選んでください。"],
  several_faces: ["画像に複数の顔があります。", "Its number goes below the picture.", "画像の下に、左から数えた番号を入力してください。"],
  already_marked: ["この画像にはすでに当サービスの透かしがあります。", "A second mark would make two records of it: use the picture as it was before.", "元の画像を使ってください。"],
  credentials_unreadable: ["画像の来歴情報を保持できません。", "Use a copy without its damaged credentials.", "破損した来歴情報のないコピーを使ってください。"],
  media_too_small: ["画像が小さすぎて透かしを入れられません。", "Use a larger picture.", "より大きな画像を使ってください。"],
  unreadable_media: ["ファイルを読み取れません。", "Is the file complete?", "ファイルが壊れていないか確認してください。"],
  unsupported_media: ["対応していない種類のファイルです。", "Save it as JPEG or PNG, or a clip as MP4.", "画像はJPEGかPNG、動画はMP4で保存し直してください。"],
  empty_media: ["ファイルが空です。", "", ""],
  media_too_large: ["画素数・容量・長さのいずれかが上限を超えています。", "Use a smaller copy.", "縮小したものを使ってください。"],
  decode_timeout: ["ファイルの読み取りに時間がかかりすぎました。", "Use a smaller copy.", "縮小したものを使ってください。"],
  unsupported_attribute: ["描けない内容が含まれています。", "Leave it out of the description; for a face, ticking “Draw what can be drawn” does that.", "その部分を説明から除いてください。顔の場合は「描けるものだけを描き」を選ぶこともできます。"],
  invalid_settings: ["設定が範囲外です。", "", ""],
  invalid_request: ["入力に誤りがあります。", "", ""],
  payload_too_large: ["ファイルが大きすぎます。", "", ""],
  quota_exceeded: ["上限に達しました。", "Try again later.", "しばらくしてからお試しください。"],
  not_found: ["保存期間が過ぎたか、存在しません。", "", ""],
  job_abandoned: ["調査が途中で何度も失敗したため、打ち切られました。", "Send the file again.", "ファイルをもう一度送ってください。"],
  tenant_suspended: ["この利用者は停止されています。", "", ""],
  model_unavailable: ["判定モデルを利用できません。", "The operator can run `shingan doctor`.", "管理者は shingan doctor を実行してください。"],
  backend_unavailable: ["生成モデルを利用できません。", "The operator can run `shingan doctor`.", "管理者は shingan doctor を実行してください。"],
  signing_failed: ["署名できなかったため、公開されませんでした。", "Try again.", "もう一度お試しください。"],
  database_unavailable: ["データベースが応答しません。", "Try again later.", "しばらくしてからお試しください。"],
  storage_unavailable: ["保存先が応答しません。", "Try again later.", "しばらくしてからお試しください。"],
  internal_error: ["サーバーでエラーが発生しました。", "Try again; if it happens again, tell the operator.", "再度お試しのうえ、続く場合は管理者にお知らせください。"],
  speech_unusable: ["この内容は読み上げられません。", "", ""],
  self_check_failed: ["結果が自己検査に通らず、公開されませんでした。", "Nothing was released. Try other settings.", "別の設定でお試しください。"],
};

const fault = ({ where, what }) => `${where.slice(1).join(".")}: ${what}`;

const sentence = (text) => (text && !/[.!?…]$/.test(text) ? `${text[0].toUpperCase()}${text.slice(1)}.` : text);

const reading = (body) => {
  const [meaning, advice, advised] = CODES[body.code] || [];
  const rules = body.policy_ids || [];
  const faults = (body.errors || []).map(fault).join("; ");
  const names = (body.names || (body.faces ? [`${body.faces}人`] : [])).join("、");
  const japanese = rules.map((id) => RULES[id]).filter(Boolean).join("") || meaning || body.detail;
  const code = [body.code, ...rules].join(": ");
  return [
    [sentence(body.detail), sentence(faults), advice, `(${code})`].filter(Boolean).join(" "),
    [japanese, names && `「${names}」`, faults, advised, `（${code}）`].filter(Boolean).join(""),
  ];
};

export const problem = (status, body) => {
  const text = status === 401 ? EXPIRED : status === 0 || !body.code ? UNREACHABLE : reading(body);
  return Object.assign(new Error(text[0]), { text });
};
