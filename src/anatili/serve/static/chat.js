// Chat: streamed answers with sources; stop, retry, continue, edit, copy. Conversations stay in this browser.

import { chats, dropChat, keepChat, load, save } from "./chats.js";
import { Refused, ask, button, byId, copy, date, drawing, events, focusField, highlighted, make, number, openPassage, origin, page, shown, tab, word } from "./common.js";

let turns = []; // { role, content, extra?, after?, finish?, speed?, opinion? }
let number_ = 0; // number of the stored conversation; 0 before its first answer
let running = null;
let before = null; // the answer that the current one will replace
let follows = false; // whether to keep the newest question in view: until the reader scrolls

export function showChat() {
  draw();
  drawHistory();
}

// Stores the conversation in this browser; returns whether that worked. The page says so if it did not.
function keep() {
  if (!turns.length) return true;
  number_ ||= Date.now();
  const done = keepChat({ number: number_, time: new Date().toISOString(), turns: settled() });
  if (done) drawHistory();
  else byId("status").textContent = word("not_kept");
  return done;
}

// The conversation as it would be if the answer broke off now: with what has arrived of it, or with the previous one.
function settled() {
  const last = turns.at(-1);
  if (last?.role !== "assistant" || last.finish) return turns;
  const rest = turns.slice(0, -1);
  if (before && !(last.content.length > before.content.length && last.content.startsWith(before.content))) return [...rest, before];
  return last.content ? [...rest, { ...last, finish: "stopped" }] : rest;
}

// What a reload must not lose: which conversation is open, and an answer in progress.
export function holdChat() {
  tab.set("open", number_);
  if (running) keep();
}

export function openChat() {
  const open = chats().find((chat) => chat.number === tab.get("open", 0));
  if (open) [number_, turns] = [open.number, open.turns];
}

function drawHistory() {
  byId("chats").replaceChildren(
    ...chats().map((chat) => {
      const title = (chat.turns[0]?.content ?? "").slice(0, 60);
      const item = make("li");
      const open = button(title, () => {
        leave();
        number_ = chat.number;
        turns = chat.turns;
        draw();
        byId("log").querySelector(".question:last-of-type")?.scrollIntoView({ block: "start" });
        focusField("question");
      });
      const remove = button("×", () => {
        dropChat(chat.number);
        drawHistory();
      });
      remove.setAttribute("aria-label", `${word("remove")}: ${title}`);
      item.append(open, ` ${date(chat.time)} `, remove);
      return item;
    }),
  );
}

function draw() {
  const boxes = turns.map((turn, at) => (turn.role === "user" ? question(turn, at) : answer(turn, at).box));
  byId("log").replaceChildren(...(boxes.length ? boxes : [make("p", word("welcome"), "hint")]));
}

function question(turn, at) {
  const box = make("div", "", "question");
  const text = make("p", turn.content);
  const edit = button(word("edit"), () => {
    leave();
    byId("question").value = turn.content;
    turns = turns.slice(0, at);
    draw();
    focusField("question");
  });
  box.append(text, edit);
  return box;
}

function answer(turn, at) {
  const box = make("article", "", "answer");
  box.dataset.aiGenerated = "true";
  box.append(make("h3", word("answer")));
  const mark = make("p", word("made_by_ai"), "ai");
  const said = make("p", "", "words");
  const notice = make("p", "", "notice");
  const tools = make("div", "", "buttons");
  const sources = make("details", "", "sources");
  box.append(mark, notice, said, sources, tools);
  const view = { box, said, notice, tools, sources };
  fill(view, turn, at);
  return view;
}

function fill(view, turn, at) {
  const code = turn.extra?.language ?? page.code;
  view.notice.textContent = shown(turn.after?.notice ?? turn.extra?.notice ?? "", code);
  view.said.lang = turn.after?.answer_language || code;
  view.said.replaceChildren(...linked(turn, code));
  const passages = turn.extra?.passages ?? [];
  view.sources.hidden = !turn.extra?.searched;
  const list = make("ol", "", "passages");
  list.append(...passages.map(source));
  view.sources.replaceChildren(
    make("summary", `${word("passages")}: ${number(passages.length)}`),
    passages.length ? list : make("p", word("nothing")),
  );
  view.tools.replaceChildren();
  if (!turn.finish) return;
  const copier = button(word("copy"), () => copy(turn.content, copier));
  view.tools.append(copier);
  if (at === turns.length - 1) {
    view.tools.append(button(word("again"), again));
    if (turn.finish === "length" || turn.finish === "stopped") view.tools.append(button(word("go_on"), goOn));
  }
  for (const opinion of ["good", "bad"]) {
    const element = button("", () => {
      turn.opinion = turn.opinion === opinion ? "" : opinion;
      keep();
      fill(view, turn, at);
    });
    element.append(drawing(opinion));
    element.setAttribute("aria-label", word(opinion));
    element.setAttribute("aria-pressed", String(turn.opinion === opinion));
    element.title = word("opinion_local");
    view.tools.append(element);
  }
  if (turn.speed) view.tools.append(make("span", `${number(turn.speed)} ${word("speed")}`, "hint"));
}

