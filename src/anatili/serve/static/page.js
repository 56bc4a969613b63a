// The page: asks /v1/chat/completions and shows the passages first, then the model's own words, labelled as such.
// Everything from outside is set as text, never as HTML.

const byId = (id) => document.getElementById(id);
const history = [];
let words = {};
let running = null;

const make = (tag, text = "", className = "") => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
};

async function start() {
  const known = await (await fetch("/page/words")).json();
  const select = byId("language");
  for (const [code, name] of Object.entries(known.names)) {
    const option = make("option", name);
    option.value = code;
    option.lang = code;
    select.append(option);
  }
  const wanted = [localStorage.getItem("language"), ...navigator.languages.map((l) => l.slice(0, 2))];
  select.value = wanted.find((code) => code in known.names) ?? Object.keys(known.names)[0];
  select.addEventListener("change", () => show(known, select.value));
  show(known, select.value);
}

function show(known, code) {
  words = known.words[code];
  document.documentElement.lang = code;
  localStorage.setItem("language", code);
  document.title = words.title;
  byId("log").setAttribute("aria-label", words.log);
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = words[element.dataset.word];
}

function highlighted(text, hits) {
  const paragraph = make("span");
  const letters = Array.from(text); // hits count characters, not UTF-16 units
  let last = 0;
  for (const [from, to] of hits) {
    paragraph.append(letters.slice(last, from).join(""), make("mark", letters.slice(from, to).join("")));
    last = to;
  }
  paragraph.append(letters.slice(last).join(""));
  return paragraph;
}

function passageItem(passage) {
  const item = make("li");
  item.lang = passage.language;
  item.append(make("cite", passage.title || passage.url), make("br"), highlighted(passage.text, passage.hits));
  const origin = make("span", "", "origin");
  if (/^https?:\/\//.test(passage.url)) {
    const link = make("a", passage.url);
    link.href = passage.url;
    link.rel = "noopener noreferrer nofollow";
    origin.append(link);
  } else {
    origin.append(passage.url);
  }
  origin.append(` · ${passage.licence} · ${passage.time.slice(0, 10)}`);
  item.append(origin);
  return item;
}

function showPassages(box, extra) {
  if (extra.searched) box.append(make("h2", words.passages));
  if (extra.searched && !extra.passages.length) {
    box.append(make("p", words.nothing));
  } else if (extra.searched) {
    const list = make("ol", "", "passages");
    list.append(...extra.passages.map(passageItem));
    box.append(list);
  }
  box.append(make("h2", words.answer));
  const model = make("div", "", "model");
  model.append(make("p", extra.notice, "notice"));
  const said = make("p", "", "words");
  model.append(said);
  box.append(model);
  return said;
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) if (part.startsWith("data: ") && part !== "data: [DONE]") yield JSON.parse(part.slice(6));
  }
}

async function ask(question) {
  const log = byId("log");
  history.push({ role: "user", content: question });
  const asked = make("p", question, "question");
  log.append(asked);
  const box = make("section");
  log.append(box);
  asked.scrollIntoView({ block: "start" });
  working(true);
  let said = null;
  try {
    running = new AbortController();
    const answer = await fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ messages: history, stream: true, language: document.documentElement.lang }),
      signal: running.signal,
    });
    if (!answer.ok) throw new Error((await answer.json()).error.message);
    for await (const event of events(answer.body)) {
      if (event.error) throw new Error(event.error.message);
      if (event.anatili?.passages) said = showPassages(box, event.anatili);
      said.textContent += event.choices?.[0]?.delta?.content ?? "";
    }
  } catch (error) {
    if (error.name !== "AbortError") box.append(make("p", `${words.failed} ${error.message}`));
  }
  if (said) history.push({ role: "assistant", content: said.textContent });
  else history.pop();
  working(false);
}

function working(now) {
  byId("send").disabled = now;
  byId("stop").hidden = !now;
  byId("status").textContent = now ? words.working : "";
  byId("log").setAttribute("aria-busy", String(now));
  if (!now) byId("question").focus();
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = byId("question").value.trim();
  if (!question || byId("send").disabled) return;
  byId("question").value = "";
  ask(question);
});
byId("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId("ask").requestSubmit();
  }
});
byId("stop").addEventListener("click", () => running?.abort());
byId("clear").addEventListener("click", () => {
  running?.abort();
  history.length = 0;
  byId("log").replaceChildren();
  byId("question").focus();
});
start();
