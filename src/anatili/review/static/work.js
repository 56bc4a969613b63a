// Tasks one after another: an answer to label, an item to review; or to decide where two people differ.

import { ask, button, byId, choice, kept, make, number, page, spoken, tell, trying, word } from "./common.js";
import { itemForm, itemValues, moveOn, showFields } from "./items.js";

let job = null;
let task = null;
let stopsLeaving = false; // something was entered that is not saved

export function setUpWork() {
  byId("task").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  byId("task").addEventListener("input", () => (stopsLeaving = true));
  document.addEventListener("keydown", press);
  window.addEventListener("beforeunload", (event) => stopsLeaving && !byId("work").hidden && event.preventDefault());
}

export async function openWork(kind, language, mode) {
  job = { kind, language, mode };
  task = null;
  await trying(() => next(""));
}

async function next(after, back = false) {
  const body = { name: page.name, ...job, task: after, back };
  const found = (await (await ask("/review/next", body)).json()).task;
  if (!found && back) return tell(word("no_previous"));
  await progress();
  task = found;
  stopsLeaving = false;
  if (task) draw();
  else finish();
}

async function progress() {
  const { jobs } = await (await ask("/review/jobs", { name: page.name })).json();
  const own = jobs.find((one) => one.kind === job.kind && one.language === job.language);
  if (!own) return;
  const name = page.known.names[job.language] ?? job.language;
  const left = job.mode === "label" ? own.to_label : own.to_decide;
  const done = job.mode === "label" ? own.mine : own.final;
  const whole = job.mode === "label" ? own.mine + own.to_label : own.tasks;
  byId("work-about").textContent = `${word(job.kind)}, ${name} · ${word("left", { count: number(left) })}`;
  Object.assign(byId("work-progress"), { max: Math.max(1, whole), value: done });
}

function finish() {
  byId("work-title").textContent = word("no_more");
  const back = make("a", word("all_jobs"), "button main");
  back.href = "#jobs";
  const buttons = make("div", "", "buttons");
  buttons.append(back, button(word("back"), () => trying(() => next("", true))));
  byId("task").className = "";
  byId("task").replaceChildren(make("p", word("no_more_about")), buttons);
  byId("work-title").focus({ preventScroll: true });
}

function draw() {
  const form = byId("task");
  byId("work-title").textContent = task.kind === "answers" ? word("question") : itemTitle();
  form.className = task.kind;
  form.replaceChildren(...(task.kind === "answers" ? answerForm() : itemForm(task)), foot(), keysChoice());
  fill(form, task.mine);
  if (innerWidth < 600) byId("work").scrollIntoView(); // on a phone, the header would fill half of the screen
  else scrollTo(0, 0);
  byId("work-title").focus({ preventScroll: true });
}

const itemTitle = () => `${word(task.shown.sensitive ? "sensitive" : "control")}: ${task.shown.topic}`;

function foot() {
  const element = make("div", "", "foot");
  const submit = make("button", word("save_next"), "main");
  submit.append(" ", make("kbd", "Enter"));
  submit.lastChild.setAttribute("aria-hidden", "true");
  element.append(
    submit,
    button(word("skip_task"), () => trying(() => next(task.id))),
    button(word("back"), () => trying(() => next(task.id, true))),
  );
  return element;
}

// Keys can be switched off: some people's software sends keys that they did not mean.
function keysChoice() {
  const label = make("label", "", "check keys");
  const box = make("input");
  box.type = "checkbox";
  box.checked = kept.get("keys", true);
  box.addEventListener("change", () => kept.set("keys", box.checked));
  label.append(box, " ", word("keys_on"));
  return label;
}

function answerForm() {
  const { question, answer, facts } = task.shown;
  const read = make("div", "", "read");
  const text = spoken("div", answer, task.language, "model");
  text.tabIndex = 0;
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", word("answer"));
  text.dataset.aiGenerated = "true";
  read.append(spoken("p", question, task.language, "question"), make("h3", word("answer")), text);
  const classes = fieldset(word("how"), task.parts.class.map((value, place) => {
    const name = value.replace(" ", "_");
    return choice("radio", "class", value, word(`class_${name}`), {
      hint: word(`class_${name}_help`), key: String(place + 1), marks: marksOf("class", value),
    });
  }));
  const stated = fieldset(word("facts"), facts.map((fact, place) => {
    const part = `fact${place + 1}`;
    return choice("checkbox", part, "yes", fact, {
      key: `Shift ${place + 1}`, lang: task.language, marks: marksOf(part, "yes"),
    });
  }), word("facts_help"));
  classes.classList.add("classes");
  if (task.two) read.prepend(make("p", word("differ"), "notice"));
  read.append(stated);
  return [read, classes];
}

