// What a case sheet does on its own: language, receipt check, and the link between a face and its row.
"use strict";

(() => {
  const STEPS = {
    report: ["This report is the one that the entry names (SHA-256)", "報告書はログの記載と一致します（SHA-256）"],
    leaf: ["The entry hashes to the leaf of the receipt", "ログ項目は受領証の葉と一致します"],
    inclusion: ["The inclusion proof leads from the leaf to the root", "包含証明は葉から根へ到達します"],
    head: ["The checkpoint names this root and size", "チェックポイントは同じ根と件数を示します"],
    signature: ["The log's key signed the checkpoint (Ed25519)", "チェックポイントの署名は有効です（Ed25519）"],
  };
  const GOOD = ["Receipt verified", "受領証は有効です"];
  const BAD = ["Receipt NOT verified", "受領証は無効です"];

  const words = ([en, ja]) =>
    [["en", en], ["ja", ja]].map(([code, text]) => Object.assign(document.createElement("span"), { className: code, lang: code, textContent: text }));

  const line = (text, kind) => {
    const item = document.createElement("li");
    if (kind) item.className = kind;
    item.append(...words(text));
    return item;
  };

  const kindOf = (result) => (result === undefined ? "skip-step" : result ? "" : "bad");

  const verify = async (section) => {
    const list = section.querySelector("[data-steps]");
    let lines, good;
    try {
      const results = await Receipt.check(JSON.parse(section.querySelector("[data-proof]").textContent));
      good = results.inclusion && Object.values(results).every((result) => result !== false);
      lines = Object.entries(results).map(([name, result]) => line(STEPS[name], kindOf(result)));
    } catch (error) {
      good = false;
      lines = [line([error.message, error.message], "bad")];
    }
    const sum = line(good ? GOOD : BAD, good ? "sum" : "sum bad");
    list.replaceChildren(sum, ...lines);
    section.dataset.verified = String(good);
  };

  const setLanguage = (code) => {
    document.documentElement.dataset.lang = code;
    document.documentElement.lang = code;
    const next = code === "en" ? ["ja", "日本語", "日本語で表示"] : ["en", "English", "Show in English"];
    for (const button of document.querySelectorAll("[data-language]")) {
      [button.lang, button.textContent] = next;
      button.setAttribute("aria-label", next[2]);
    }
    try { localStorage.setItem("language", code); } catch { /* storage may be shut off; the choice then lasts for this page */ }
  };

  // Attributes hold one language, so names for screen readers change with it.
  const rename = () => {
    const name = document.documentElement.dataset.lang === "ja" ? "nameJa" : "nameEn";
    for (const part of document.querySelectorAll("[data-name-ja]")) part.setAttribute(part.tagName === "IMG" ? "alt" : "aria-label", part.dataset[name]);
  };

  const light = (event, on) => {
    const row = event.target.closest("tr[data-face]");
    if (!row) return;
    const box = row.closest("[data-case]").querySelector(`.face-box[data-face="${row.dataset.face}"]`);
    if (box) box.classList.toggle("lit", on);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches("[data-verify]")) verify(button.closest("[data-receipt]"));
    if (button.matches("[data-language]")) setLanguage(document.documentElement.dataset.lang === "en" ? "ja" : "en");
  });
  // A receipt whose proof is fetched first is checked when it is there.
  document.addEventListener("verify", (event) => verify(event.target.closest("[data-receipt]")));
  document.addEventListener("mouseover", (event) => light(event, true));
  document.addEventListener("mouseout", (event) => light(event, false));
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(rename).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["data-lang"] });
    let stored = null;
    try { stored = localStorage.getItem("language"); } catch { /* as above */ }
    if (stored === "ja" || stored === "en") setLanguage(stored);
  });
})();
