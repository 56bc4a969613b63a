// The page: its language, script and colors, and which of its four views is visible.

import { ask, byId, choices, kept, page, tab, word } from "./common.js";
import { showAbout } from "./about.js";
import { holdChat, openChat, showChat } from "./chat.js";
import { showKeys } from "./keyboard.js";
import { showSearch } from "./search.js";
import { showTranslate } from "./translate.js";

const VIEWS = ["chat", "translate", "search", "about"];
const FIELDS = ["question", "text", "query"]; // drafts in these fields survive a reload
let view = VIEWS[0];

async function start() {
  page.known = await (await ask("/page/words")).json();
  const names = Object.entries(page.known.names);
  choices(byId("language"), names.map(([code, name]) => [code, name, code]), "");
  const wanted = [kept.get("language"), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  byId("language").value = wanted.find((code) => code in page.known.names) ?? names[0][0];
  page.script = kept.get("script", "");
  byId("theme").value = kept.get("theme", "");
  const drafts = tab.get("drafts", {});
  for (const id of FIELDS) byId(id).value ||= drafts[id] ?? "";
  if (!page.known.chat) onlyTranslates();
  openChat();
  speak();
  color();
  route();
}

function speak() {
  page.code = byId("language").value;
  page.words = page.known.words[page.code];
  const scripts = Object.keys(page.known.scripts?.[page.code] ?? {});
  if (!scripts.includes(page.script)) page.script = "";
  byId("script-choice").hidden = !scripts.length;
  const own = page.known.main_scripts?.[page.code] ?? "";
  const called = (name) => word(`script_${name}` in page.words ? `script_${name}` : name);
  choices(byId("script"), [["", called(own)], ...scripts.map((name) => [name, called(name)])], page.script);
  document.documentElement.lang = page.script ? `${page.code}-${page.script.slice(0, 4)}` : page.code;
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
  }
  kept.set("language", page.code);
  kept.set("script", page.script);
  for (const show of [showChat, showTranslate, showSearch, showAbout, showKeys]) show();
}

function color() {
  const theme = byId("theme").value;
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  kept.set("theme", theme);
}

function route() {
  const wanted = location.hash.slice(1);
  if (wanted !== "main") view = VIEWS.includes(wanted) ? wanted : VIEWS[0]; // "main" only skips the header
  for (const name of VIEWS) byId(name).hidden = name !== view;
  for (const link of document.querySelectorAll("#views a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  byId("keyboard").hidden = true;
}

function onlyTranslates() {
  byId(VIEWS.shift()).hidden = true;
  document.querySelector('#views a[href="#chat"]').hidden = true;
  view = VIEWS[0];
}

function hold() {
  tab.set("drafts", Object.fromEntries(FIELDS.map((id) => [id, byId(id).value])));
  holdChat();
}

byId("language").addEventListener("change", speak);
byId("script").addEventListener("change", () => {
  page.script = byId("script").value;
  speak();
});
byId("theme").addEventListener("change", color);
window.addEventListener("hashchange", () => {
  route();
  const skips = location.hash === "#main";
  byId("main").focus({ preventScroll: !skips });
  if (!skips) scrollTo(0, 0);
});
window.addEventListener("pagehide", hold);
document.addEventListener("visibilitychange", () => document.hidden && hold());
byId("with-key").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("anatili.key", byId("key").value);
  byId("with-key").hidden = true;
  speak();
});
start();