// The answer's text. A number in brackets opens its passage.
function linked(turn, code) {
  const passages = turn.extra?.passages ?? [];
  const places = (turn.after?.citations ?? []).slice();
  return turn.content.split(/(\[\d{1,2}\])/).map((part) => {
    const found = /^\[(\d{1,2})\]$/.exec(part);
    const passage = found && passages[found[1] - 1];
    if (!passage) return document.createTextNode(shown(part, code));
    const at = places.findIndex((one) => one.number === Number(found[1]));
    const [citation] = at < 0 ? [] : places.splice(at, 1);
    const quoted = citation?.quote ? [[citation.start, citation.end]] : passage.hits;
    const element = button(part, () => openPassage(passage, quoted), "citation");
    element.setAttribute("aria-label", `${word("open_source")} ${found[1]}: ${passage.title}`);
    return element;
  });
}

function source(passage) {
  const item = make("li");
  item.lang = passage.language;
  const title = button(passage.title || passage.url, () => openPassage(passage, passage.hits), "title");
  const [from, to] = passage.snippet;
  item.append(title, highlighted(passage.text, passage.hits, from, to), origin(passage));
  return item;
}

// Streams the answer to `messages`. It replaces the answer `old`, which stays if none arrives.
async function send(messages, turn, old = null) {
  before = old;
  turns.push(turn);
  draw();
  const view = answer(turn, turns.length - 1);
  byId("log").lastElementChild.replaceWith(view.box);
  const inView = () => follows && view.box.previousElementSibling?.scrollIntoView({ block: "start" });
  follows = true;
  inView();
  working(true);
  const began = performance.now();
  const mine = (running = new AbortController());
  let pieces = 0;
  let told = word("ready");
  try {
    const body = { messages, stream: true, stream_options: { include_usage: true } };
    for await (const event of events(await ask("/v1/chat/completions", body, mine.signal))) {
      if (event.anatili?.passages) turn.extra = event.anatili;
      else if (event.anatili) turn.after = event.anatili;
      const choice = event.choices?.[0];
      turn.content += choice?.delta?.content ?? "";
      turn.finish = choice?.finish_reason ?? turn.finish;
      pieces = event.usage?.completion_tokens ?? pieces;
      fill(view, turn, turns.length - 1);
      inView();
    }
    if (pieces > 1) turn.speed = Math.round((10000 * pieces) / (performance.now() - began)) / 10;
    if (!turn.finish) throw new TypeError("the answer broke off");
  } catch (error) {
    const stopped = error.name === "AbortError";
    told = stopped ? word("stopped") : `${word("failed")} ${error instanceof Refused ? error.message : word("no_server")}`;
    if (stopped && turn.content) turn.finish ||= "stopped";
    else if (turns.at(-1) === turn) turns = settled();
  }
  if (running !== mine) return; // another conversation was opened meanwhile
  running = null;
  working(false);
  byId("status").textContent = told;
  keep();
  draw();
  if (follows) byId("log").querySelector(".answer:last-child")?.previousElementSibling?.scrollIntoView({ block: "start" });
}

const messages = (list) => list.map(({ role, content }) => ({ role, content }));

function again() {
  const old = turns.pop();
  send(messages(turns), { role: "assistant", content: "" }, old);
}

function goOn() {
  const turn = turns.pop();
  send([...messages(turns), { role: "assistant", content: turn.content }], { ...turn, finish: "" }, turn);
}

function working(now) {
  byId("send").disabled = now;
  byId("stop").hidden = !now;
  if (now) byId("status").textContent = word("working");
  byId("log").setAttribute("aria-busy", String(now));
  if (!now) focusField("question");
}

function fresh() {
  leave();
  turns = [];
  number_ = 0;
  draw();
  byId("status").textContent = "";
  focusField("question");
}

// Stops the answer in progress and keeps what has arrived of it.
function leave() {
  if (!running) return;
  keep();
  running.abort();
  running = null;
  working(false);
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = byId("question").value.trim();
  if (!content || byId("send").disabled) return;
  byId("question").value = "";
  turns.push({ role: "user", content });
  keep();
  if (matchMedia("(pointer: coarse)").matches) byId("question").blur(); // the on-screen keyboard would hide the answer
  send(messages(turns), { role: "assistant", content: "" });
});
byId("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId("ask").requestSubmit();
  }
});
byId("stop").addEventListener("click", () => running?.abort());
byId("new").addEventListener("click", fresh);
byId("export").addEventListener("click", save);
byId("import").addEventListener("click", () => byId("import-file").click());
byId("import-file").addEventListener("change", async (event) => {
  if (event.target.files[0]) {
    const [name, wrong] = await load(event.target.files[0]);
    byId("status").textContent = `${word(name)} ${wrong}`.trim();
    drawHistory();
  }
  event.target.value = ""; // so that the same file can be chosen again
});
for (const kind of ["wheel", "touchmove"]) addEventListener(kind, () => (follows = false), { passive: true });
