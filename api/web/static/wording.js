// Builds what scripts put on the page: elements, and text in both languages of which the style sheet shows one.

export const words = ([en, ja]) =>
  [["en", en], ["ja", ja]].map(([code, text]) => element("span", { className: code, lang: code, textContent: text }));

export const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

// A part with a name for screen readers; `sheet.js` keeps it in the language of the page.
export const called = ([en, ja], part) => {
  Object.assign(part.dataset, { nameEn: en, nameJa: ja });
  part.setAttribute(part.tagName === "IMG" ? "alt" : "aria-label", en);
  return part;
};

export const labelled = (pairs) =>
  element("dl", {}, ...pairs.flatMap(([name, value]) => [element("dt", {}, ...words(name)), element("dd", {}, ...[value].flat())]));

// What the option with this code is called in the list with this id; the code itself if there is none.
export const optionWords = (id, code) => {
  const option = [...document.getElementById(id).options].find(({ value }) => value === code);
  return option ? [option.dataset.en, option.dataset.ja] : [code, code];
};

// Options and samples hold plain text alone, so they are reworded whenever the language changes; what was typed stays.
export const rewordFields = () => {
  const reword = () => {
    const { lang } = document.documentElement.dataset;
    for (const option of document.querySelectorAll("option[data-ja]")) option.textContent = option.dataset[lang];
    for (const field of document.querySelectorAll("[data-sample-ja]")) {
      const { sampleEn, sampleJa } = field.dataset;
      if ([sampleEn, sampleJa].includes(field.value)) field.value = lang === "ja" ? sampleJa : sampleEn;
    }
  };
  new MutationObserver(reword).observe(document.documentElement, { attributeFilter: ["data-lang"] });
  reword();
};
