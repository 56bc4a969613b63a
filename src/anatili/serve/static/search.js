// Search: passages with their sources, the preferred language, and the number of passages in each language.

import { ask, button, byId, choices, highlighted, make, number, openPassage, origin, page, word } from "./common.js";

const SIZE = 10;
let asked = null;

export function showSearch() {
  const names = Object.entries(page.known.names).map(([code, name]) => [code, name, code]);
  choices(byId("prefer"), [...names, ["", word("none_first")]], byId("prefer").options.length ? byId("prefer").value : names[0][0]);
  choices(byId("only"), [["", word("any")], ...names], byId("only").value);
}

async function find(offset) {
  const { q, prefer, only } = asked;
  const wanted = new URLSearchParams({ q, prefer, only, limit: SIZE, offset });
  try {
    const found = await (await ask(`/search?${wanted}`)).json();
    if (!offset) byId("results").replaceChildren();
    byId("results").start = 1;
    byId("results").append(...found.passages.map(result));
    tell(found);
    byId("more").hidden = found.passages.length < SIZE;
  } catch (error) {
    byId("counts").textContent = `${word("failed")} ${error.message}`;
  }
}

function tell(found) {
  const counts = Object.entries(found.counts).map(([code, count]) => `${page.known.names[code] ?? code}: ${number(count)}`);
  const guesses = Object.entries(found.guessed).map(([said, terms]) => `${said} → ${terms.join(", ") || "?"}`);
  const lines = [counts.length ? counts.join(" · ") : word("nothing")];
  if (guesses.length) lines.push(`${word("guessed")} ${guesses.join("; ")}`);
  byId("counts").textContent = lines.join(". ");
}

function result(passage) {
  const item = make("li");
  item.lang = passage.language;
  const [from, to] = passage.snippet;
  item.append(
    button(passage.title || passage.url, () => openPassage(passage, passage.hits), "title"),
    highlighted(passage.text, passage.hits, from, to),
    origin(passage),
  );
  return item;
}

function look() {
  asked = { q: byId("query").value.trim(), prefer: byId("prefer").value, only: byId("only").value };
  if (asked.q) find(0);
}

byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});
for (const id of ["prefer", "only"]) byId(id).addEventListener("change", () => asked && look());
byId("more").addEventListener("click", () => find(byId("results").children.length));
