// The form of the portrait tools: nothing can be sent before there are a picture, a purpose and consent to this picture.

import { exhibit } from "./exhibit.js";
import { missing, requestsOf, showSettings } from "./portrait_settings.js";
import { regionsOn } from "./regions.js";
import { release } from "./service.js";
import { taskOf } from "./task.js";
import { toldBy } from "./told.js";
import { called, element, words } from "./wording.js";

const SENDING = ["Sending the picture…", "画像を送信しています…"];
const WORKING = ["Finding the face, redrawing, marking and signing…", "顔の検出・加工・透かし・署名を行っています…"];
const form = document.querySelector("[data-portrait]");
const view = form.querySelector("[data-sitter-view]");
const button = form.querySelector("[type=submit]");
const task = taskOf(form);
const regions = regionsOn(form);
const empty = [...view.childNodes];

const refresh = () => {
  const lacking = missing(form);
  button.disabled = lacking.length > 0;
  const text = ["Still needed: ", "必要な項目："].map((start, at) => start + lacking.map((item) => item[at]).join(at ? "、" : ", "));
  form.querySelector("[data-missing]").replaceChildren(...(lacking.length ? words(text) : []));
};

const seat = () => {
  const file = form.elements.file.files[0];
  // Consent, and a face's number, were given for the picture before.
  [form.elements.consent.checked, form.elements.consent_reference.value, form.elements.face.value] = [false, "", ""];
  const old = view.querySelector("img");
  if (old) URL.revokeObjectURL(old.src);
  view.classList.toggle("blank", !file);
  view.replaceChildren(...(file ? [called(["The chosen portrait", "選んだ画像"], element("img", { src: URL.createObjectURL(file) }))] : empty));
  regions.clear(view.querySelector("img"));
};

const titled = (tool, output) => {
  const name = [...form.querySelector(`[value=${tool}]`).parentElement.querySelectorAll("span")].map((span) => span.textContent);
  return output === "model" ? name.map((text) => `${text}: GLB`) : name;
};

const body = ({ settings, style }) => {
  const made = new FormData();
  const { file, purpose, label, consent, consent_reference, face } = form.elements;
  if (file.files[0]) made.append("file", file.files[0], file.files[0].name);
  if (face.value) made.append("face", face.value);
  if (style) made.append("style_file", style, style.name);
  made.append("purpose", purpose.value);
  made.append("label", label.value);
  made.append("consent", String(consent.checked));
  made.append("consent_reference", consent_reference.value);
  made.append("settings", JSON.stringify(settings));
  return made;
};

const redraw = async (request) => {
  const { tool, settings } = request;
  const made = await release(`/v1/portraits/${tool}`, body(request), { onProgress: task.uploading(WORKING) });
  const before = tool === "surgery" && settings.view === "after" ? form.elements.file.files[0] : null;
  const title = titled(tool, settings.output);
  return { ...made, title, alt: [`${title[0]}, marked`, `${title[1]}、透かし入り`], before, told: toldBy(made.answer) };
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const requests = requestsOf(form, regions.polygons());
  if (!task.fits(form.elements.file.files[0])) return;
  task.attempt(SENDING, async () => {
    const items = [];
    for (const request of requests) items.push(await redraw(request));
    exhibit(items);
  });
});
form.elements.file.addEventListener("change", seat);
for (const kind of ["input", "change", "reset"]) form.addEventListener(kind, () => (showSettings(form), regions.allow(form.elements.tool.value === "reconstruct"), refresh()));
form.querySelector("[data-reset]").addEventListener("click", () => {
  for (const slider of form.querySelectorAll("[data-change]")) slider.value = 0;
  form.dispatchEvent(new Event("input"));
});
form.dispatchEvent(new Event("input"));
