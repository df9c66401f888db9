// Sends a picture to be examined, and puts the server's case sheet in place.

import { problem } from "./problems.js";
import { end, get, send } from "./service.js";
import { taskOf } from "./task.js";
import { element, words } from "./wording.js";

const SENDING = ["sending…", "送信しています…"];
const WAITING = ["waiting for its turn…", "順番を待っています…"];
const LOOKING = ["looking at pixels, credentials and watermark…", "画素・来歴情報・透かしを調べています…"];
const CANCELLED = ["cancelled; nothing is recorded of it.", "中止しました。結果は記録されません。"];
const JOB = "shingan.job.1";
const LOOK_EVERY_MS = 500;
const ROWS = 8;
const $ = (selector) => document.querySelector(selector);
const form = $("[data-intake]");
const report = $("[data-report]");
const task = taskOf(form);
const stop = $("[data-stop]");

// A clip is answered by a job: its answer is there once the job has ended, unless it is cancelled before.
const ended = async (id, say) => {
  const path = `/v1/jobs/${encodeURIComponent(id)}`;
  stop.hidden = false;
  stop.onclick = () => end(path).catch((error) => task.say(error.text, true));
  for (;;) {
    const job = await (await get(path)).json();
    if (job.state === "done") return;
    if (job.state === "cancelled") throw Object.assign(new Error(CANCELLED[0]), { text: CANCELLED });
    if (job.state !== "accepted" && job.state !== "running") throw problem(422, job.error || {});
    say(job.state === "accepted" ? WAITING : LOOKING);
    await new Promise((later) => setTimeout(later, LOOK_EVERY_MS));
  }
};

// The case sheet of one file, as the server drew it.
const examined = async (file, say) => {
  say(SENDING);
  task.weigh(file);
  const body = new FormData();
  body.append("file", file, file.name);
  const sent = (share) => (task.progress(share), share === 1 && say(LOOKING));
  const answer = await send("/v1/inspections", body, sent);
  if (answer.schema === JOB) await ended(answer.id, say).finally(() => (stop.hidden = true));
  const sheet = await get(`/inspections/${encodeURIComponent(answer.id)}/sheet`);
  return element("template", { innerHTML: await sheet.text() }).content;
};

const named = (name, text) => [`${name}: ${text[0]}`, `${name}：${text[1]}`];

const show = (sheet, first) => {
  report.append(sheet);
  if (!first) return;
  report.focus({ preventScroll: true });
  report.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
};

// One after the other, in the order given. What cannot be examined is said in its place, and the rest goes on.
export const inspect = (files) => {
  const chosen = [...files];
  if (!chosen.length || task.busy()) return;
  form.scrollIntoView({ block: "nearest" });
  report.replaceChildren();
  const place = (at) => (chosen.length > 1 ? `${at + 1}/${chosen.length} ` : "");
  task.attempt(named(chosen[0].name, SENDING), async () => {
    for (const [at, file] of chosen.entries()) {
      const say = (text) => task.say(named(place(at) + file.name, text));
      const failed = (error) => Object.assign(error, { text: named(file.name, error.text || [error.message, error.message]) });
      const sheet = await examined(file, say).catch((error) => {
        if (chosen.length === 1) throw failed(error);
        return element("p", { className: "notice bad" }, ...words(failed(error).text));
      });
      show(sheet, at === 0);
      await list().catch(() => {});
    }
  });
};

const rows = $("[data-rows]");
const more = $("[data-more]");
const verdicts = JSON.parse(rows.dataset.verdicts);

const row = (item) => {
  const { label } = item.verdict;
  const address = `/v1/inspections/${encodeURIComponent(item.id)}/report.html`;
  const file = element("a", { className: "file", href: address, target: "_blank", rel: "noopener", textContent: (item.path || item.id).split("/").at(-1) });
  const code = element("code", { textContent: item.sha256.slice(0, 12), title: item.sha256 });
  const cells = [file, words(verdicts[label] || [label, label]), item.created_at.slice(0, 16).replace("T", " "), code];
  const made = element("tr", {}, ...cells.map((cell) => element("td", {}, ...[cell].flat())));
  made.dataset.at = item.created_at;
  return made;
};

const fetched = async (query) => (await (await get(`/v1/inspections?limit=${ROWS}${query}`)).json()).items;

export const list = async () => {
  const items = await fetched("");
  rows.replaceChildren(...items.map(row));
  $("[data-earlier]").hidden = items.length === 0;
  more.hidden = items.length < ROWS;
};

more.addEventListener("click", async () => {
  const items = await fetched(`&before=${encodeURIComponent(rows.lastElementChild.dataset.at)}`).catch(() => []);
  rows.append(...items.map(row));
  more.hidden = items.length < ROWS;
});

const drop = $("[data-drop]");
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => (event.preventDefault(), drop.classList.add("over")));
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => (event.preventDefault(), drop.classList.remove("over")));
// A file that misses its place would be opened instead of the page.
for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.target.closest("input[type=file]") || event.preventDefault());
drop.addEventListener("drop", (event) => inspect(event.dataTransfer.files));
$("[data-file]").addEventListener("change", (event) => {
  inspect(event.target.files);
  event.target.value = "";
});
form.addEventListener("submit", (event) => event.preventDefault());