function fieldset(title, choices, hint = "") {
  const element = make("fieldset");
  element.append(make("legend", title));
  if (hint) element.append(make("p", hint, "hint"));
  element.append(...choices);
  return element;
}

// Where two people differ: which of them chose a value.
function marksOf(part, value) {
  if (!task.two || !task.differing.includes(part)) return [];
  return task.two.flatMap((one, place) => (one.values[part] === value ? [word("person", { number: place + 1 })] : []));
}

// Fills the form with what the person said before, or with what two people agree in.
function fill(form, mine) {
  const values = mine?.values ?? agreed();
  const texts = mine?.texts ?? task.two?.[0].texts ?? {};
  for (const input of form.querySelectorAll("input[name]")) {
    if (input.type === "radio" || input.type === "checkbox") input.checked = values[input.name] === input.value;
  }
  for (const area of form.querySelectorAll("textarea[name]")) {
    if (values[area.name] === area.dataset.value && texts[area.name]) area.value = texts[area.name];
  }
  for (const field of form.querySelectorAll(".part")) showFields(field);
}

function agreed() {
  if (!task.two) return {};
  return Object.fromEntries(Object.entries(task.two[0].values).filter(([part]) => !task.differing.includes(part)));
}

function answerValues(form) {
  const values = {};
  const chosen = form.querySelector("input[name=class]:checked");
  if (!chosen) {
    form.querySelector("input[name=class]").focus();
    return { missing: word("choose_class") };
  }
  values.class = chosen.value;
  for (const part of Object.keys(task.parts)) {
    if (part !== "class") values[part] = form.querySelector(`input[name=${part}]`).checked ? "yes" : "no";
  }
  return { values, texts: {} };
}

async function send() {
  if (!task) return;
  const { values, texts, missing } = task.kind === "answers" ? answerValues(byId("task")) : itemValues(byId("task"), task);
  if (missing) return tell(missing);
  const submit = byId("task").querySelector("button.main");
  submit.disabled = true;
  try {
    await ask("/review/say", { name: page.name, task: task.id, of: task.of, mode: job.mode, values, texts });
    await next(task.id);
    tell(word("saved"), true);
  } catch (error) {
    if (error.status === 409) await trying(() => next(task.id)); // others were quicker
    tell(`${word(error.status === 409 ? "conflict" : "failed")} ${error.message}`);
  } finally {
    submit.disabled = false;
  }
}

// Keys by their place: in Kazakh layout the row of digits types letters.
function press(event) {
  if (byId("work").hidden || !task || !kept.get("keys", true)) return undefined;
  const target = event.target;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return send();
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return undefined;
  if (target.matches("textarea, select, input:not([type=radio], [type=checkbox])")) return undefined;
  if (event.key === "Enter" && !target.matches("a, button, summary")) {
    event.preventDefault();
    return send();
  }
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  if (!digit) return undefined;
  const input = task.kind === "answers" ? answerInput(digit, event.shiftKey) : itemInput(digit, target);
  if (!input) return undefined;
  event.preventDefault();
  input.focus({ preventScroll: task.kind === "answers" });
  input.click();
  if (task.kind === "items") moveOn(input.closest(".part"));
  return undefined;
}

function answerInput(digit, isFact) {
  if (isFact) return byId("task").querySelector(`input[name=fact${digit}]`);
  return byId("task").querySelectorAll("input[name=class]")[digit - 1];
}

// The part in which the focus stands, or the first without a value.
function itemInput(digit, target) {
  const parts = [...byId("task").querySelectorAll(".part")];
  const part = target.closest(".part") ?? parts.find((one) => !one.querySelector("input:checked"));
  return part?.querySelectorAll("input[type=radio]")[digit - 1];
}
