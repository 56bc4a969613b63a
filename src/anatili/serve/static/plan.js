// The page of plans: sliders for text, model and chips, and what they would take. All figures come from /v1/plan.

import { ask, byId, capital, choices, make, number, reasonOf, word } from "./common.js";
import { loadWords, onKey, speak as speakWords } from "./look.js";

const START = { words: Math.log10(2e9), epochs: 1, number: 6 };
const WAIT = 150; // milliseconds after the last move of a slider
let sizes = ["8"];
let chosen = { size: "8", chip: "H200" };
let waiting = 0;
let asked = 0;

async function start() {
  await loadWords();
  for (const [id, value] of Object.entries(START)) byId(id).value = value;
  speak();
}

function speak() {
  speakWords("plan");
  show();
}

const words = () => Number((10 ** Number(byId("words").value)).toPrecision(2));
const chips = () => 2 ** Number(byId("number").value);
const brief = (value) => number(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
const spread = (value, unit = "") =>
  Array.isArray(value) ? `${brief(value[1])} ${unit} [${brief(value[0])} – ${brief(value[2])}]` : word("plan_unpublished");

async function show() {
  const turn = ++asked;
  chosen.size = sizes[Number(byId("size").value)] ?? chosen.size;
  byId("words-shown").textContent = number(words());
  byId("epochs-shown").textContent = byId("epochs").value;
  byId("number-shown").textContent = number(chips());
  const query = new URLSearchParams({
    words: words(), epochs: byId("epochs").value, number: chips(), size: chosen.size, chip: chosen.chip,
    without: byId("nvidia").checked ? "nvidia" : "",
  });
  try {
    const facts = await (await ask(`/v1/plan?${query}`)).json();
    if (turn === asked) draw(facts);
  } catch (error) {
    byId("plan-status").textContent = `${word("failed")} ${reasonOf(error)}`;
  }
}

function draw(facts) {
  sizes = facts.choices.sizes;
  byId("size").max = sizes.length - 1;
  byId("size").value = sizes.indexOf(chosen.size);
  byId("size-shown").textContent = `${number(chosen.size)} × 10⁹`;
  choices(byId("chip"), facts.choices.chips.map((name) => [name, name]), chosen.chip);
  byId("plan-status").textContent = facts.layouts.length ? "" : word("plan_no_layout");
  const list = byId("figures");
  list.replaceChildren();
  const add = (name, value) => list.append(make("dt", capital(word(name))), make("dd", value));
  add("plan_tokens", number(facts.text.tokens));
  add("plan_days", spread(facts.days));
  add("plan_hours", spread(facts.chip_hours));
  add("plan_money", spread(facts.dollars));
  add("plan_energy", spread(facts.megawatt_hours, "MWh"));
  add("plan_best", `${brief(facts.data.best.parameters / 1e9)} × 10⁹`);
  if (facts.layouts.length) add("plan_memory", `${brief(facts.layouts[0].gib)} GiB: ${facts.layouts[0].name}`);
  if (facts.data.past_ceiling || facts.data.repeats_too_often) {
    add("plan_ceiling", `${number(facts.data.worth_tokens)} (≤ ${number(facts.data.most_worth_tokens)})`);
  }
  const asked = { ...facts, chip: facts.chip.name };
  const rows = [asked, ...facts.alternatives].filter((one) => one.layouts.length);
  const longest = Math.max(...rows.map((one) => Math.log1p(one.days[1] * 10)));
  byId("bars").replaceChildren(...rows.map((one) => row(one, longest)));
}

function row(one, longest) {
  const item = make("li");
  item.append(make("div", `${one.chip}: ${word("plan_days")} ${spread(one.days)}${one.barred ? ` · ${word("plan_barred")}` : ""}`));
  const bar = make("div", "", one.barred ? "bar barred" : "bar");
  bar.style.width = `${Math.max(1, (100 * Math.log1p(one.days[1] * 10)) / longest)}%`;
  bar.setAttribute("aria-hidden", "true");
  item.append(bar);
  if (one.status_name && !one.status_name.startsWith("not ")) {
    const status = make("div", one.status, "hint");
    status.lang = "en";
    item.append(status);
  }
  return item;
}

byId("language").addEventListener("change", speak);
byId("chip").addEventListener("change", () => {
  chosen.chip = byId("chip").value;
});
byId("plan").addEventListener("submit", (event) => event.preventDefault());
byId("plan").addEventListener("input", () => {
  clearTimeout(waiting);
  chosen.chip = byId("chip").value || chosen.chip;
  waiting = setTimeout(show, WAIT);
});
onKey(show);
start();
