// Translation: segments of the text as they are finished, each with its doubts.

import { ask, byId, choices, copy, events, make, number, page, word } from "./common.js";

let running = null;
let made = ""; // the translation alone, without notices and doubts
let directions = {}; // source -> targets that the model was taught

export async function showTranslate() {
  if (!Object.keys(directions).length) {
    const found = await (await ask("/languages")).json().catch(() => []);
    directions = Object.fromEntries(found.map((one) => [one.code, one.targets]));
  }
  const names = Object.entries(page.known.languages).filter(([code]) => code in directions);
  const chosen = byId("source").value || "auto";
  choices(byId("source"), [["auto", word("detect")], ...names.map(([code, name]) => [code, name, code])], chosen);
  showTargets();
  byId("translation").querySelector(".main").disabled = !names.length;
  if (!names.length) byId("translate-status").textContent = word("untaught");
}

// The targets of the chosen source language; of all languages if it is not known.
function showTargets() {
  const source = byId("source").value;
  const able = new Set(source === "auto" ? Object.values(directions).flat() : directions[source]);
  const names = Object.entries(page.known.languages).filter(([code]) => able.has(code));
  const chosen = byId("target").value || page.code;
  choices(byId("target"), names.map(([code, name]) => [code, name, code]), chosen);
}

// The known quality of this direction, above the translation, where it cannot be overlooked.
function warn(source, target, quality) {
  const line = document.getElementById("quality") ?? make("p");
  line.id = "quality";
  line.setAttribute("role", "note");
  const names = page.known.languages;
  const text = quality.quality === "usable" || source === target ? "" : word(`quality_${quality.quality}`);
  line.textContent = text
    .replace("{direction}", `${names[source]} → ${names[target]}`)
    .replace("{score}", number(quality.chrf ?? ""));
  line.hidden = !text;
  byId("translated").before(line);
}

// A doubtful sentence is marked in place. Its doubts follow it and are listed below.
function show(event) {
  made += event.text;
  if (!event.doubts.length) {
    byId("translated").append(event.text);
    return;
  }
  const told = event.doubts.map((doubt) => word(`doubt_${doubt}`)).join(", ");
  const place = byId("doubts").children.length + 1;
  const sentence = make("mark", event.text || "…", "doubtful");
  const reason = make("small", ` [${word("doubtful")}: ${told}] `, "doubt");
  sentence.tabIndex = 0;
  sentence.id = `doubtful-${place}`;
  reason.id = `doubt-${place}`;
  reason.lang = page.code;
  sentence.setAttribute("aria-describedby", reason.id);
  byId("translated").append(sentence, reason);
  const item = make("li", `${event.source.trim()} — ${told} `);
  const link = make("a", "↑");
  link.href = `#${sentence.id}`;
  link.setAttribute("aria-label", `${word("doubtful")} ${place}`);
  link.addEventListener("click", (click) => {
    click.preventDefault();
    sentence.focus();
  });
  item.append(link);
  byId("doubts").append(item);
}

async function translate() {
  const [source, target] = [byId("source").value, byId("target").value];
  made = "";
  byId("translated").replaceChildren();
  byId("translated").lang = target;
  byId("doubts").replaceChildren();
  byId("translate-stop").hidden = false;
  byId("translate-status").textContent = word("working");
  running?.abort();
  running = new AbortController();
  try {
    const body = { q: byId("text").value, source, target, stream: true };
    for await (const event of events(await ask("/translate", body, running.signal))) {
      if (event.text === undefined) warn(event.detectedLanguage.language, target, event.quality);
      else show(event);
    }
    const count = byId("doubts").children.length;
    const doubtful = count ? `${word("doubtful")}: ${count}. ` : "";
    byId("translate-status").textContent = `${word("ready")} ${doubtful}${word("made_by_ai")}`;
  } catch (error) {
    byId("translate-status").textContent = error.name === "AbortError" ? word("stopped") : `${word("failed")} ${error.message}`;
  }
  byId("translate-stop").hidden = true;
}

// If no language is chosen, it is the one that the server detects.
async function swap() {
  let [source, target] = [byId("source").value, byId("target").value];
  if (source === "auto") {
    const text = byId("text").value.trim();
    const found = text ? await (await ask("/detect", { q: text })).json() : [];
    source = found[0]?.language ?? "";
  }
  if (!(source in page.known.languages)) {
    byId("translate-status").textContent = word("swap_unknown");
    return;
  }
  if (!directions[target]?.includes(source)) {
    byId("translate-status").textContent = word("swap_untaught");
    return;
  }
  byId("source").value = target;
  showTargets();
  byId("target").value = source;
  if (made) byId("text").value = made;
  byId("translate-status").textContent = "";
}

byId("translation").addEventListener("submit", (event) => {
  event.preventDefault();
  translate();
});
byId("source").addEventListener("change", showTargets);
byId("translate-stop").addEventListener("click", () => running?.abort());
byId("translate-copy").addEventListener("click", (event) => copy(made, event.target));
byId("swap").addEventListener("click", () =>
  swap().catch((error) => (byId("translate-status").textContent = `${word("failed")} ${error.message}`)),
);
