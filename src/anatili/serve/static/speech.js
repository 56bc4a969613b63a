// Reading aloud, where the browser has a voice for the language.

import { page, word } from "./common.js";
import { icon, iconButton, rename } from "./icons.js";

const synthesis = globalThis.speechSynthesis;
let speaking = null; // the button that reads now

const voiceFor = (code) => synthesis?.getVoices().find((voice) => voice.lang.toLowerCase().split(/[-_]/)[0] === code);

// Browsers load their voices late: `changed` is called when they are there.
export const whenVoicesChange = (changed) => synthesis?.addEventListener?.("voiceschanged", changed);

function end() {
  if (!speaking) return;
  speaking.querySelector("svg").replaceWith(icon("loud"));
  rename(speaking, word("read_aloud"));
  speaking = null;
}

export function silence() {
  synthesis?.cancel();
  end();
}

// A button that reads a text aloud and, pressed again, stops; null if there is no voice for its language.
export function reader(text, code) {
  const voice = voiceFor(code || page.code);
  if (!voice) return null;
  const element = iconButton("loud", word("read_aloud"), () => {
    const mine = speaking === element;
    silence();
    if (mine) return;
    const speech = new SpeechSynthesisUtterance(text().replace(/\[\d{1,2}\]|[*_`#>|]/g, " "));
    speech.voice = voice;
    speech.lang = voice.lang;
    speech.onend = speech.onerror = end;
    speaking = element;
    element.querySelector("svg").replaceWith(icon("stop"));
    rename(element, word("stop"));
    synthesis.speak(speech);
  });
  return element;
}
