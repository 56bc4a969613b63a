// Translation side by side, as the reader types: each sentence as it is finished, with its doubts and what is known of
// the quality of the direction.

import { betterButton } from "./better.js";
import { Refused, ask, byId, choices, copyText, direction, events, isTouch, languageName, make, number, page, reasonOf, word } from "./common.js";
import { confirmed } from "./icons.js";
import { reader, silence } from "./speech.js";

const WAIT = 700; // milliseconds after the last key
const AGAIN = 5000; // milliseconds after which a server that had no time is asked again
const LONGEST = 300; // characters of a text that can have other translations
const BUSY = [429, 503]; // statuses of a server that has no time now
let running = null;
let waiting = 0;
let made = ""; // the translation alone, without notices and doubts
let directions = {}; // source -> target -> what is known of the quality
let known = ""; // the language of the text that the server recognized

export const languages = () => ({ source: byId("source").value === "auto" ? known : byId("source").value, target: byId("target").value });

// Puts another translation in the place of the one that is shown.
export function replaceTranslation(text) {
  made = text;
  byId("translated").replaceChildren(text);
  byId("doubts").replaceChildren();
  byId("doubts-box").hidden = true;
}

export async function showTranslate() {
  if (isTouch()) byId("text").placeholder = word("text"); // nobody drags a file there
  if (!Object.keys(directions).length) {
    const listed = await (await ask("/languages")).json().catch(() => []);
    directions = Object.fromEntries(listed.map((row) => [row.code, row.anatili]));
  }
  const codes = Object.keys(page.known.languages).filter((code) => code in directions);
  choices(byId("source"), [["auto", word("detect")], ...codes.map((code) => [code, languageName(code), code])], byId("source").value || "auto");
  showTargets();
  byId("text").disabled = !codes.length;
  byId("translation").classList.toggle("untaught", !codes.length);
  if (!codes.length) say(word("untaught"));
  count();
}

const say = (text) => (byId("translate-status").textContent = text);

// The targets of the chosen source language; of all languages if it is not known.
function showTargets() {
  const source = byId("source").value;
  const able = new Set(source === "auto" ? Object.values(directions).flatMap(Object.keys) : Object.keys(directions[source] ?? {}));
  const codes = Object.keys(page.known.languages).filter((code) => able.has(code));
  const other = codes.find((code) => code !== page.code);
  choices(byId("target"), codes.map((code) => [code, languageName(code), code]), byId("target").value || other);
}

// The known quality of this direction, above the translation, where it cannot be overlooked.
function showQuality(source, target, quality) {
  const line = byId("quality");
  const known = source !== target;
  line.hidden = !known;
  if (!known) return;
  line.className = `quality ${quality.quality}`;
  const text = word(`quality_${quality.quality}`)
    .replace("{direction}", `${languageName(source)} → ${languageName(target)}`)
    .replace("{score}", number(quality.chrf ?? ""));
  line.replaceChildren(make("span", text));
  if (quality.chrf === undefined) return;
  const meter = make("meter");
  [meter.min, meter.max, meter.low, meter.high, meter.optimum, meter.value] = [0, 100, 40, 60, 90, quality.chrf];
  meter.setAttribute("aria-label", "chrF++");
  line.append(meter);
}

// A doubtful sentence is marked in place. Its doubts follow it and are listed below.
function show(event) {
  made += event.text;
  if (!event.doubts.length) {
    byId("translated").append(event.text);
    return;
  }
  const reasons = event.doubts.map((doubt) => word(`doubt_${doubt}`)).join(", ");
  const at = byId("doubts").children.length + 1;
  const sentence = make("mark", event.text || "…", "doubtful");
  sentence.tabIndex = 0;
  sentence.id = `doubtful-${at}`;
  sentence.title = reasons;
  const item = make("li");
  const reason = make("span", `${word("doubtful")}: ${reasons}`, "doubt");
  reason.id = `doubt-${at}`;
  sentence.setAttribute("aria-describedby", reason.id);
  const opener = make("button", event.source.trim(), "doubt-source");
  opener.type = "button";
  opener.setAttribute("aria-label", `${word("show_sentence")}: ${event.source.trim()}`);
  opener.addEventListener("click", () => sentence.focus());
  byId("translated").append(sentence);
  item.append(opener, reason);
  byId("doubts").append(item);
}

function clear() {
  made = "";
  byId("translated").replaceChildren();
  byId("doubts").replaceChildren();
  byId("doubts-box").hidden = true;
  byId("quality").hidden = true;
  byId("translated-tools").hidden = true;
}

export function abort() {
  clearTimeout(waiting);
  running?.abort();
  running = null;
  byId("translate-stop").hidden = true;
}

