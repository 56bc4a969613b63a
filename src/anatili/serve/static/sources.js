// Passages as sources: with the words marked, with where they come from, as cards and opened whole.

import { betterButton } from "./better.js";
import { byId, copyText, date, direction, languageName, make, page, shown, word } from "./common.js";
import { confirmed, iconButton } from "./icons.js";
import { link } from "./markdown.js";

// The text of a passage in the script that the reader chose, with some stretches marked.
export function highlighted({ text, language }, marks, from = 0, to = Infinity) {
  const span = make("span");
  const letters = Array.from(text); // positions count characters, not UTF-16 units
  const part = (start, end) => shown(letters.slice(start, end).join(""), language);
  let last = from;
  for (const [start, end] of marks) {
    if (start < last || end > to) continue;
    span.append(part(last, start), make("mark", part(start, end)));
    last = end;
  }
  span.append(part(last, Math.min(to, letters.length)));
  return span;
}

const BY_LINE = ["line", "paragraph", "sheet"]; // kinds of places whose number grows by one with each line of the text

// Where in a document a passage stands, or what is quoted from its character `start` on: «12-бет». "" if unknown.
export function location(passage, start = 0) {
  const [, kind, value] = /^(\w+):([^]*)$/.exec(passage.location ?? "") ?? [];
  const form = page.known.locations?.[page.code]?.[kind];
  if (!form) return value ?? "";
  let [number, name] = [value, ""];
  if (kind === "sheet") [name, number] = [value.slice(0, value.lastIndexOf("!")), value.slice(value.lastIndexOf("!") + 1)];
  if (kind === "chapter") [, number, name] = /^(\S*) ?([^]*)$/.exec(value);
  if (BY_LINE.includes(kind)) number = Number(number) + Array.from(passage.text).slice(0, start).filter((letter) => letter === "\n").length;
  return shown(form.replace("{number}", () => number).replace("{name}", () => name).trim());
}

const isAddress = (url) => /^https?:\/\//.test(url);

// The site, or the file with the place in it.
export function whence(passage, start = 0) {
  if (!isAddress(passage.url)) return [passage.url, location(passage, start)].filter(Boolean).join(", ");
  try {
    return new URL(passage.url).host.replace(/^www\./, "");
  } catch {
    return passage.url;
  }
}

export function origin(passage, start = 0) {
  const line = make("span", "", "origin");
  line.append(isAddress(passage.url) ? link(passage.url, passage.url) : whence(passage, start));
  const facts = [passage.source, passage.license, passage.time && date(passage.time)].filter(Boolean);
  if (facts.length) line.append(` · ${facts.join(" · ")}`);
  return line;
}

// A card that opens the passage. `label` stands before the title: the number by which an answer cites it.
export function card(passage, marks, label = "") {
  const item = make("li", "", "card");
  const opener = make("button", "", "card-title");
  opener.type = "button";
  if (label) opener.append(make("span", label, "badge"));
  const title = make("span", shown(passage.title, passage.language) || passage.url);
  title.lang = passage.language;
  opener.append(title);
  opener.addEventListener("click", () => openPassage(passage, marks));
  const [from, to] = passage.snippet;
  const text = make("p", "", "snippet");
  text.lang = passage.language;
  text.dir = "auto";
  if (from > 0) text.append("… ");
  text.append(highlighted(passage, passage.hits, from, to));
  if (to < Array.from(passage.text).length) text.append("…");
  const facts = [whence(passage, marks[0]?.[0]), languageName(passage.language), passage.time && date(passage.time)].filter(Boolean);
  item.append(opener, text, make("p", facts.join(" · "), "origin"));
  return item;
}

// Opens the passage in a dialog, with the quoted words marked.
export function openPassage(passage, marks) {
  byId("passage-title").textContent = shown(passage.title, passage.language) || passage.url;
  byId("passage-title").lang = passage.language;
  byId("passage-text").lang = passage.language;
  byId("passage-text").dir = "auto";
  byId("passage-text").replaceChildren(highlighted(passage, marks));
  byId("passage-origin").replaceChildren(origin(passage, marks[0]?.[0]));
  const copier = iconButton("copy", word("copy"), async () => {
    if (await copyText(passage.text)) confirmed(copier, "copy", word("copied"));
  });
  const better = isAddress(passage.url) && betterButton({ kind: "passage", language: passage.language, title: passage.title, draft: passage.text, origin: passage.id });
  byId("passage-tools").replaceChildren(...[copier, better].filter(Boolean));
  byId("passage").dir = direction();
  byId("passage").showModal();
  byId("passage").querySelector("mark")?.scrollIntoView({ block: "center" });
}
