// Talks to the service that the page came from; every failure is a problem in words.

import { problem } from "./problems.js";

// XMLHttpRequest, since fetch does not report how much of an upload has gone.
export const send = (path, body, onProgress = () => {}) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    if (typeof body === "string") request.setRequestHeader("Content-Type", "application/json");
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => (request.status < 300 ? resolve(request.response) : reject(problem(request.status, request.response || {})));
    request.onerror = () => reject(problem(0, {}));
    request.send(body);
  });

const asked = async (path, options) => {
  const answer = await fetch(path, options).catch(() => Promise.reject(problem(0, {})));
  if (!answer.ok) throw problem(answer.status, await answer.json().catch(() => ({})));
  return answer;
};

export const get = (path) => asked(path);

// Ends a job; how it stands then.
export const end = async (path) => (await asked(path, { method: "DELETE" })).json();

// A released file as the service keeps it, with the answer that names it.
export const release = async (route, body, { file = "file", onProgress } = {}) => {
  const answer = await send(route, body, onProgress);
  const path = `${route.replace(/^\/v1\/portraits\/.*/, "/v1/portraits")}/${encodeURIComponent(answer.id)}`;
  return { answer, path, blob: await (await get(`${path}/${file}`)).blob() };
};
