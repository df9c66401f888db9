// The form that has a picture or clip of another program marked.

import { exhibit } from "./exhibit.js";
import { release } from "./service.js";
import { taskOf } from "./task.js";
import { optionWords } from "./wording.js";

const SENDING = ["Sending the file…", "ファイルを送信しています…"];
const MARKING = ["Marking, signing and reading back…", "印付け・署名・確認を行っています…"];
const form = document.querySelector("[data-mark]");
const task = taskOf(form);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!task.fits(form.elements.file.files[0])) return;
  const body = new FormData(form);
  task.attempt(SENDING, async () => {
    const marked = await release("/v1/marks", body, { onProgress: task.uploading(MARKING) });
    const { software, made } = marked.answer;
    const title = optionWords("made", made).map((done, at) => [software, done].join(at ? "、" : ", "));
    exhibit([{ ...marked, title, alt: title.map((text, at) => (at ? "印付きファイル：" : "Marked file: ") + text) }]);
    form.reset();
  });
});
