// About the model: what it is, what it was trained on and what it cannot do, with its card as it was written.

import { ask, byId, compare, make, number, page, word } from "./common.js";

export async function showAbout() {
  let facts;
  try {
    facts = await (await ask("/about")).json();
  } catch (error) {
    byId("facts").replaceChildren(make("p", `${word("failed")} ${error.message}`));
    return;
  }
  const list = make("dl");
  const add = (name, value) => value && list.append(make("dt", word(name)), make("dd", value));
  add("model_name", facts.model);
  add("parameters", facts.parameters && number(facts.parameters));
  add("context", facts.context && number(facts.context));
  add("speaks", facts.languages.map((code) => page.known.names[code] ?? code).sort(compare).join(", "));
  add("texts", Object.entries(facts.passages).map(([code, count]) => `${page.known.names[code] ?? code}: ${number(count)}`).join(" · "));
  const cannot = make("ul");
  cannot.append(...["cannot_know", "cannot_sure", "cannot_translate"].map((name) => make("li", word(name))));
  if (facts.toy) cannot.prepend(make("li", word("cannot_toy")));
  byId("facts").replaceChildren(make("h3", word("what_it_is")), list, make("h3", word("what_it_cannot")), cannot);
  if (facts.card) {
    const card = make("pre", facts.card, "card");
    card.lang = "en";
    card.tabIndex = 0;
    byId("facts").append(make("h3", word("card")), card);
  }
}
