// Where the words of an answer come from: what of it occurs word for word in the training text.

import { ask, make, number, page, reasonOf, shown, word } from "./common.js";
import { iconButton } from "./icons.js";
import { link } from "./markdown.js";

const NUMBERS = /\[\d{1,2}\]/g; // citations are not words of the answer

// A button that shows the list below the answer, and hides it again; null if the server cannot trace.
export function tracer(message, box) {
  if (!page.known.trace) return null;
  const element = iconButton("trace", word("trace"), async () => {
    const open = box.querySelector(".trace");
    element.setAttribute("aria-expanded", String(!open));
    if (open) return open.remove();
    const list = make("section", "", "trace");
    list.setAttribute("aria-live", "polite");
    list.append(make("p", word("searching"), "hint"));
    box.append(list);
    try {
      draw(list, await (await ask("/trace", { text: message.content.replace(NUMBERS, " ") })).json(), message);
      list.scrollIntoView({ block: "nearest" });
    } catch (error) {
      list.replaceChildren(make("p", `${word("failed")} ${reasonOf(error)}`, "hint"));
    }
  });
  element.setAttribute("aria-expanded", String(Boolean(box.querySelector(".trace"))));
  return element;
}

function draw(list, traced, message) {
  if (!traced.stretches.length) return list.replaceChildren(make("p", word("trace_none"), "hint"));
  const items = make("ol", "", "cards");
  items.append(...traced.stretches.map((stretch) => stretchItem(stretch, message)));
  const share = word("trace_covered").replace("{covered}", () => number(traced.covered)).replace("{words}", () => number(traced.words));
  return list.replaceChildren(make("h4", word("trace_title")), items, make("p", share, "hint"));
}

function stretchItem(stretch, message) {
  const item = make("li", "", "card");
  const language = stretch.documents[0]?.language ?? message.extra?.language;
  const text = make("blockquote", shown(stretch.text, language));
  text.lang = language;
  text.dir = "auto";
  item.append(text, make("p", `${word("trace_count")}: ${number(stretch.count)}`, "origin"));
  for (const source of stretch.documents) {
    const line = make("p", "", "origin");
    const facts = [source.source, source.license].filter(Boolean).join(" · ");
    if (source.url) line.append(link(shown(source.title, source.language) || source.url, source.url));
    if (source.url && facts) line.append(" · ");
    line.append(facts);
    item.append(line);
  }
  return item;
}
