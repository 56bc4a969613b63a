// The translator's page: a sentence, the machine's draft, the translation, the next sentence. Sentences are kept in this
// browser, so that translating goes on without a connection.

import { ask, byId, choices, kept, languageName, make, page } from "./common.js";
import { field, giveAndTell, sendsByKey, shownText, term } from "./contribute.js";

const FEW = 3; // sentences left at which more are fetched
let directions = {}; // source -> target -> quality
let shownNow = 0;

const storageName = (source, target) => `commons.sentences.${source}.${target}`;

export async function prepareTranslator(target) {
  if (!Object.keys(directions).length) {
    const listed = await ask("/languages").then((answer) => answer.json()).catch(() => []);
    directions = Object.fromEntries(listed.map((row) => [row.code, row.anatili]));
  }
  const codes = Object.keys(page.known.languages).filter((code) => code !== target);
  choices(byId("source"), codes.map((code) => [code, languageName(code), code]), byId("source").value || kept.get("commons.source", ""));
}

export async function showTranslator(box, target, say) {
  const source = byId("source").value;
  kept.set("commons.source", source);
  const [sentence] = await sentences(source, target);
  if (!sentence) return box.replaceChildren(make("p", term("no_sentences")));
  return draw(box, sentence, source, target, say);
}

// What is left of the sentences fetched before, with new ones if the server can be reached.
async function sentences(source, target) {
  let list = kept.get(storageName(source, target), []);
  if (list.length < FEW) {
    const query = new URLSearchParams({ source, target });
    const more = await ask(`/v1/commons/sentences?${query}`).then((answer) => answer.json()).catch(() => ({ sentences: [] }));
    const known = new Set(list.map(({ text }) => text));
    list = [...list, ...more.sentences.filter(({ text }) => !known.has(text))];
    kept.set(storageName(source, target), list);
  }
  return list;
}

function pass(source, target) {
  kept.set(storageName(source, target), kept.get(storageName(source, target), []).slice(1));
}

async function draw(box, sentence, source, target, say) {
  const mine = ++shownNow;
  const form = make("form", "", "line");
  const draft = make("div");
  draft.append(make("p", term("draft_coming"), "hint"));
  const own = field(term("your_translation"), { rows: 3, lang: target });
  const next = make("button", term("skip_line"));
  next.type = "button";
  const send = make("button", term("send_line"), "main");
  const row = make("div", "", "row");
  row.append(send, next, make("span", term("keys_send"), "hint"));
  form.append(shownText(`${term("sentence")} · ${languageName(source)}`, sentence.text, source), draft, own.box, row);
  box.replaceChildren(form);
  const again = () => {
    pass(source, target);
    return showTranslator(box, target, say).then(() => box.querySelector("textarea")?.focus());
  };
  let machine = { text: "", model: "" };
  next.addEventListener("click", again);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!own.input.value.trim()) return own.input.focus();
    send.disabled = true;
    const line = {
      kind: "sentence", language: target, text: own.input.value, source: sentence.text, source_language: source,
      draft: machine.text, model: machine.model, origin: sentence.passage,
    };
    if (await giveAndTell(line, say)) return again();
    send.disabled = false;
    return own.input.focus();
  });
  sendsByKey(form);
  machine = await translated(sentence.text, source, target);
  if (mine !== shownNow) return;
  draft.replaceChildren(machine.text ? shownText(term("draft"), machine.text, target) : make("p", term("no_draft"), "hint"));
  own.input.value ||= machine.text;
}

async function translated(text, source, target) {
  if (!directions[source]?.[target]) return { text: "", model: "" };
  try {
    const { translatedText } = await (await ask("/translate", { q: text, source, target })).json();
    return { text: translatedText.trim(), model: page.known.model ?? "" };
  } catch {
    return { text: "", model: "" };
  }
}
