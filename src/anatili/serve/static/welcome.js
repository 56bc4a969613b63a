// What an empty conversation shows: what this is, and questions that the texts answer.

import { ask, make, page, shown, word } from "./common.js";
import { askedTexts } from "./documents.js";
import { icon } from "./icons.js";

const known = {}; // language and texts that are asked -> questions on them, asked for once

export function drawWelcome(log, act) {
  const box = make("div", "", "welcome");
  box.append(make("div", "", "ornament"), make("h3", word("welcome_title")));
  if (page.known.search) box.append(make("p", word("welcome")));
  const list = make("ul", "", "suggestions");
  box.append(list);
  log.replaceChildren(box);
  suggest(list, act);
}

async function suggest(list, act) {
  if (!page.known.search) return;
  list.classList.add("coming"); // there is room for them, so that nothing jumps when they come
  if (!askedTexts()) return; // it is drawn again
  const name = `${page.code} ${askedTexts()}`;
  try {
    known[name] ??= (await (await ask(`/page/questions?language=${page.code}`)).json()).questions;
  } catch {
    return; // the page says at another place that there is no connection
  } finally {
    list.classList.remove("coming");
  }
  if (name !== `${page.code} ${askedTexts()}`) return;
  list.replaceChildren(
    ...known[name].map((question) => {
      const item = make("li");
      const element = make("button", "", "suggestion");
      element.type = "button";
      element.append(icon("search"), make("span", shown(question)));
      element.addEventListener("click", () => act(question));
      item.append(element);
      return item;
    }),
  );
}
