// Lines that people give. They stay in this browser until the server has them, so they can be written without a connection.

import { Refused, connection, kept, page, request } from "./common.js";

const AGAIN = 5000; // milliseconds between two attempts
let running = null;
let timer = 0;

// Tells whoever shows lines that some were put in, sent or refused.
export const changes = new EventTarget();
const changed = () => changes.dispatchEvent(new Event("change"));

export const consent = () => kept.get("commons.consent", null); // { license, language }
export const token = () => kept.get("commons.token", "");
export const outbox = () => kept.get("commons.outbox", []);

export function agree(license) {
  kept.set("commons.consent", { license, language: page.code });
  changed();
}

// A token that the server has just made is shown until its owner has seen it.
export function keepToken(value, isNew = false) {
  if (value) kept.set("commons.token", value);
  else for (const name of ["token", "consent", "token-new"]) kept.drop(`commons.${name}`);
  kept.set("commons.token-new", Boolean(value) && isNew);
  changed();
}
export const isTokenNew = () => kept.get("commons.token-new", false);

const store = (lines) => {
  kept.set("commons.outbox", lines);
  changed();
};
export const drop = (id) => store(outbox().filter((line) => line.id !== id));
const mark = (id, problem) => store(outbox().map((line) => (line.id === id ? { ...line, problem } : line)));

const randomId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// A request as a contributor; the first one makes the token.
export async function asContributor(path, options = {}) {
  if (!token()) {
    const answer = await request("/v1/commons/people", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(consent()) });
    keepToken((await answer.json()).token, true);
  }
  const headers = { "X-Anatili-Contributor": token(), ...(options.body && { "Content-Type": "application/json" }) };
  return request(path, { ...options, body: options.body && JSON.stringify(options.body), headers });
}

// Whether a refusal is about this line, and not about the moment, the server's key or the token.
const isFinal = (error) => error instanceof Refused && [400, 409, 413, 422].includes(error.status);

async function send() {
  clearTimeout(timer);
  timer = 0;
  if (!consent()) return;
  for (const { problem, ...line } of outbox()) {
    if (problem) continue;
    try {
      await asContributor("/v1/commons/lines", { method: "POST", body: line });
      drop(line.id);
    } catch (error) {
      if (isFinal(error)) mark(line.id, { message: error.message, status: error.status, stretches: error.details?.stretches });
      else {
        if (error.status !== 404) timer = setTimeout(flush, AGAIN); // 404: the token is nobody's, and waiting changes nothing
        return;
      }
    }
  }
}

// Sends what waits. Who calls it while it runs waits for the same end.
export function flush() {
  running ??= send().finally(() => (running = null));
  return running;
}

// Keeps a line and tries to send it: { state: "sent" | "kept" | "refused", problem }.
export async function give(line) {
  const id = randomId();
  store([...outbox(), { ...line, id }]);
  await flush();
  await flush(); // the first may have begun before this line was there
  const left = outbox().find((other) => other.id === id);
  if (!left) return { state: "sent" };
  if (!left.problem) return { state: "kept" };
  drop(id);
  return { state: "refused", problem: left.problem };
}

connection.addEventListener("change", (event) => event.detail && !running && outbox().some(({ problem }) => !problem) && !timer && flush());
addEventListener("online", flush);
