// What a portrait tool says of its change, as facts for people.

import { called, element, optionWords, words } from "./wording.js";

const UNITS = { degrees: "°" };

const name = (measure) => [...document.querySelectorAll(`label[for="change-${measure}"] > span`)].map((span) => span.cloneNode(true));

const measures = (told) => {
  const head = [["Measure", "計測"], ["Before", "前"], ["After", "後"], ["Change", "変化"]].map((text) => element("th", { scope: "col" }, ...words(text)));
  const rows = Object.entries(told).map(([measure, { unit, before, after, change }]) => {
    const cells = [before, after, change].map((value, at) => element("td", {}, `${at === 2 && value > 0 ? "+" : ""}${value} ${UNITS[unit] || unit}`.replace("-", "−")));
    return element("tr", {}, element("th", { scope: "row" }, ...name(measure)), ...cells);
  });
  return called(["Measures", "計測値"], element("div", { className: "scroll", tabIndex: 0, role: "region" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows))));
};

const TOLD = {
  surgery: ({ told }) => [[["Measures", "計測値"], [measures(told.measures)]]],
  artwork: ({ told }) => [[["Style", "スタイル"], words(optionWords("art-style", told.style))], [["Strength", "強さ"], String(told.strength)], [["Seed", "シード"], String(told.seed)]],
  reconstruct: ({ told }) => [
    [["Filled in", "補完"], words([`${Math.round(100 * told.guessed_share)} % of the face was not seen and is a guess`, `顔の${Math.round(100 * told.guessed_share)}％は推定です`])],
    [["Mesh", "メッシュ"], words([`${told.points} points, ${told.triangles} triangles`, `${told.points}点、${told.triangles}面`])],
  ],
};

export const toldBy = (answer) => TOLD[answer.tool](answer);
