// The receipt of a release, and its check in the browser: `sheet.js` does it for every section of this shape.

import { get } from "./service.js";
import { element, words } from "./wording.js";

// What the check reads: the answer as it was logged, the log's entry and the log's key.
const proofOf = async ({ answer, path }) => {
  const { receipt, ...report } = await (await get(path)).json();
  const [entry, key] = await Promise.all([`/v1/audit/entries/${receipt.entry}`, "/v1/audit/key"].map(async (part) => (await get(part)).text()));
  return { receipt, entry, key: key.trim(), report };
};

export const receiptOf = (release) => {
  const { entry, log } = release.answer.receipt;
  const proof = element("script", { type: "application/json" });
  proof.dataset.proof = "";
  const steps = element("ol", { className: "steps", ariaLive: "polite" });
  steps.dataset.steps = "";
  const button = element("button", { type: "button", className: "minor" }, ...words(["Verify receipt", "受領証を検証"]));
  const section = element("section", { className: "entry" }, element("p", { className: "quiet" }, ...words([`Entry ${entry} of the log `, `ログ項目 ${entry} `]), element("code", { textContent: log })), button, steps, proof);
  section.dataset.receipt = "";
  button.addEventListener("click", async () => {
    try {
      proof.textContent = JSON.stringify(await proofOf(release));
      button.dispatchEvent(new CustomEvent("verify", { bubbles: true }));
    } catch (error) {
      steps.replaceChildren(element("li", { className: "bad" }, ...words(error.text || [error.message, error.message])));
    }
  });
  return section;
};
