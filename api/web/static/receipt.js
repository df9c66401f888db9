// Checks a receipt in the browser: report digest, leaf hash, inclusion proof (RFC 6962) and checkpoint signature (C2SP).
"use strict";

const Receipt = (() => {
  const bytes = (text) => new TextEncoder().encode(text);
  const hex = (data) => Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const unhex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  const unbase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  const join = (...parts) => {
    const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
    return whole;
  };

  const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
  const leafHash = (entry) => sha256(Uint8Array.of(0), bytes(entry));
  const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

  // RFC 8785: keys sorted by UTF-16 code units, numbers and strings as ECMAScript writes them.
  const canonical = (value) => {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const fields = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
    return `{${fields.join(",")}}`;
  };

  // RFC 9162, section 2.1.3.2.
  const rootFrom = async (leaf, index, size, proof) => {
    if (!(index >= 0 && index < size)) throw new Error("the entry lies outside the log");
    let [fn, sn, root] = [index, size - 1, leaf];
    for (const step of proof) {
      if (sn === 0) throw new Error("the proof is too long");
      if (fn % 2 === 1 || fn === sn) {
        root = await nodeHash(unhex(step), root);
        while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
      } else {
        root = await nodeHash(root, unhex(step));
      }
      [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    }
    if (sn !== 0) throw new Error("the proof is too short");
    return hex(root);
  };

  const readCheckpoint = (note) => {
    const cut = note.indexOf("\n\n");
    const [origin, size, root] = note.slice(0, cut).split("\n");
    const lines = note.slice(cut + 2).split("\n").filter((line) => line.startsWith("\u2014 "));
    const signatures = lines.map((line) => line.slice(2).split(" ")).map(([name, data]) => ({ name, data: unbase64(data) }));
    return { origin, size: Number(size), root: hex(unbase64(root)), signed: note.slice(0, cut + 1), signatures };
  };

  // Verifier key: name+hash+base64(algorithm byte 1, Ed25519 key). Undefined where WebCrypto has no Ed25519.
  const signedBy = async (checkpoint, verifier) => {
    const [name, id] = verifier.split("+", 2);
    const key = unbase64(verifier.slice(name.length + id.length + 2));
    const found = checkpoint.signatures.find((one) => one.name === name && hex(one.data.slice(0, 4)) === id);
    if (!found || key[0] !== 1) return false;
    let handle;
    try {
      handle = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
    } catch (error) {
      if (error.name === "NotSupportedError") return undefined;
      throw error;
    }
    return crypto.subtle.verify({ name: "Ed25519" }, handle, found.data.slice(4), bytes(checkpoint.signed));
  };

  const check = async ({ receipt, entry, key, report }) => {
    const checkpoint = readCheckpoint(receipt.checkpoint);
    const digest = entry && report ? hex(await sha256(bytes(canonical(report)))) : undefined;
    const expected = entry ? JSON.parse(entry).body.report_sha256 : undefined;
    const head = checkpoint.size === receipt.tree_size && checkpoint.root === receipt.root && checkpoint.origin === receipt.log;
    return {
      report: expected === undefined || digest === undefined ? undefined : digest === expected,
      leaf: entry ? hex(await leafHash(entry)) === receipt.leaf_hash : undefined,
      inclusion: (await rootFrom(unhex(receipt.leaf_hash), receipt.entry, receipt.tree_size, receipt.proof)) === receipt.root,
      head,
      signature: key ? await signedBy(checkpoint, key) : undefined,
    };
  };

  return { check, canonical, rootFrom, leafHash };
})();
