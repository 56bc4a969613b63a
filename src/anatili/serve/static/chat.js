// Chat: answers with sources as they come; stop, again, go on, edit, copy; conversations stay in this browser.

import { Refused, ask, button, byId, copy, date, events, highlighted, kept, make, number, openPassage, origin, page, shown, word } from "./common.js";

let turns = []; // { role, content, extra?, after?, finish?, speed?, opinion? }
let number_ = 0; // of the conversation among those kept; 0 before its first answer
let running = null;

export function showChat() {
  draw();
  drawHistory();
}

const chats = () => kept.get("chats", []);

function keep() {
  if (!turns.length) return;
  const now = new Date().toISOString();
  number_ ||= Date.now();
  const others = chats().filter((chat) => chat.number !== number_);
  kept.set("chats", [{ number: number_, time: now, turns }, ...others].slice(0, 100));
  drawHistory();
}

function drawHistory() {
  byId("chats").replaceChildren(
    ...chats().map((chat) => {
      const title = (chat.turns[0]?.content ?? "").slice(0, 60);
      const item = make("li");
      const open = button(title, () => {
        running?.abort();
        number_ = chat.number;
        turns = chat.turns;
        draw();
        byId("question").focus();
      });
      const remove = button("×", () => {
        kept.set("chats", chats().filter((one) => one.number !== chat.number));
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
    byId("question").value = turn.content;
    turns = turns.slice(0, at);
    draw();
    byId("question").focus();
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
  for (const [opinion, sign] of [["good", "👍"], ["bad", "👎"]]) {
    const element = button(sign, () => {
      turn.opinion = turn.opinion === opinion ? "" : opinion;
      keep();
      fill(view, turn, at);
    });
    element.setAttribute("aria-label", word(opinion));
    element.setAttribute("aria-pressed", String(turn.opinion === opinion));
    element.title = word("opinion_local");
    view.tools.append(element);
  }
  if (turn.speed) view.tools.append(make("span", `${number(turn.speed)} ${word("speed")}`, "hint"));
}

// The answer's text; a number in brackets opens the passage it names.
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

async function send(messages, turn) {
  turns.push(turn);
  draw();
  const view = answer(turn, turns.length - 1);
  byId("log").lastElementChild.replaceWith(view.box);
  view.box.previousElementSibling?.scrollIntoView({ block: "start" });
  working(true);
  const began = performance.now();
  let pieces = 0;
  try {
    running = new AbortController();
    const body = { messages, stream: true, stream_options: { include_usage: true } };
    for await (const event of events(await ask("/v1/chat/completions", body, running.signal))) {
      if (event.anatili?.passages) turn.extra = event.anatili;
      else if (event.anatili) turn.after = event.anatili;
      const choice = event.choices?.[0];
      turn.content += choice?.delta?.content ?? "";
      turn.finish = choice?.finish_reason ?? turn.finish;
      pieces = event.usage?.completion_tokens ?? pieces;
      fill(view, turn, turns.length - 1);
    }
    if (pieces > 1) turn.speed = Math.round((10000 * pieces) / (performance.now() - began)) / 10;
    byId("status").textContent = word("ready");
  } catch (error) {
    turn.finish = "stopped";
    const stopped = error.name === "AbortError";
    byId("status").textContent = stopped ? word("stopped") : `${word("failed")} ${error.message}`;
    if (!stopped && !(error instanceof Refused)) byId("status").textContent = `${word("failed")} ${word("no_server")}`;
    if (!turn.content) turns.pop();
  }
  working(false);
  keep();
  draw();
}

const messages = (list) => list.map(({ role, content }) => ({ role, content }));

function again() {
  turns.pop();
  send(messages(turns), { role: "assistant", content: "" });
}

function goOn() {
  const turn = turns.pop();
  send([...messages(turns), { role: "assistant", content: turn.content }], { ...turn, finish: "" });
}

function working(now) {
  byId("send").disabled = now;
  byId("stop").hidden = !now;
  if (now) byId("status").textContent = word("working");
  byId("log").setAttribute("aria-busy", String(now));
  if (!now) byId("question").focus();
}

function fresh() {
  running?.abort();
  turns = [];
  number_ = 0;
  draw();
  byId("question").focus();
}

function save() {
  const content = JSON.stringify({ format: "anatili-chats-1", generated_by_ai: true, chats: chats() }, null, 1);
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = "anatili-chats.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

async function load(file) {
  try {
    const found = JSON.parse(await file.text());
    const good = found.chats.every(
      (chat) => chat.number && chat.turns.every((turn) => ["user", "assistant"].includes(turn.role) && typeof turn.content === "string"),
    );
    if (found.format !== "anatili-chats-1" || !good) throw new Error();
    const known = new Set(chats().map((chat) => chat.number));
    kept.set("chats", [...chats(), ...found.chats.filter((chat) => !known.has(chat.number))]);
    byId("status").textContent = word("imported");
  } catch {
    byId("status").textContent = word("import_failed");
  }
  drawHistory();
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = byId("question").value.trim();
  if (!content || byId("send").disabled) return;
  byId("question").value = "";
  turns.push({ role: "user", content });
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
  if (event.target.files[0]) await load(event.target.files[0]);
  event.target.value = ""; // so that the same file may be taken again
});
