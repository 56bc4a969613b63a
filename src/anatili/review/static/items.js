// An item of the audit in one language: each of its texts is right, wrong, or has a better wording.

import { button, choice, kept, make, page, spoken, word } from "./common.js";

const SLOT = /\{([^{}]*)\}/;

const partName = (part) =>
  part.startsWith("fact") ? word("part_fact", { number: part.slice(4) }) : word(`part_${part}`);

export function itemForm(task) {
  const { shown } = task;
  const about = make("div", "", "about");
  if (shown.partner) about.append(labelled(word("partner"), shown.partner, task.language));
  if (shown.why) about.append(labelled(word("why"), shown.why, page.known.reference));
  about.append(besideChoice(task));
  if (task.two) about.append(make("p", word("differ"), "notice"));
  return [about, ...Object.keys(task.parts).map((part) => partForm(task, part))];
}

function labelled(name, text, lang) {
  const line = make("p", "", "hint");
  line.append(make("b", `${name}: `), spoken("span", text, lang));
  return line;
}

// Which of the other languages is shown below each text.
function besideChoice(task) {
  const label = make("label");
  const select = make("select");
  for (const code of Object.keys(task.shown.others)) {
    const option = make("option", page.known.names[code] ?? code);
    option.value = option.lang = code;
    select.append(option);
  }
  const wanted = kept.get("beside", page.code);
  if (wanted in task.shown.others) select.value = wanted;
  select.addEventListener("change", () => {
    kept.set("beside", select.value);
    for (const line of document.querySelectorAll("#task .beside")) showBeside(line, task, select.value);
  });
  label.append(`${word("beside")} `, select);
  select.id = "compared";
  return label;
}

function showBeside(line, task, code) {
  line.replaceChildren(...sentence(task.shown.others[code]?.[line.dataset.part] ?? "–", code));
  line.lang = code;
}

// A sentence with its slot: the right option, then the wrong ones.
function sentence(text, lang) {
  const slot = SLOT.exec(text);
  if (!slot) return [spoken("span", text, lang)];
  const [right, ...wrong] = slot[1].split("|").map((option) => option.trim());
  const line = make("span");
  line.lang = lang;
  line.append(text.slice(0, slot.index), make("strong", right), text.slice(slot.index + slot[0].length));
  const others = make("small", `${word("wrong_options")} `);
  others.append(spoken("span", wrong.join(" · "), lang));
  return [line, others];
}

function partForm(task, part) {
  const text = task.texts[part];
  const field = make("fieldset", "", "part");
  field.dataset.part = part;
  const legend = make("legend", partName(part));
  const shownText = make("p", "", "wording");
  shownText.append(...sentence(text, task.language));
  const beside = make("p", "", "beside");
  beside.dataset.part = part;
  const codes = Object.keys(task.shown.others);
  const wanted = kept.get("beside", page.code);
  if (codes.length) showBeside(beside, task, codes.includes(wanted) ? wanted : codes[0]);
  const row = make("div", "", "verdicts");
  row.append(...task.parts[part].map((value, place) => choice("radio", part, value, word(value), {
    key: String(place + 1), marks: marksOf(task, part, value),
  })));
  field.append(legend, shownText, beside);
  if (task.shown.sources[part]) field.append(labelled(word("source"), task.shown.sources[part], page.known.reference));
  field.append(row, ...proposals(task, part), writing(part, text, task.language), noting(part));
  field.addEventListener("change", () => showFields(field));
  return field;
}

function marksOf(task, part, value) {
  if (!task.two || !task.differing.includes(part)) return [];
  return task.two.flatMap((one, place) => (one.values[part] === value ? [word("person", { number: place + 1 })] : []));
}

// What the two wrote, to be taken by the third.
function proposals(task, part) {
  if (!task.two) return [];
  return task.two.flatMap((one, place) => {
    if (!one.texts[part]) return [];
    const line = make("p", "", "proposal");
    line.append(make("span", word("person", { number: place + 1 }), "mark"), " ");
    line.append(spoken("span", one.texts[part], task.language), " ");
    if (one.values[part] === "better") {
      line.append(button(word("take"), (event) => {
        const field = event.target.closest(".part");
        field.querySelector("textarea.better").value = one.texts[part];
        field.querySelector("input[value=better]").click();
      }));
    }
    return [line];
  });
}

function writing(part, text, lang) {
  const label = make("label", word(SLOT.test(text) ? "better_slot" : "better_text"), "writing");
  const area = make("textarea", "", "better");
  Object.assign(area, { name: part, value: text, rows: 3, lang });
  area.dataset.value = "better";
  label.append(area);
  label.hidden = true;
  return label;
}

function noting(part) {
  const label = make("label", word("note"), "writing");
  const area = make("textarea", "", "note");
  Object.assign(area, { name: part, rows: 2, maxLength: 2000 });
  area.dataset.value = "wrong";
  label.append(area);
  label.hidden = true;
  return label;
}

// Shows the field that belongs to the chosen value.
export function showFields(field) {
  const value = field.querySelector("input:checked")?.value;
  for (const area of field.querySelectorAll("textarea")) area.parentElement.hidden = area.dataset.value !== value;
}

// After a key: on to the next part, or to the field that now wants text.
export function moveOn(field) {
  const area = [...field.querySelectorAll("textarea")].find((one) => !one.parentElement.hidden);
  const next = field.nextElementSibling?.classList.contains("part") && field.nextElementSibling;
  const goal = area ?? (next && (next.querySelector("input:checked") ?? next.querySelector("input")));
  (goal || field.closest("form").querySelector(".foot button")).focus();
}

export function itemValues(form, task) {
  const values = {};
  const texts = {};
  for (const part of Object.keys(task.parts)) {
    const field = form.querySelector(`.part[data-part=${part}]`);
    const value = field.querySelector("input:checked")?.value;
    const missing = (message) => {
      (field.querySelector(value === "better" ? "textarea.better" : "input")).focus();
      return { missing: `${partName(part)}: ${message}` };
    };
    if (!value) return missing(word("choose_verdict"));
    values[part] = value;
    if (value === "better") {
      const text = field.querySelector("textarea.better").value.trim();
      if (!text || text === task.texts[part].trim()) return missing(word("write_better"));
      const before = options(task.texts[part]);
      const after = options(text);
      if (before.length !== after.length || after.some((option) => !option)) return missing(word("keep_slot"));
      texts[part] = text;
    } else if (value === "wrong") {
      const note = field.querySelector("textarea.note").value.trim();
      if (note) texts[part] = note;
    }
  }
  return { values, texts };
}

const options = (text) => SLOT.exec(text)?.[1].split("|").map((option) => option.trim()) ?? [];
