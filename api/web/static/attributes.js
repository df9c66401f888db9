// What a drawn face was asked to have, and has: names and values of the prompt's vocabulary, for people.

const NAMES = {
  age: "年齢", background: "背景", beard: "ひげ", ethnicity: "民族", expression: "表情", eye_colour: "目の色", freckles: "そばかす", glasses: "眼鏡",
  hair_colour: "髪の色", hair_length: "髪の長さ", lips: "唇", look: "印象", mouth: "口", sex: "性別", skin: "肌", turn: "顔の向き",
};
const VALUES = {
  adult: "成人", asian: "アジア系", beige: "ベージュ", black: "黒", blond: "金", blue: "青", brown: "茶", clear: "透明", closed: "閉じる", dark: "濃い",
  female: "女性", front: "正面", full: "あり", green: "緑", grey: "灰色", hazel: "はしばみ色", latino: "ラテン系", left: "左", light: "明るい", long: "長い",
  male: "男性", mature: "年配", medium: "中間", neutral: "無表情", none: "なし", open: "開く", pink: "ピンク", purple: "紫", red: "赤", right: "右",
  short: "短い", smile: "笑顔", some: "あり", white: "白", yellow: "黄",
};
// Colours that stand for people as well.
const PEOPLE = { black: "黒人", white: "白人" };

const valueOf = (name, value) => (name === "ethnicity" && PEOPLE[value]) || VALUES[value] || value;
const plain = (text) => text.replaceAll("_", " ");

// The pairs of `attributes` in both languages; a dash for none.
export const described = (attributes) => {
  const pairs = Object.entries(attributes);
  if (!pairs.length) return ["—", "—"];
  return [pairs.map(([name, value]) => plain(`${name} ${value}`)).join(", "), pairs.map(([name, value]) => `${NAMES[name] || name}：${valueOf(name, value)}`).join("、")];
};

// Names of attributes, or words of the prompt that stand for none.
export const named = (names) => (names.length ? [names.map(plain).join(", "), names.map((name) => NAMES[name] || name).join("、")] : ["—", "—"]);
