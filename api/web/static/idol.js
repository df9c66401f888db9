// The form that asks for an idol: JSON, or a form if a recording is to be spoken.

import { exhibit } from "./exhibit.js";
import { release } from "./service.js";
import { taskOf } from "./task.js";
import { words } from "./wording.js";

const MAKING = ["Drawing, animating, marking and signing: a few seconds for each second of the clip…", "描画・動画化・透かし・署名を行っています。動画1秒につき数秒かかります…"];
const SENDING = ["Sending the recording…", "録音を送信しています…"];
const SOURCES = { text: ["a text, silently", "テキスト（無音）"], recording: ["a recording", "録音"], nothing: ["not at all", "なし"] };
const form = document.querySelector("[data-idol]");
const task = taskOf(form);

const wish = () => {
  const { prompt, say, seconds, seed, purpose, still, label } = form.elements;
  const numbers = [["seconds", seconds.value], ["seed", seed.value]].filter(([, value]) => value);
  return { prompt: prompt.value, say: say.value.trim(), purpose: purpose.value, label: label.value, still: still.checked, ...Object.fromEntries(numbers.map(([name, value]) => [name, Number(value)])) };
};

const bodyOf = (asked, voice) => {
  if (!voice) return JSON.stringify(asked);
  const body = new FormData();
  for (const [name, value] of Object.entries(asked)) if (value !== "") body.append(name, String(value));
  body.append("file", voice, voice.name);
  return body;
};

const told = ({ speech }) => [
  ...(speech.seconds === null ? [] : [[["Seconds", "秒数"], speech.seconds.toFixed(1)]]),
  [["Speaks", "話す内容"], words(SOURCES[speech.source])],
  ...(speech.unread.length ? [[["Not read aloud", "読めなかった文字"], speech.unread.join(" ")]] : []),
];

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const voice = form.elements.file.files[0];
  if (!task.fits(voice)) return;
  const body = bodyOf(wish(), voice);
  task.attempt(voice ? SENDING : MAKING, async () => {
    const made = await release("/v1/idols", body, { onProgress: voice ? task.uploading(MAKING) : task.progress });
    const { prompt } = made.answer;
    const title = [`Idol: ${prompt.trim() || "anybody"}`, `アイドル：${prompt.trim() || "任意の成人"}`];
    exhibit([{ ...made, title, alt: title, told: told(made.answer) }]);
  });
});