async function translate() {
  abort();
  silence();
  const [source, target, text] = [byId("source").value, byId("target").value, byId("text").value];
  if (!text.trim() || !target) {
    clear();
    known = "";
    byId("detected").textContent = "";
    return say("");
  }
  const mine = (running = new AbortController());
  byId("translate-stop").hidden = false;
  byId("translated").classList.add("old"); // until the first sentence of the new one
  say(word("translating"));
  let isFresh = false;
  try {
    for await (const event of events(await ask("/translate", { q: text, source, target, stream: true }, mine.signal))) {
      if (running !== mine) return;
      if (source === "auto" && event.detectedLanguage?.language === target && turn(target)) return;
      if (!isFresh) clear();
      isFresh = true;
      byId("translated").classList.remove("old");
      byId("translated").lang = target;
      byId("translated").dir = direction(target) === "rtl" ? "rtl" : "auto";
      if (event.text === undefined) begin(event, source, target);
      else show(event);
    }
    finish();
  } catch (error) {
    if (running !== mine) return; // the next one has begun
    byId("translated").classList.remove("old");
    if (BUSY.includes(error.status)) waiting = setTimeout(translate, AGAIN);
    else if (error instanceof Refused) clear();
    say(error.name === "AbortError" ? word("stopped") : await reasonFor(error, text, source));
  }
  if (running === mine) running = null;
  byId("translate-stop").hidden = true;
}

// Text whose language is not recognized, or cannot be translated, is refused by the server in other words than the page's.
async function reasonFor(error, text, source) {
  if (error.status !== 400) return `${word("no_translation")} ${reasonOf(error)}`;
  const language = source === "auto" ? await detect(text).catch(() => "") : source;
  return word(language in directions ? "direction_untaught" : "swap_unknown");
}

async function detect(text) {
  const guesses = text ? await (await ask("/detect", { q: text })).json() : [];
  return guesses[0]?.language ?? "";
}

// Text in the language that it should be translated into: then another one is meant.
function turn(language) {
  const codes = Object.keys(directions[language] ?? {});
  if (!codes.length) return false;
  byId("target").value = codes.includes(page.code) ? page.code : codes[0];
  translate();
  return true;
}

function begin(event, source, target) {
  const { language, confidence } = event.detectedLanguage;
  known = language;
  byId("text").lang = language;
  byId("detected").textContent = source === "auto" ? `${word("detected")}: ${languageName(language)}, ${number(Math.round(confidence))} %` : "";
  showQuality(language, target, event.quality);
}

function finish() {
  const doubts = byId("doubts").children.length;
  byId("doubts-box").hidden = !doubts;
  byId("doubts-title").textContent = `${word("doubtful_sentences")}: ${number(doubts)}`;
  byId("translated-tools").hidden = !made;
  byId("alternatives-open").hidden = byId("text").value.length > LONGEST || byId("text").value.trim().includes("\n");
  const tools = byId("translated-tools");
  tools.querySelector(".reader")?.remove();
  tools.querySelector(".better")?.remove();
  const { source, target } = languages();
  const better = betterButton({ kind: "translation", language: target, source: byId("text").value.trim(), source_language: source, draft: made.trim(), model: page.known.model });
  if (better) tools.append(better);
  const loud = reader(() => made, byId("target").value);
  if (loud) {
    loud.classList.add("reader");
    tools.append(loud);
  }
  say(`${word("ready")} ${doubts ? `${word("doubtful_sentences")}: ${number(doubts)}.` : ""}`.trim());
}

// If no language is chosen, it is the one that the server detects.
async function swap() {
  let [source, target] = [byId("source").value, byId("target").value];
  if (source === "auto") source = await detect(byId("text").value.trim());
  if (!(source in page.known.languages)) return say(word("swap_unknown"));
  if (!directions[target]?.[source]) return say(word("swap_untaught"));
  byId("source").value = target;
  showTargets();
  byId("target").value = source;
  if (made) byId("text").value = made;
  count();
  return translate();
}

const count = () => (byId("text-size").textContent = `${number(byId("text").value.length)} / ${number(byId("text").maxLength)}`);

export function typed() {
  count();
  clearTimeout(waiting);
  waiting = setTimeout(translate, byId("text").value.trim() ? WAIT : 0);
}

byId("translation").addEventListener("submit", (event) => event.preventDefault());
byId("text").addEventListener("input", typed);
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) translate();
});
byId("source").addEventListener("change", () => {
  showTargets();
  translate();
});
byId("target").addEventListener("change", translate);
byId("translate-stop").addEventListener("click", () => running?.abort());
byId("clear-text").addEventListener("click", () => {
  byId("text").value = "";
  typed();
  byId("text").focus();
});
byId("translate-copy").addEventListener("click", async (event) => {
  const from = event.currentTarget;
  if (await copyText(made)) confirmed(from, "copy", word("copied"));
});
byId("swap").addEventListener("click", () => swap().catch((error) => say(`${word("no_translation")} ${reasonOf(error)}`)));
