// About the model: what it is, what it was trained on and what it cannot do, with its card as it was written.

import { ask, byId, compare, languageName, make, number, reasonOf, word } from "./common.js";
import { markdown } from "./markdown.js";

export async function showAbout() {
  let facts;
  try {
    facts = await (await ask("/about")).json();
  } catch (error) {
    byId("facts").replaceChildren(make("p", `${word("failed")} ${reasonOf(error)}`));
    return;
  }
  const list = make("dl");
  const add = (name, value) => value && list.append(make("dt", word(name)), make("dd", value));
  add("model_name", facts.model);
  add("parameters", facts.parameters && number(facts.parameters));
  add("context", facts.context && number(facts.context));
  add("speaks", facts.languages.map(languageName).sort(compare).join(", "));
  add("texts", Object.entries(facts.passages).map(([code, count]) => `${languageName(code)}: ${number(count)}`).join(" · "));
  const cannot = make("ul");
  cannot.append(...["cannot_know", "cannot_sure", "cannot_translate"].map((name) => make("li", word(name))));
  if (facts.toy) cannot.prepend(make("li", word("cannot_toy")));
  byId("facts").replaceChildren(make("h3", word("what_it_is")), list, make("h3", word("what_it_cannot")), cannot);
  if (facts.card) {
    const card = make("div", "", "document");
    card.lang = "en";
    card.dir = "ltr";
    card.append(markdown(facts.card.replace(/^---\n[^]*?\n---\n/, "")));
    byId("facts").append(make("h3", word("card")), card);
  }
}
