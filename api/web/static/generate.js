// The form that asks for a face in words.

import { exhibit } from "./exhibit.js";
import { release } from "./service.js";
import { taskOf } from "./task.js";

const MAKING = ["Drawing, marking and signing…", "描画・透かし・署名を行っています…"];
const ANYBODY = ["anybody", "任意の成人"];
const form = document.querySelector("[data-generate]");
const task = taskOf(form);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { prompt, purpose, label, best_effort, consent, seed } = form.elements;
  const asked = { prompt: prompt.value, purpose: purpose.value, label: label.value, best_effort: best_effort.checked, consent: consent.checked };
  if (seed.value) asked.seed = Number(seed.value);
  task.attempt(MAKING, async () => {
    const made = await release("/v1/generations", JSON.stringify(asked), { file: "image", onProgress: task.progress });
    const who = made.answer.prompt.trim() ? [made.answer.prompt, made.answer.prompt] : ANYBODY;
    exhibit([{ ...made, title: who, alt: who.map((text, at) => (at ? "生成した顔：" : "Generated face: ") + text) }]);
  });
});
