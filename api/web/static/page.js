// The local page: sends a picture or a prompt, shows progress, and puts the server's case sheet in place.
"use strict";

(() => {
  const $ = (selector) => document.querySelector(selector);
  const status = $("[data-status]");
  const bar = $("[data-bar]");
  const report = $("[data-report]");
  const made = $("[data-made]");
  const forms = document.querySelectorAll(".desk form:not([data-live])");

  const SENDING = ["Sending the picture…", "画像を送信しています…"];
  const LOOKING = ["Looking at pixels, credentials and watermark…", "画素・来歴情報・透かしを調べています…"];
  const MAKING = ["Drawing, marking and signing…", "描画・透かし・署名を行っています…"];
  const MARKING = ["Marking, signing and reading back…", "印付け・署名・確認を行っています…"];
  const TOO_LARGE = ["This file is too large.", "ファイルが大きすぎます。"];
  const EXPIRED = ["The session has ended. Reload the page and try again.", "セッションが終了しました。再読み込みしてください。"];
  const UNREACHABLE = ["The server does not answer.", "サーバーが応答しません。"];

  const words = ([en, ja]) =>
    [["en", en], ["ja", ja]].map(([code, text]) => Object.assign(document.createElement("span"), { className: code, lang: code, textContent: text }));

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

  const busy = (on) => {
    for (const form of forms) for (const field of form.elements) field.disabled = on;
    if (!on) progress(null);
  };

  const failure = (code, body) => {
    const text = code === 401 ? EXPIRED : code === 0 ? UNREACHABLE : [`${body.detail} (${body.code})`, `${body.detail}（${body.code}）`];
    return Object.assign(new Error(text[0]), { text });
  };

  // XMLHttpRequest, since fetch does not report how much of an upload has gone.
  const send = (path, body, headers = {}, then = LOOKING) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", path);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.responseType = "json";
      request.upload.onprogress = (event) => {
        progress(event.loaded / event.total);
        if (event.loaded === event.total && body instanceof FormData) say(then);
      };
      request.onload = () => (request.status < 300 ? resolve(request.response) : reject(failure(request.status, request.response || {})));
      request.onerror = () => reject(failure(0, {}));
      request.send(body);
    });

  const get = async (path) => {
    const answer = await fetch(path);
    if (!answer.ok) throw failure(answer.status, await answer.json().catch(() => ({})));
    return answer;
  };

  const show = async (id) => {
    const answer = await get(`/inspections/${encodeURIComponent(id)}/sheet`);
    report.innerHTML = await answer.text();
    report.focus({ preventScroll: true });
    report.scrollIntoView({ block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  };

  const attempt = async (first, work) => {
    say(first);
    progress(0);
    busy(true);
    try {
      await work();
      say(null);
    } catch (error) {
      say(error.text || [error.message, error.message], true);
    } finally {
      busy(false);
    }
  };

  const inspect = (file) => {
    if (!file) return;
    if (file.size > Number(document.body.dataset.maxBytes)) return say(TOO_LARGE, true);
    attempt(SENDING, async () => {
      const body = new FormData();
      body.append("file", file, file.name);
      report.replaceChildren();
      const answer = await send("/v1/inspections", body);
      await show(answer.id);
      await list();
    });
  };

  const generate = (form) => {
    const asked = { prompt: form.prompt.value, purpose: form.purpose.value };
    if (form.seed.value) asked.seed = Number(form.seed.value);
    attempt(MAKING, async () => {
      const answer = await send("/v1/generations", JSON.stringify(asked), { "Content-Type": "application/json" });
      progress(1);
      const blob = await (await get(`/v1/generations/${encodeURIComponent(answer.id)}/image`)).blob();
      exhibit(answer, blob);
    });
  };

  const mark = (form) => {
    const file = form.file.files[0];
    if (file.size > Number(document.body.dataset.maxBytes)) return say(TOO_LARGE, true);
    const body = new FormData(form);
    attempt(MARKING, async () => {
      const answer = await send("/v1/marks", body, {}, MARKING);
      const blob = await (await get(`/v1/marks/${encodeURIComponent(answer.id)}/file`)).blob();
      exhibit(answer, blob);
      form.reset();
    });
  };

  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  const exhibit = (answer, blob) => {
    const name = `shingan-${answer.record_id}.${blob.type.split("/")[1].replace("jpeg", "jpg")}`;
    const file = new File([blob], name, { type: blob.type });
    const title = answer.prompt || [answer.software, answer.made].join(", ");
    const address = URL.createObjectURL(blob);
    const image = element("img", { src: address, alt: answer.prompt ? `Generated face: ${title}` : `Marked picture: ${title}` });
    const facts = element("p", {}, ...words(["Record", "記録番号"]), " ", element("code", { textContent: answer.record_id }));
    if (answer.seed !== undefined) facts.append(", ", ...words(["seed", "シード"]), ` ${answer.seed}`);
    const examine = element("button", { type: "button", onclick: () => inspect(file) }, ...words(["Examine it", "これを調べる"]));
    const save = element("a", { href: address, download: name }, ...words(["Save the file", "保存する"]));
    made.replaceChildren(image, element("div", {}, element("p", {}, title), facts, element("div", { className: "deeds" }, examine, save)));
    made.hidden = false;
  };

  const row = (item) => {
    const link = element("a", { href: `/v1/inspections/${encodeURIComponent(item.id)}/report.html`, target: "_blank", rel: "noopener" }, ...words(["Open", "開く"]));
    const cells = [item.created_at.slice(0, 16).replace("T", " "), element("code", { textContent: item.verdict.label }), element("code", { textContent: item.sha256.slice(0, 12) }), link];
    return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
  };

  const list = async () => {
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
  $("[data-intake]").addEventListener("submit", (event) => event.preventDefault());
  $("[data-generate]").addEventListener("submit", (event) => (event.preventDefault(), generate(event.target)));
  $("[data-mark]").addEventListener("submit", (event) => (event.preventDefault(), mark(event.target)));
  list().catch(() => {});
})();
