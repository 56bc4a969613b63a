// Words of the translator in use: sentences of the indexed texts that have the selected word, in any of its forms.

import { byId, make, page, reasonOf, request, shown, word } from "./common.js";
import { card } from "./sources.js";
import { languages } from "./translate.js";

const LONGEST = 40; // characters of what can be looked up
let chosen = { text: "", language: "" };

// The word that is selected in the text or in its translation; "" if none, or more than a few words.
function selection() {
  const field = byId("text");
  const { source, target } = languages();
  if (document.activeElement === field) {
    return { text: field.value.slice(field.selectionStart, field.selectionEnd).trim(), language: source };
  }
  const selected = getSelection();
  const isInside = selected.anchorNode && byId("translated").contains(selected.anchorNode);
  return { text: isInside ? String(selected).trim() : "", language: target };
}

function offer() {
  if (!page.known.search || byId("translate").hidden) return;
  const { text, language } = selection();
  if (!text || text.length > LONGEST || text.split(/\s+/).length > 3 || !/\p{L}/u.test(text)) return;
  chosen = { text, language };
  byId("lookup").hidden = false;
  byId("lookup").replaceChildren(make("span", word("look_up").replace("{word}", shown(text, language))));
}

async function lookUp() {
  const { text, language } = chosen;
  const list = byId("examples");
  byId("lookup").hidden = true;
  byId("examples-box").hidden = false;
  byId("examples-title").textContent = word("examples_of").replace("{word}", text);
  list.replaceChildren();
  let note = "";
  try {
    const wanted = new URLSearchParams({ q: text, prefer: language, only: language, limit: 4 });
    const { passages, guessed } = await (await request(`/search?${wanted}`, { headers: { "X-Anatili-Scope": "shared" } })).json();
    const exact = Object.keys(guessed).length ? [] : passages; // guesses are other words
    list.append(...exact.map((passage) => card(passage)));
    if (!exact.length) note = word("no_examples");
  } catch (error) {
    note = reasonOf(error);
  }
  byId("examples-status").textContent = note;
}

document.addEventListener("selectionchange", offer);
byId("lookup").addEventListener("mousedown", (event) => event.preventDefault()); // keeps the selection
byId("lookup").addEventListener("click", lookUp);
byId("examples-close").addEventListener("click", () => (byId("examples-box").hidden = true));
