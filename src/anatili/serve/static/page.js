// The page: which of its views is visible, and what a reload must not lose.

import { showAbout } from "./about.js";
import "./alternatives.js";
import { fit, holdChat, reopenChat, showChat } from "./chat.js";
import { byId, page, tab } from "./common.js";
import { showDocuments, startDocuments } from "./documents.js";
import "./drop.js";
import { hideKeys, showKeys } from "./keyboard.js";
import { loadWords, onKey, speak as speakWords } from "./look.js";
import "./lookup.js";
import "./offline.js";
import { showSearch } from "./search.js";
import { startSettings } from "./settings.js";
import { term } from "./contribute.js";
import { showSidebar } from "./sidebar.js";
import { showTranslate, typed } from "./translate.js";

const VIEWS = ["chat", "translate", "search", "about"];
const FIELDS = ["question", "text", "query"]; // drafts in these fields survive a reload
let view = VIEWS[0];

async function start() {
  await loadWords();
  const drafts = tab.get("drafts", {});
  for (const id of FIELDS) byId(id).value ||= drafts[id] ?? "";
  for (const name of ["chat", "search"]) if (!page.known[name]) leaveOut(name);
  byId("to-commons").hidden = !page.known.commons;
  startDocuments();
  reopenChat();
  startSettings(speak);
  speak();
  route();
  document.body.hidden = false;
  fit();
  if (byId("text").value) typed();
}

function speak() {
  speakWords("title");
  if (page.known.commons) byId("to-commons").textContent = term("heading");
  for (const show of [showSidebar, showChat, showDocuments, showTranslate, showSearch, showAbout, showKeys]) show();
}

function route() {
  const wanted = location.hash.slice(1);
  if (wanted !== "main") view = VIEWS.includes(wanted) ? wanted : VIEWS[0]; // "main" only skips the header
  for (const name of VIEWS) byId(name).hidden = name !== view;
  for (const link of document.querySelectorAll("#views a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  hideKeys();
}

// A server without texts has no search; one with a translation model has no chat.
function leaveOut(name) {
  VIEWS.splice(VIEWS.indexOf(name), 1);
  byId(name).hidden = true;
  document.querySelector(`#views a[href="#${name}"]`).hidden = true;
  if (name === "chat") document.body.classList.add("no-chat");
  [view] = VIEWS;
}

function hold() {
  tab.set("drafts", Object.fromEntries(FIELDS.map((id) => [id, byId(id).value])));
  holdChat();
}

addEventListener("hashchange", () => {
  route();
  byId("main").focus({ preventScroll: true });
  if (location.hash !== "#main") byId("main").scrollTo(0, 0);
});
addEventListener("pagehide", hold);
document.addEventListener("visibilitychange", () => document.hidden && hold());
onKey(() => {
  startDocuments();
  speak();
});
start();
