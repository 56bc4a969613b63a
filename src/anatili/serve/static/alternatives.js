// Other translations of one sentence, on demand. The chosen one takes the place of the translation.

import { ask, byId, direction, make, reasonOf, word } from "./common.js";
import { languages, replaceTranslation } from "./translate.js";

const MOST = 3;
let asked = ""; // the text whose other translations are shown

async function show() {
  const text = byId("text").value;
  const { source, target } = languages();
  const list = byId("alternatives");
  asked = text;
  byId("alternatives-box").hidden = false;
  byId("alternatives-status").textContent = word("translating");
  list.replaceChildren();
  let note = "";
  try {
    const { alternatives } = await (await ask("/translate", { q: text, source, target, alternatives: MOST })).json();
    if (asked !== text) return;
    list.append(...alternatives.map((other) => entry(other, target)));
    if (!alternatives.length) note = word("no_alternatives");
  } catch (error) {
    note = reasonOf(error);
  }
  byId("alternatives-status").textContent = note;
}

function entry(text, target) {
  const item = make("li");
  const element = make("button", text, "alternative");
  element.type = "button";
  element.lang = target;
  element.dir = direction(target) === "rtl" ? "rtl" : "auto";
  element.addEventListener("click", () => replaceTranslation(text));
  item.append(element);
  return item;
}

function hide() {
  asked = "";
  byId("alternatives-box").hidden = true;
}

byId("alternatives-open").addEventListener("click", show);
byId("text").addEventListener("input", hide);
for (const id of ["source", "target"]) byId(id).addEventListener("change", hide);
