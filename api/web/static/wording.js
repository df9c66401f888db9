// Builds what scripts put on the page: elements, and text in both languages of which the style sheet shows one.

export const words = ([en, ja]) =>
  [["en", en], ["ja", ja]].map(([code, text]) => element("span", { className: code, lang: code, textContent: text }));

export const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

export const labelled = (pairs) =>
  element("dl", {}, ...pairs.flatMap(([name, value]) => [element("dt", {}, ...words(name)), element("dd", {}, ...[value].flat())]));

// Options hold plain text alone, so they are reworded whenever the language changes.
export const rewordOptions = () => {
  const reword = () => {
    for (const option of document.querySelectorAll("option[data-ja]")) option.textContent = option.dataset[document.documentElement.dataset.lang];
  };
  new MutationObserver(reword).observe(document.documentElement, { attributeFilter: ["data-lang"] });
  reword();
};
