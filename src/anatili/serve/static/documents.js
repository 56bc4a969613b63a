// The reader's own documents: sent by button or by dragging, listed above the question, asked instead of all texts.

import { Refused, byId, capital, kept, make, number, page, reasonOf, request, word } from "./common.js";
import { icon, iconButton } from "./icons.js";

const AGAIN = 1500; // milliseconds between two looks at documents that are being read
let documents = []; // as the server lists them; `problem` or `isComing` if it does not have them yet
let limits = null;
let shared = null; // what the server says of its own documents
let queue = Promise.resolve();

// A random name under which the server keeps this browser's documents. Who has it sees them, nobody else.
function session() {
  let name = kept.get("session", "");
  if (!/^[\w-]{22,64}$/.test(name)) {
    const letters = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24)));
    name = btoa(letters).replace(/\+/g, "-").replace(/\//g, "_");
    kept.set("session", name);
  }
  return name;
}

const isReady = ({ state }) => state === "ready";
const SCOPES = ["scope", "search-scope"]; // the same choice, in the chat and in the search
let scopeChanged = () => {}; // tells the views that depend on it
let told = ""; // what they were told
let isListed = false;

// Whether questions and searches go to the reader's own documents.
const asksOwn = () => documents.some(isReady) && byId("scope-own").checked;

// What questions go to, as a name that changes when it does; empty as long as that is not known.
export function askedTexts() {
  if (!isListed && (page.known.documents || page.known.shared)) return "";
  if (asksOwn()) return documents.filter(isReady).map(({ id, time }) => `${id} ${time}`).join();
  return `shared ${shared?.progress.running ? "some" : shared?.documents}`;
}

export const onScope = (act) => (scopeChanged = act);

export function startDocuments() {
  if (page.known.documents) {
    page.headers["X-Anatili-Session"] = session();
    byId("attach").hidden = false;
  }
  if (page.known.documents || page.known.shared) list();
}

export function showDocuments() {
  showSkipped();
  const ready = documents.some(isReady);
  byId("documents").hidden = !documents.length;
  for (const name of SCOPES) byId(name).hidden = !ready;
  byId("document-list").replaceChildren(...documents.map(chip));
  showScope();
}

function showScope() {
  const scope = byId("scope-own").checked ? "own" : "shared";
  for (const one of document.getElementsByName("search-scope")) one.checked = one.value === scope;
  if (scope === "shared" && documents.some(isReady)) page.headers["X-Anatili-Scope"] = scope;
  else delete page.headers["X-Anatili-Scope"];
  if (told === askedTexts()) return;
  told = askedTexts();
  scopeChanged();
}

async function list() {
  try {
    const found = await (await request("/documents")).json();
    limits = found.limits;
    byId("document-file").accept = limits.types.join(",");
    byId("attach").hidden = !found.uploads;
    documents = [...found.documents, ...documents.filter((one) => one.problem || one.isComing)];
    shared = found.shared;
    const progress = shared?.progress;
    byId("reading").textContent = progress?.running ? `${word("documents_read")}: ${number(progress.done)} / ${number(progress.total)}` : "";
    if (progress?.running) setTimeout(list, AGAIN);
  } catch {
    // the page says at another place that there is no connection
  }
  isListed = true;
  showDocuments();
}

function chip(document_) {
  const { name, state, reason, problem, isComing } = document_;
  const item = make("li", "", problem || reason || state === "failed" ? "chip wrong" : "chip");
  const text = make("span", name);
  text.dir = "auto";
  const about = problem || (reason && word("file_incomplete")) || (isComing ? word("document_coming") : `${word("document_passages")}: ${number(document_.passages)}`);
  item.title = reason || name;
  item.append(icon(problem || reason ? "none" : "file"), text, make("small", about));
  if (!isComing) item.append(iconButton("close", `${word("remove")}: ${name}`, () => remove(document_)));
  return item;
}

// Why a file was refused: in the page's words where it has some.
function problemOf(error) {
  return reasonIn(error.code, limits?.bytes) ?? reasonOf(error);
}

function reasonIn(code, bytes = 0) {
  const name = `file_${code}`;
  return name in page.words ? word(name).replace("{size}", number(Math.floor(bytes / 2 ** 20))) : null;
}

// Which of the server's own documents nobody can be answered from, and why.
function showSkipped() {
  const { skipped = 0, reasons = [], incomplete = [], bytes } = shared ?? {};
  const box = byId("skipped");
  const counts = [[word("documents_skipped"), skipped], [capital(word("file_incomplete")), incomplete.length]];
  box.hidden = !skipped && !incomplete.length;
  box.querySelector("summary").textContent = counts.filter(([, count]) => count).map(([what, count]) => `${what}: ${number(count)}`).join(" · ");
  const lines = reasons.map(({ name, code, reason }) => {
    const why = reasonIn(code, bytes);
    return why ? `${name}: ${why}` : reason;
  });
  if (skipped > reasons.length) lines.push(`+ ${number(skipped - reasons.length)}`);
  box.querySelector("ul").replaceChildren(...[...lines, ...incomplete].map((line) => make("li", line)));
}

async function send(file) {
  const entry = { name: file.name, isComing: true };
  documents = [...documents.filter((one) => one.name !== file.name || isReady(one)), entry];
  showDocuments();
  try {
    if (limits && file.size > limits.bytes) throw new Refused("", 413, "too_large");
    const body = new FormData();
    body.append("file", file);
    const answer = await (await request("/documents", { method: "POST", body })).json();
    documents = [...documents.filter((one) => one !== entry && one.id !== answer.id), answer];
    byId("scope-own").checked = true;
    byId("status").textContent = `${file.name}: ${word("document_ready")}`;
  } catch (error) {
    entry.isComing = false;
    entry.problem = problemOf(error);
    byId("status").textContent = `${file.name}: ${entry.problem}`;
  }
  showDocuments();
}

async function remove(document_) {
  try {
    if (document_.id) await request(`/documents/${encodeURIComponent(document_.id)}`, { method: "DELETE" });
    documents = documents.filter((one) => one !== document_);
  } catch (error) {
    if (error.status === 404) documents = documents.filter((one) => one !== document_);
    else byId("status").textContent = reasonOf(error);
  }
  showDocuments();
  byId("question").focus();
}

// One after another, so that each has its own answer and the server is not flooded.
export function sendAll(files) {
  for (const file of files) queue = queue.then(() => send(file));
}

// Resolves when the files that were added are read: a question that was asked meanwhile is meant for them.
export const whenRead = () => queue;

byId("attach").addEventListener("click", () => byId("document-file").click());
byId("document-file").addEventListener("change", (event) => {
  sendAll([...event.target.files]);
  event.target.value = "";
});
for (const name of SCOPES) {
  byId(name).addEventListener("change", ({ target }) => {
    byId(`scope-${target.value}`).checked = true;
    showScope();
  });
}
