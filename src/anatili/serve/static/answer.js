// Messages of a conversation as elements: a question, and an answer with its sources and what can be done with it.

import { betterButton } from "./better.js";
import { copyText, direction, make, number, page, shown, word } from "./common.js";
import { confirmed, icon, iconButton } from "./icons.js";
import { markdown } from "./markdown.js";
import { card, openPassage } from "./sources.js";
import { reader } from "./speech.js";
import { tracer } from "./trace.js";

// Which of several versions is shown, with buttons to the others; null if there is only one.
function versions(versions) {
  const { at, count, go } = versions;
  if (count < 2) return null;
  const box = make("span", "", "versions");
  const [before, after] = [iconButton("before", word("version_before"), () => go(at - 1)), iconButton("after", word("version_after"), () => go(at + 1))];
  before.disabled = at === 0;
  after.disabled = at === count - 1;
  box.append(before, make("span", `${number(at + 1)}/${number(count)}`), after);
  return box;
}

export function questionBox(message, how) {
  const box = make("article", "", "question");
  box.append(make("h3", word("your_question"), "unseen"));
  const text = make("p", message.content);
  text.dir = "auto";
  const tools = make("div", "", "tools");
  const copier = iconButton("copy", word("copy"), async () => {
    if (await copyText(message.content)) confirmed(copier, "copy", word("copied"));
  });
  tools.append(...[versions(how.versions), copier, iconButton("edit", word("edit"), () => how.edit(box))].filter(Boolean));
  box.append(text, tools);
  return box;
}

// The question as a field, in its own place. Sending it keeps the old one as another version.
export function questionEditor(message, send, cancel) {
  const form = make("form", "", "question editor");
  const field = make("textarea", message.content);
  field.maxLength = 4000;
  field.rows = Math.min(8, 2 + message.content.split("\n").length);
  field.dir = "auto";
  field.setAttribute("aria-label", word("question"));
  const submit = make("button", word("send"), "main");
  const leave = make("button", word("cancel"));
  leave.type = "button";
  leave.addEventListener("click", cancel);
  const row = make("div", "", "row");
  row.append(submit, leave);
  form.append(field, row);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) send(field.value.trim());
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  return form;
}

// How the answer came about: taken from sources, written by the model, or none at all. Where nothing was asked ("Hello!",
// "Write a letter"), nothing was looked for either, and "" says so.
function kindOf(message) {
  if (message.extra?.abstained) return ["talk", "task"].includes(message.extra.role) ? "" : "none";
  return (message.after?.quoted ?? message.extra?.quoted) ? "quoted" : "written";
}

export function answerBox(message, how) {
  const box = make("article", "", "answer");
  box.dataset.aiGenerated = "true";
  const head = make("p", "", "kind");
  const text = make("div", "", "words");
  const notice = make("p", "", "notice");
  const sources = make("section", "", "sources");
  const tools = make("div", "", "tools");
  box.append(make("h3", word("answer"), "unseen"), head, text, notice, sources, tools);
  const view = { box, head, text, notice, sources, tools, drawn: null };
  updateAnswer(view, message, how);
  return view;
}

export function updateAnswer(view, message, how) {
  const code = message.extra?.language ?? page.code;
  const isComing = how.isComing && !message.content;
  const kind = kindOf(message);
  const facts = [word("made_by_ai"), isComing ? word("searching") : kind && word(`kind_${kind}`)].filter(Boolean);
  view.head.replaceChildren(icon(isComing ? "search" : kind || "written"), make("span", facts.join(" · ")));
  view.box.classList.toggle("coming", how.isComing);
  view.text.lang = message.after?.answer_language || code;
  view.text.dir = direction(view.text.lang) === "rtl" ? "rtl" : "auto";
  view.text.replaceChildren(markdown(message.content, { show: (part) => shown(part, code), citation: citations(message) }));
  view.notice.textContent = isComing ? "" : shown(message.after?.notice ?? message.extra?.notice ?? "", code);
  view.notice.lang = code;
  if (message.extra?.abstained && message.extra.role === "task") {
    const way = make("a", word("for_translation")); // people ask for translations in the chat, too
    way.href = "#translate";
    view.notice.lang = page.code;
    view.notice.replaceChildren(way);
  }
  view.notice.hidden = !view.notice.textContent;
  drawSources(view, message);
  view.tools.replaceChildren(...(how.isComing ? [] : answerTools(message, how, view.box)));
}

