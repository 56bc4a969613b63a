// Search: passages with their sources, the preferred language, and the number of passages in each language.

import { ask, byId, choices, languageName, number, page, reasonOf, word } from "./common.js";
import { card } from "./sources.js";

const SIZE = 10;
let asked = null;

export function showSearch() {
  const names = Object.keys(page.known.names).map((code) => [code, languageName(code), code]);
  choices(byId("prefer"), [["", word("none_first")], ...names], byId("prefer").options.length ? byId("prefer").value : page.code);
  choices(byId("only"), [["", word("any")], ...names], byId("only").value);
  if (!asked) byId("counts").textContent = word("search_hint");
}

async function find(offset) {
  const { q, prefer, only } = asked;
  const wanted = new URLSearchParams({ q, prefer, only, limit: SIZE, offset });
  byId("results").setAttribute("aria-busy", "true");
  try {
    const results = await (await ask(`/search?${wanted}`)).json();
    if (!offset) byId("results").replaceChildren();
    byId("results").append(...results.passages.map((passage) => card(passage)));
    tell(results);
    byId("more").hidden = results.passages.length < SIZE;
  } catch (error) {
    byId("counts").textContent = `${word("failed")} ${reasonOf(error)}`;
  }
  byId("results").setAttribute("aria-busy", "false");
}

function tell(results) {
  const counts = Object.entries(results.counts).map(([code, count]) => `${languageName(code)}: ${number(count)}`);
  const guesses = Object.entries(results.guessed).filter(([, terms]) => terms.length).map(([typed, terms]) => `${typed} → ${terms.join(", ")}`);
  const unknown = Object.entries(results.guessed).filter(([, terms]) => !terms.length).map(([typed]) => typed);
  const lines = [counts.length ? `${word("passages_by_language")} ${counts.join(" · ")}` : word("nothing")];
  if (guesses.length) lines.push(`${word("guessed")} ${guesses.join("; ")}`);
  if (unknown.length) lines.push(`${word("unknown_words")} ${unknown.join(", ")}`);
  byId("counts").textContent = lines.map((line) => line.replace(/\.$/, "")).join(". ");
}

function look() {
  asked = { q: byId("query").value.trim(), prefer: byId("prefer").value, only: byId("only").value };
  if (asked.q) find(0);
}

byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});
for (const id of ["prefer", "only", "search-scope"]) byId(id).addEventListener("change", () => asked && look());
byId("more").addEventListener("click", () => find(byId("results").children.length));
