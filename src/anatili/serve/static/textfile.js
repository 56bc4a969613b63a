// Text files in the translator: read in the browser, translated in pieces that the server takes, saved under a new name.

import { ask, byId, download, number, reasonOf, word } from "./common.js";
import { abort, typed } from "./translate.js";

const LARGEST = 2_000_000; // bytes
const PIECE = 4000; // characters in one request
let running = null;

const say = (text) => (byId("translate-status").textContent = text);

// Whole lines, joined to pieces of about PIECE characters.
export function pieces(text) {
  const made = [""];
  for (const line of text.split(/(?<=\n)/)) {
    if (made.at(-1).length + line.length > PIECE && made.at(-1)) made.push("");
    made[made.length - 1] += line;
  }
  return made;
}

export async function openFile(file) {
  if (file.size > LARGEST) return say(`${file.name}: ${word("file_too_large").replace("{size}", number(LARGEST / 1_000_000))}`);
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    return say(`${file.name}: ${word("file_not_text")}`);
  }
  if (text.length <= byId("text").maxLength) {
    byId("text").value = text;
    return typed();
  }
  return translateFile(file.name, text);
}

async function translateFile(name, text) {
  abort();
  running?.abort();
  const mine = (running = new AbortController());
  const [source, target] = [byId("source").value, byId("target").value];
  const parts = pieces(text);
  const done = [];
  byId("file-stop").hidden = false;
  try {
    for (const part of parts) {
      say(`${name}: ${number(done.length)} / ${number(parts.length)}`);
      const { translatedText } = await (await ask("/translate", { q: part, source, target }, mine.signal)).json();
      done.push(translatedText);
    }
    download(name.replace(/(\.[^.]*)?$/, `.${target}$1`), done.join(""), "text/plain;charset=utf-8");
    say(`${name}: ${word("file_saved")}`);
  } catch (error) {
    say(error.name === "AbortError" ? word("stopped") : `${word("no_translation")} ${reasonOf(error)}`);
  }
  if (running === mine) byId("file-stop").hidden = true;
}

byId("file-stop").addEventListener("click", () => running?.abort());
byId("open-text").addEventListener("click", () => byId("text-file").click());
byId("text-file").addEventListener("change", (event) => {
  if (event.target.files[0]) openFile(event.target.files[0]);
  event.target.value = "";
});
