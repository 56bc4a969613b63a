// The page's language, script, colors and text size, and the words of its own elements.

import { byId, capital, choices, direction, kept, page, request, word } from "./common.js";
import { drawIcons } from "./icons.js";

export async function loadWords() {
  page.known = await (await request("/page/words")).json();
  const names = Object.entries(page.known.names);
  choices(byId("language"), names.map(([code, name]) => [code, capital(name), code]), "");
  const wanted = [kept.get("language"), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  byId("language").value = wanted.find((code) => code in page.known.names) ?? names[0][0];
  page.script = kept.get("script", "");
}

export function speak(title) {
  page.code = byId("language").value;
  page.words = page.known.words[page.code];
  page.headers["Accept-Language"] = page.code; // in which "?" is answered
  const scripts = Object.keys(page.known.scripts?.[page.code] ?? {});
  if (!scripts.includes(page.script)) page.script = "";
  if (byId("script")) {
    const own = page.known.main_scripts?.[page.code] ?? "";
    const called = (name) => word(`script_${name}` in page.words ? `script_${name}` : name);
    byId("script-choice").hidden = !scripts.length;
    choices(byId("script"), [["", called(own)], ...scripts.map((name) => [name, called(name)])], page.script);
  }
  document.documentElement.lang = page.script ? `${page.code}-${page.script.slice(0, 4)}` : page.code;
  document.documentElement.dir = direction();
  document.title = word(title);
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
    if (element.matches("button")) element.title = word(element.dataset.label);
  }
  for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = word(element.dataset.hint);
  drawIcons();
  kept.set("language", page.code);
  kept.set("script", page.script);
}

// A theme ("light", "dark", "" for the system's) or a text size ("small", "large", "" for the usual).
export function setLook(name, value) {
  if (value) document.documentElement.dataset[name] = value;
  else delete document.documentElement.dataset[name];
  kept.set(name, value);
}

// The key of a server that asks for one stays in this tab.
export function onKey(act) {
  byId("with-key").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("anatili.key", byId("key").value);
    byId("with-key").hidden = true;
    act();
  });
}
