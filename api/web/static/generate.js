// The form that asks for a face in words.

import { exhibit } from "./exhibit.js";
import { release } from "./service.js";
import { taskOf } from "./task.js";

const MAKING = ["Drawing, marking and signing…", "描画・透かし・署名を行っています…"];
const form = document.querySelector("[data-generate]");
const task = taskOf(form);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const asked = { prompt: form.elements.prompt.value, purpose: form.elements.purpose.value };
  if (form.elements.seed.value) asked.seed = Number(form.elements.seed.value);
  task.attempt(MAKING, async () => {
    const made = await release("/v1/generations", JSON.stringify(asked), { file: "image", onProgress: task.progress });
    const { prompt } = made.answer;
    exhibit([{ ...made, title: [prompt, prompt], alt: `Generated face: ${prompt}` }]);
  });
});
