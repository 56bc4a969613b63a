// Translation: parts of the text as they are done, and what is doubtful about them.

import { ask, byId, choices, copy, events, make, page, word } from "./common.js";

let running = null;

export function showTranslate() {
  const names = Object.entries(page.known.names);
  choices(byId("source"), [["auto", word("detect")], ...names.map(([code, name]) => [code, name, code])], byId("source").value || "auto");
  choices(byId("target"), names.map(([code, name]) => [code, name, code]), byId("target").value || page.code);
}

async function translate() {
  const [source, target] = [byId("source").value, byId("target").value];
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
      if (event.text === undefined) continue;
      byId("translated").append(event.text);
      if (event.doubts.length) {
        const said = event.doubts.map((doubt) => word(`doubt_${doubt}`)).join(", ");
        byId("doubts").append(make("li", `${event.source.trim()} — ${said}`));
      }
    }
    byId("translate-status").textContent = `${word("ready")} ${word("made_by_ai")}`;
  } catch (error) {
    byId("translate-status").textContent = error.name === "AbortError" ? word("stopped") : `${word("failed")} ${error.message}`;
  }
  byId("translate-stop").hidden = true;
}

byId("translation").addEventListener("submit", (event) => {
  event.preventDefault();
  translate();
});
byId("translate-stop").addEventListener("click", () => running?.abort());
byId("translate-copy").addEventListener("click", (event) => copy(byId("translated").textContent, event.target));
byId("swap").addEventListener("click", () => {
  const [source, target] = [byId("source").value, byId("target").value];
  if (source === "auto") return;
  [byId("source").value, byId("target").value] = [target, source];
  if (byId("translated").textContent) byId("text").value = byId("translated").textContent;
});
