// Corrections of a data file: its texts, each of which can be changed.

import { ask, button, byId, kept, make, number, page, spoken, tell, trying, word } from "./common.js";

let label = "";
let start = 0;
let waiting = 0;

export function setUpFiles() {
  byId("finding").addEventListener("submit", (event) => event.preventDefault());
  byId("find").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => trying(list), 250);
  });
  byId("changed").addEventListener("change", () => trying(list));
  byId("beside").addEventListener("change", () => {
    kept.set("beside", byId("beside").value);
    trying(list);
  });
  byId("more").addEventListener("click", () => trying(() => list(start)));
  byId("adding").addEventListener("submit", (event) => {
    event.preventDefault();
    add();
  });
}

export async function openFile(name) {
  label = name;
  byId("file-title").textContent = name;
  byId("find").value = "";
  byId("changed").checked = false;
  const none = make("option", word("nothing_beside"));
  none.value = "";
  byId("beside").replaceChildren(none, ...Object.keys(page.known.words).map((code) => {
    const option = make("option", page.known.names[code]);
    option.value = option.lang = code;
    return option;
  }));
  const wanted = kept.get("beside", "");
  if (wanted in page.known.words) byId("beside").value = wanted;
  await trying(list);
  byId("file-title").focus({ preventScroll: true });
}

async function list(from = 0) {
  start = typeof from === "number" ? from : 0;
  const body = {
    file: label, find: byId("find").value, changed: byId("changed").checked, start, beside: byId("beside").value,
  };
  const { count, entries, lines } = await (await ask("/review/entries", body)).json();
  const rows = entries.map(entryRow);
  if (start) byId("entries").append(...rows);
  else byId("entries").replaceChildren(...rows);
  if (start && rows.length) rows[0].querySelector("textarea").focus();
  start += entries.length;
  byId("count").textContent = word("texts_found", { count: number(count) });
  byId("more").hidden = start >= count;
  byId("adding").hidden = !lines;
}

function entryRow(entry) {
  const row = make("li");
  let { text } = entry;
  const name = make("label", entry.key, "key");
  const area = make("textarea");
  area.value = text;
  area.rows = Math.min(8, Math.ceil(text.length / 60) + text.split("\n").length - 1) || 1; // where CSS cannot size it
  area.id = `entry-${entry.key}`;
  name.htmlFor = area.id;
  const was = make("p", "", "hint");
  const saving = button(word("save"), () => keep(area.value), "main");
  const undoing = button(word("undo"), () => keep(entry.was));
  const show = () => {
    row.classList.toggle("changed", text !== entry.was);
    was.hidden = undoing.hidden = text === entry.was;
    was.replaceChildren(make("b", `${word("was")} `), make("span", entry.was || "–"));
    saving.hidden = area.value === text;
  };
  const keep = async (value) => {
    const done = await trying(async () => {
      await ask("/review/edit", { name: page.name, file: label, entry: entry.key, seen: text, text: value });
      tell(word("saved"), true);
    });
    if (!done) return;
    text = area.value = value;
    show();
    area.focus();
  };
  area.addEventListener("input", show);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && area.value !== text) keep(area.value);
  });
  const buttons = make("div", "", "buttons");
  buttons.append(saving, undoing);
  row.append(name);
  if (entry.beside) row.append(spoken("p", entry.beside, byId("beside").value, "beside"));
  row.append(area, was, buttons);
  show();
  return row;
}

async function add() {
  const text = byId("new-line").value.trim();
  if (!text) return;
  const done = await trying(() => ask("/review/edit", { name: page.name, file: label, entry: "", seen: "", text }));
  if (!done) return;
  byId("new-line").value = "";
  byId("find").value = text;
  await trying(list);
  tell(word("saved"), true);
}
