// Passages as sources: with the words marked, with where they come from, as cards and opened whole.

import { betterButton } from "./better.js";
import { byId, copyText, date, direction, languageName, make, page, shown, word } from "./common.js";
import { confirmed, iconButton } from "./icons.js";
import { link } from "./markdown.js";

// The text of a passage in the script that the reader chose, with some stretches marked. Of an excerpt, blank lines are
// left out.
export function highlighted({ text, language }, marks, from = 0, to = Infinity) {
  const span = make("span");
  const letters = Array.from(text); // positions count characters, not UTF-16 units
  const words = (start, end) => shown(letters.slice(start, end).join(""), language);
  const part = (start, end) => (to === Infinity ? words(start, end) : words(start, end).replace(/\n\s*\n/g, "\n"));
  let last = from;
  for (const [start, end] of marks) {
    if (start < last || start >= to) continue;
    span.append(part(last, start), make("mark", part(start, Math.min(end, to))));
    last = Math.min(end, to);
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

const AROUND = 70; // characters of a passage before and after a quotation on its card
const SHORT = 200; // an excerpt of fewer characters goes on
const blank = (letter) => letter === undefined || !letter.trim();

// The part of a passage that its card shows: the words that were quoted or fit best, with what stands around them.
function excerpt(passage, quotes) {
  const letters = Array.from(passage.text);
  let [from, to] = quotes.length ? [quotes[0][0] - AROUND, quotes[0][1] + AROUND] : passage.snippet;
  from = Math.max(0, from);
  to = Math.min(letters.length, Math.max(to, from + SHORT));
  while (from > 0 && !blank(letters[from - 1]) && from !== quotes[0]?.[0]) from += 1;
  while (!blank(letters[to])) to += 1;
  return [from, to];
}

// A card that opens the passage, with its quotations or the words that were looked for marked. `label` stands before
// the title: the number by which an answer cites it.
export function card(passage, quotes = [], label = "") {
  const marks = quotes.length ? quotes : passage.hits;
  const item = make("li", "", "card");
  const opener = make("button", "", "card-title");
  opener.type = "button";
  if (label) opener.append(make("span", label, "badge"));
  const title = make("span", shown(passage.title, passage.language) || passage.url);
  title.lang = passage.language;
  opener.append(title);
  opener.addEventListener("click", () => openPassage(passage, marks));
  const [from, to] = excerpt(passage, quotes);
  const text = make("p", "", "snippet");
  text.lang = passage.language;
  text.dir = "auto";
  if (from > 0) text.append("… ");
  text.append(highlighted(passage, marks, from, to));
  if (to < Array.from(passage.text).length) text.append(" …");
  const facts = [whence(passage, quotes[0]?.[0] ?? passage.snippet[0]), languageName(passage.language), passage.time && date(passage.time)].filter(Boolean);
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
