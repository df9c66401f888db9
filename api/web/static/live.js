// Live art: frames of this machine's camera to the service, painted and marked ones back, one at a time.

import { words } from "./wording.js";

const form = document.querySelector("[data-live]");
const [start, stop] = [form.querySelector("[type=submit]"), form.querySelector("[data-live-stop]")];
const view = form.querySelector("[data-live-view]");
const image = form.querySelector("[data-live-image]");
const facts = form.querySelector("[data-live-facts]");
const WIDTH = Math.min(320, Number(form.dataset.side));
const QUALITY = 0.85;
const AGAIN_MS = 300;

const ASKING = ["Waiting for the camera…", "カメラを待っています…"];
const NO_CAMERA = ["The camera cannot be used.", "カメラを使用できません。"];
const NO_FACE = ["No face is to be seen yet.", "顔がまだ映っていません。"];
const GONE = ["The session has ended.", "セッションが終了しました。"];

const say = (text) => {
  view.hidden = false;
  facts.replaceChildren(...words(text));
};

let session = null;

const send = ({ socket, video, canvas }) => {
  if (socket.readyState !== WebSocket.OPEN) return;
  canvas.width = WIDTH;
  canvas.height = Math.round((WIDTH * video.videoHeight) / video.videoWidth);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => socket.readyState === WebSocket.OPEN && socket.send(blob), "image/jpeg", QUALITY);
};

const show = (current, blob) => {
  const old = image.src;
  image.src = URL.createObjectURL(blob);
  if (old) URL.revokeObjectURL(old);
  current.frames += 1;
  const rate = (current.frames / Math.max(0.001, (performance.now() - current.begun) / 1000)).toFixed(1);
  say([`Record ${current.record}, ${current.frames} pictures, ${rate} a second`, `記録番号 ${current.record}、${current.frames}枚、毎秒${rate}枚`]);
};

const hear = (current, event) => {
  if (event.data instanceof Blob) return show(current, event.data), send(current);
  const told = JSON.parse(event.data);
  if (told.event === "started") send(current);
  if (told.event === "waiting") say(NO_FACE), setTimeout(() => send(current), AGAIN_MS);
  if (told.event === "recorded") [current.record, current.begun] = [told.portrait.record_id, performance.now()];
  if (told.event === "refused") current.last = [`${told.detail} (${told.code})`, `${told.detail}（${told.code}）`];
};

const end = (current) => {
  for (const track of current.stream.getTracks()) track.stop();
  [start.hidden, stop.hidden] = [false, true];
  say(current.last || GONE);
  session = null;
};

const begin = async () => {
  const asked = { style: form.elements.style.value, purpose: form.elements.purpose.value, label: form.elements.label.value, consent: form.elements.consent.checked };
  say(ASKING);
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } }, audio: false });
  const video = Object.assign(document.createElement("video"), { srcObject: stream, muted: true, playsInline: true });
  await video.play();
  const address = new URL("/v1/portraits/live", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  const current = { socket, stream, video, canvas: document.createElement("canvas"), frames: 0, record: "", begun: 0 };
  session = current;
  [start.hidden, stop.hidden] = [true, false];
  socket.onopen = () => socket.send(JSON.stringify(asked));
  socket.onmessage = (event) => hear(current, event);
  socket.onclose = () => end(current);
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!session) begin().catch(() => say(NO_CAMERA));
});
stop.addEventListener("click", () => session && session.socket.send("stop"));
addEventListener("pagehide", () => session && session.socket.close());
