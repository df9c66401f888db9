// A released file on the page: shown or played, what is in it, and the way to keep, examine and prove it.

import { described, named } from "./attributes.js";
import { inspect } from "./inspections.js";
import { turning } from "./model.js";
import { receiptOf } from "./proof.js";
import { called, element, labelled, optionWords, words } from "./wording.js";

const made = document.querySelector("[data-made]");
const SUFFIXES = { "image/jpeg": "jpg", "model/gltf-binary": "glb" };
const GLB = "model/gltf-binary";
const LAYERS = ["Watermark in the pixels, signed credentials, entry in the registry", "画素内の透かし、署名付き来歴情報、登録簿への記録"];
const CLIP_LAYERS = ["Watermark in every frame, signed credentials, entry in the registry", "全フレームの透かし、署名付き来歴情報、登録簿への記録"];
const MODEL_LAYERS = ["Its texture: watermark, signed credentials, entry in the registry", "テクスチャ：透かし、署名付き来歴情報、登録簿への記録"];
let addresses = [];

const address = (blob) => {
  addresses.push(URL.createObjectURL(blob));
  return addresses.at(-1);
};

const captioned = (shown, caption) => element("figure", {}, shown, ...(caption ? [element("figcaption", {}, ...words(caption))] : []));

const shown = ({ blob, alt, before }, source) => {
  if (blob.type === GLB) return [turning(blob, alt, element("p", { className: "model" }, element("span", { className: "cube", ariaHidden: "true", textContent: "⬡" }), ...words(["A model to save and open in a 3D program", "3Dソフトで開くモデル"])))];
  if (blob.type.startsWith("video/")) return [captioned(called(alt, element("video", { src: source, controls: true, playsInline: true })))];
  if (blob.type === "image/tiff") return [element("p", { className: "quiet" }, ...words(["Browsers do not show a TIFF: save it to see it.", "TIFFはブラウザでは表示できません。保存してご覧ください。"]))];
  const image = called(alt, element("img", { src: source }));
  if (!before) return [captioned(image)];
  return [captioned(called(["The picture as it was sent", "送信した画像"], element("img", { src: address(before) })), ["Before", "加工前"]), captioned(image, ["After, marked", "加工後（透かし入り）"])];
};

const layers = (type) => (type === GLB ? MODEL_LAYERS : type.startsWith("video/") ? CLIP_LAYERS : LAYERS);
const code = (text) => element("code", { textContent: text });
// What was asked of a drawn face, what of it the model drew, what was painted on afterwards, and what is missing.
const drawn = ({ asked, honoured, retouched, left_out }) => [
  [["Asked", "指定"], words(described(asked))],
  [["Honoured", "反映"], words(described(honoured))],
  [["Retouched", "描き足し"], words(named(retouched))],
  ...(left_out.length ? [[["Left out", "描けなかった項目"], words(named(left_out))]] : []),
];

const labelWords = (label) => (label === "none" ? words(["none", "なし"]) : words(optionWords("generate-label", label)));

const facts = ({ answer, blob, told = [] }) =>
  labelled([
    [["Record", "記録番号"], code(answer.record_id)],
    ...(answer.seed === undefined ? [] : [[["Seed", "シード"], String(answer.seed)]]),
    ...(answer.attributes ? drawn(answer.attributes) : []),
    ...told,
    [["Marked", "印"], words(layers(blob.type))],
    [["Visible label", "可視ラベル"], labelWords(answer.label)],
    [["Time-stamp", "タイムスタンプ"], words(answer.timestamped ? ["by an authority", "あり"] : ["none", "なし"])],
  ]);

const deeds = ({ answer, blob, path }, source) => {
  const name = `shingan-${answer.record_id}.${SUFFIXES[blob.type] || blob.type.split("/")[1]}`;
  const save = element("a", { href: source, download: name, className: "button" }, ...words(["Save the file", "保存する"]));
  const file = new File([blob], name, { type: blob.type });
  const examine = element("button", { type: "button", onclick: () => inspect([file]) }, ...words(["Examine it", "これを調べる"]));
  const receipt = element("a", { href: path, download: `shingan-${answer.id}.json` }, ...words(["Save the answer with its receipt", "回答と受領証を保存"]));
  return element("div", { className: "deeds" }, save, ...(blob.type === GLB ? [] : [examine]), receipt);
};

const card = (item) => {
  const source = address(item.blob);
  const views = shown(item, source);
  return element(
    "article",
    { className: views.length > 1 ? "exhibit compared" : "exhibit" },
    element("h3", {}, ...words(item.title)),
    element("div", { className: "views" }, ...views),
    element("div", { className: "about" }, facts(item), deeds(item, source), receiptOf(item)),
  );
};

// Each item: `answer`, `path` and `blob` of a release; `title`, `alt`; if there are any, the picture `before` and facts `told`.
export const exhibit = (items) => {
  addresses.forEach((old) => URL.revokeObjectURL(old));
  addresses = [];
  made.replaceChildren(...items.map(card));
  made.scrollIntoView({ block: "nearest" });
};
