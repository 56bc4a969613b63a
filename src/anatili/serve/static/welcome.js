// What an empty conversation shows: what this is, and questions that the texts answer.

import { ask, make, page, shown, word } from "./common.js";
import { asksOwn } from "./documents.js";
import { icon } from "./icons.js";

const topics = {}; // language -> titles of texts, asked for once

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
  const code = page.code;
  if (!page.known.search || asksOwn()) return; // the questions are about the server's texts
  list.classList.add("coming"); // there is room for them, so that nothing jumps when they come
  try {
    topics[code] ??= (await (await ask(`/page/questions?language=${code}`)).json()).questions;
  } catch {
    return; // the page says at another place that there is no connection
  } finally {
    list.classList.remove("coming");
  }
  if (code !== page.code) return;
  list.replaceChildren(
    ...topics[code].map((question) => {
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
