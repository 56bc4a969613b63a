// The pages of contributors: goals, translating, voting, adding a text, own lines, moderation.

import { showBoard } from "./board.js";
import { byId, choices, kept, languageName, page } from "./common.js";
import { afterConsent, term, tokenBox } from "./contribute.js";
import { loadWords, onKey, speak as speakWords } from "./look.js";
import { showMine } from "./mine.js";
import { showModeration } from "./moderation.js";
import "./offline.js";
import { changes, flush, outbox } from "./outbox.js";
import { showTexts } from "./texts.js";
import { prepareTranslator, showTranslator } from "./translator.js";
import { showVoting } from "./voting.js";

const VIEWS = ["board", "translate", "vote", "text", "mine", "moderate"];
const say = (text) => (byId("status").textContent = text);
const writeIn = () => byId("write-in").value;
const body = (view) => byId(view).querySelector(".body");
let view = VIEWS[0];

const SHOW = {
  board: (box) => showBoard(box, writeIn()),
  translate: (box) => afterConsent(box, () => showTranslator(box, writeIn(), say)),
  vote: (box) => afterConsent(box, () => showVoting(box, writeIn(), say)),
  text: (box) => afterConsent(box, () => showTexts(box, writeIn(), say)),
  mine: (box) => showMine(box, say),
  moderate: (box) => showModeration(box, say),
};

async function start() {
  await loadWords();
  speak();
  if (outbox().length) flush();
}

function speak() {
  speakWords("commons_title");
  const codes = Object.keys(page.known.languages);
  const chosen = byId("write-in").value || kept.get("commons.language", page.code);
  choices(byId("write-in"), codes.map((code) => [code, languageName(code), code]), chosen);
  tellUnsent();
  route();
}

async function route() {
  const asked = location.hash.slice(1);
  if (asked !== "main") view = VIEWS.includes(asked) ? asked : VIEWS[0]; // "main" only skips the header
  for (const name of VIEWS) byId(name).hidden = name !== view;
  for (const link of document.querySelectorAll("#views a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  byId("source-choice").hidden = view !== "translate";
  if (view === "translate") await prepareTranslator(writeIn());
  await SHOW[view](body(view));
}

function tellUnsent() {
  const count = outbox().length;
  byId("unsent").textContent = count ? term("unsent", { count }) : "";
  byId("token").replaceChildren(tokenBox());
}

addEventListener("hashchange", () => {
  say("");
  route();
  byId("main").focus({ preventScroll: true });
});
byId("language").addEventListener("change", speak);
byId("write-in").addEventListener("change", () => {
  kept.set("commons.language", writeIn());
  route();
});
byId("source").addEventListener("change", route);
changes.addEventListener("change", tellUnsent);
onKey(route);
start();
