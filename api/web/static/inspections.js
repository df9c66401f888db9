// Sends a picture to be examined, and puts the server's case sheet in place.

import { problem } from "./problems.js";
import { get, send } from "./service.js";
import { taskOf } from "./task.js";
import { element, words } from "./wording.js";

const SENDING = ["Sending the picture…", "画像を送信しています…"];
const LOOKING = ["Looking at pixels, credentials and watermark…", "画素・来歴情報・透かしを調べています…"];
const JOB = "shingan.job.1";
const LOOK_EVERY_MS = 500;
const $ = (selector) => document.querySelector(selector);
const form = $("[data-intake]");
const report = $("[data-report]");
const task = taskOf(form);

// A clip is answered by a job: its answer is there once the job has ended.
const ended = async (id) => {
  for (;;) {
    const job = await (await get(`/v1/jobs/${encodeURIComponent(id)}`)).json();
    if (job.state === "done") return;
    if (job.state !== "accepted" && job.state !== "running") throw problem(422, job.error || {});
    await new Promise((later) => setTimeout(later, LOOK_EVERY_MS));
  }
};

const show = async (id) => {
  const answer = await get(`/inspections/${encodeURIComponent(id)}/sheet`);
  report.innerHTML = await answer.text();
  report.focus({ preventScroll: true });
  report.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
};

export const inspect = (file) => {
  if (!file || !task.fits(file)) return;
  form.scrollIntoView({ block: "nearest" });
  task.attempt(SENDING, async () => {
    const body = new FormData();
    body.append("file", file, file.name);
    report.replaceChildren();
    const answer = await send("/v1/inspections", body, task.uploading(LOOKING));
    if (answer.schema === JOB) await ended(answer.id);
    await show(answer.id);
    await list();
  });
};

const row = (item) => {
  const link = element("a", { href: `/v1/inspections/${encodeURIComponent(item.id)}/report.html`, target: "_blank", rel: "noopener" }, ...words(["Open", "開く"]));
  const cells = [item.created_at.slice(0, 16).replace("T", " "), element("code", { textContent: item.verdict.label }), element("code", { textContent: item.sha256.slice(0, 12) }), link];
  return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
};

export const list = async () => {
  const { items } = await (await get("/v1/inspections?limit=8")).json();
  $("[data-rows]").replaceChildren(...items.map(row));
  $("[data-earlier]").hidden = items.length === 0;
};

const drop = $("[data-drop]");
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => (event.preventDefault(), drop.classList.add("over")));
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => (event.preventDefault(), drop.classList.remove("over")));
drop.addEventListener("drop", (event) => inspect(event.dataTransfer.files[0]));
$("[data-file]").addEventListener("change", (event) => {
  inspect(event.target.files[0]);
  event.target.value = "";
});
form.addEventListener("submit", (event) => event.preventDefault());
