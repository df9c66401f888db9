// What each portrait tool is asked, read from its own part of the form, and what is still lacking.

const NEEDS = {
  picture: ["a picture", "画像"],
  change: ["a change", "変更量"],
  style: ["a style picture", "手本の画像"],
  purpose: ["a purpose", "目的"],
  consent: ["consent", "同意"],
};

const changes = (form) =>
  Object.fromEntries([...form.querySelectorAll("[data-change]")].map((slider) => [slider.dataset.change, Number(slider.value)]).filter(([, amount]) => amount !== 0));

const pictured = (form) => form.elements.style.value === form.querySelector("[data-style-picture]").dataset.stylePicture;
const styleFile = (form) => (pictured(form) ? form.elements.style_file.files[0] : undefined);

const TOOLS = {
  surgery: (form) => [{ settings: { changes: changes(form), view: form.elements.view.value } }],
  artwork: (form) => [{ settings: { style: form.elements.style.value, strength: Number(form.elements.strength.value), seed: Number(form.elements.seed.value) }, style: styleFile(form) }],
  reconstruct: (form, hidden) => form.elements.output.value.split(" ").map((output) => ({ settings: { output, hidden } })),
};

// One request a file: both outputs of a reconstruction are two releases.
export const requestsOf = (form, hidden) => {
  const tool = form.elements.tool.value;
  return TOOLS[tool](form, hidden).map((request) => ({ tool, ...request }));
};

export const missing = (form) => {
  const { file, tool, purpose, consent } = form.elements;
  const given = {
    picture: file.files.length > 0,
    change: tool.value !== "surgery" || Object.keys(changes(form)).length > 0,
    style: tool.value !== "artwork" || !pictured(form) || form.elements.style_file.files.length > 0,
    purpose: purpose.value !== "",
    consent: consent.checked,
  };
  return Object.keys(NEEDS).filter((name) => !given[name]).map((name) => NEEDS[name]);
};

const signed = (amount) => `${amount > 0 ? "+" : amount < 0 ? "−" : ""}${Math.abs(amount)}`;

const sayAmount = (slider) => {
  const unit = slider.dataset.unit;
  const text = unit ? `${signed(Number(slider.value))} ${unit}` : slider.value;
  slider.setAttribute("aria-valuetext", text);
  const output = slider.parentElement.querySelector("[data-amount]");
  output.textContent = text;
  output.classList.toggle("changed", Boolean(unit) && Number(slider.value) !== 0);
};

// Only the chosen tool's settings, and only what goes with the chosen style.
export const showSettings = (form) => {
  for (const part of form.querySelectorAll("[data-settings]")) part.hidden = part.dataset.settings !== form.elements.tool.value;
  form.querySelector("[data-style-picture]").hidden = !pictured(form);
  form.querySelectorAll("[type=range]").forEach(sayAmount);
};