// Returns an element for a number in brackets: a button that opens the passage with the quoted words marked.
function citations(message) {
  const passages = message.extra?.passages ?? [];
  const checked = [...(message.after?.citations ?? [])];
  return (cited, written) => {
    const passage = passages[cited - 1];
    if (!passage) return null;
    const at = checked.findIndex((citation) => citation.number === cited);
    const [citation] = at < 0 ? [] : checked.splice(at, 1);
    const element = make("button", String(cited), "citation");
    element.type = "button";
    element.dataset.written = written;
    element.title = passage.title || passage.url;
    element.setAttribute("aria-label", `${word("open_source")} ${cited}: ${passage.title || passage.url}`);
    element.addEventListener("click", () => openPassage(passage, marksOf(passage, citation)));
    return element;
  };
}

const marksOf = (passage, citation) => (citation?.quote ? [[citation.start, citation.end]] : passage.hits);

// Where the quotations from a passage start and end in it, in their order.
const quotesFrom = (number, checked) =>
  checked.filter((one) => one.number === number && one.quote).map((one) => [one.start, one.end]).sort(([a], [b]) => a - b);

// Cards of the cited passages; the others that were found are folded below them. If none answers, those that are nearest.
function drawSources(view, message) {
  const passages = message.extra?.passages ?? [];
  const nearest = message.extra?.nearest ?? [];
  const checked = message.after?.citations ?? [];
  const state = `${passages.length} ${checked.length} ${nearest.length}`;
  if (view.drawn === state) return;
  view.drawn = state;
  view.sources.hidden = !passages.length && !nearest.length;
  if (!passages.length) {
    const near = make("ol", "", "cards");
    near.append(...nearest.map((passage) => card(passage)));
    view.sources.replaceChildren(make("h4", word("nearest_passages")), near);
    return;
  }
  const cards = passages.map((passage, at) => {
    const isCited = checked.some((one) => one.number === at + 1);
    return { cited: isCited, item: card(passage, quotesFrom(at + 1, checked), String(at + 1)) };
  });
  const hasCited = cards.some(({ cited }) => cited);
  const list = make("ol", "", "cards");
  list.append(...cards.filter(({ cited }, at) => (hasCited ? cited : at < 1)).map(({ item }) => item));
  const rest = cards.filter(({ cited }, at) => (hasCited ? !cited : at >= 1)).map(({ item }) => item);
  view.sources.replaceChildren(make("h4", word("passages")), list);
  if (!rest.length) return;
  const fold = make("details");
  const others = make("ol", "", "cards");
  others.append(...rest);
  fold.append(make("summary", `${word("other_passages")}: ${number(rest.length)}`), others);
  view.sources.append(fold);
}

function answerTools(message, how, box) {
  const copier = iconButton("copy", word("copy"), async () => {
    if (await copyText(message.content)) confirmed(copier, "copy", word("copied"));
  });
  const made = [versions(how.versions), copier, reader(() => shown(message.content, message.extra?.language), message.after?.answer_language || message.extra?.language), tracer(message, box)];
  if (how.isLast) {
    made.push(iconButton("again", word("again"), how.again));
    if (["length", "stopped", "broken"].includes(message.finish)) made.push(iconButton("go_on", word("go_on"), how.goOn));
  }
  for (const opinion of ["good", "bad"]) {
    const element = iconButton(opinion, word(opinion), () => how.judge(opinion));
    element.title = `${word(opinion)}: ${word(page.known.feedback ? "opinion_sent" : "opinion_local")}`;
    element.setAttribute("aria-pressed", String(message.opinion === opinion));
    made.push(element);
  }
  made.push(betterButton({
    kind: "answer", language: message.after?.answer_language || message.extra?.language || page.code, source: how.question,
    draft: message.content.replace(/ ?\[\d{1,2}\]/g, ""), model: page.known.model,
  }));
  if (message.finish === "stopped" || message.finish === "broken") made.push(make("span", word(message.finish), "hint"));
  if (message.speed) made.push(make("span", `${number(message.speed)} ${word("speed")}`, "hint speed"));
  return made.filter(Boolean);
}
