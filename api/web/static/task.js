// One form at work: its fields are locked, its own status line and bar say how far it is, and a refusal stays next to it.

import { words } from "./wording.js";

const TOO_LARGE = ["This file is too large.", "ファイルが大きすぎます。"];

export const taskOf = (form) => {
  const [status, bar, fields] = ["[data-status]", "[data-bar]", "[data-fields]"].map((part) => form.querySelector(part));

  const say = (text, bad = false) => {
    status.hidden = !text;
    status.classList.toggle("bad", bad);
    status.replaceChildren(...(text ? words(text) : []));
  };

  const progress = (share) => {
    bar.hidden = share === null;
    if (share === null) return;
    if (share < 1) bar.value = share;
    else bar.removeAttribute("value");
  };

  const attempt = async (first, work) => {
    const focused = document.activeElement;
    say(first);
    progress(0);
    fields.disabled = true;
    try {
      await work();
      say(null);
    } catch (error) {
      say(error.text || [error.message, error.message], true);
    } finally {
      fields.disabled = false;
      progress(null);
      if (form.contains(focused) && document.activeElement === document.body) focused.focus({ preventScroll: true });
    }
  };

  // For `send`: the bar, and what is happening once all has gone.
  const uploading = (then) => (share) => {
    progress(share);
    if (share === 1) say(then);
  };

  const weigh = (file) => {
    if (file && file.size > Number(document.body.dataset.maxBytes)) throw Object.assign(new Error(TOO_LARGE[0]), { text: TOO_LARGE });
  };

  const fits = (file) => {
    try {
      weigh(file);
      return true;
    } catch (error) {
      say(error.text, true);
      return false;
    }
  };

  return { say, progress, attempt, uploading, weigh, fits, busy: () => fields.disabled };
};
