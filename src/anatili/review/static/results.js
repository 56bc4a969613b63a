// What the review came to: agreement and the detector's figures by language, and the corrections as a diff.

import { ask, byId, make, number, page, save, trying, word } from "./common.js";

const COLUMNS = ["n", "prevalence", "hit", "false", "precision", "kappa", "ac1"];
let figures = {};

export function setUpResults() {
  byId("save-figures").addEventListener("click", () =>
    save("figures.json", `${JSON.stringify(figures, null, 1)}\n`, "application/json"));
  byId("save-diff").addEventListener("click", () => save("corrections.diff", byId("diff").textContent, "text/x-diff"));
}

export async function openResults() {
  await trying(async () => {
    figures = await (await ask("/review/figures")).json();
    const diff = await (await ask("/review/diff")).text();
    const parts = [
      ...Object.entries(figures.answers).map(([code, found]) => part("answers", code, found)),
      ...Object.entries(figures.items).map(([code, found]) => part("items", code, found)),
    ];
    byId("figures").replaceChildren(...parts);
    byId("save-figures").hidden = !parts.length;
    byId("diff").textContent = diff;
    byId("diff").hidden = byId("save-diff").hidden = !diff;
    byId("no-diff").hidden = Boolean(diff);
  });
  byId("results-title").focus({ preventScroll: true });
}

function part(kind, code, found) {
  const element = make("div", "", "group");
  const name = page.known.names[code] ?? code;
  element.append(make("h3", `${word(kind)}, ${name}`));
  element.append(make("p", word("counts", {
    tasks: number(found.tasks), twice: number(found.labeled_twice), undecided: number(found.undecided), final: number(found.final),
  }), "hint"));
  if (!found.labeled_twice) return element; // nothing to tell yet
  const rows = Object.entries(found.people).map(([key, values]) => [word(`people_${key}`), values]);
  if (found.detector) {
    const { refusals, facts } = found.detector;
    rows.push([word("detector_refusals"), refusals], [word("detector_all"), refusals.of_all_answers]);
    rows.push([word("detector_facts"), facts]);
  }
  element.append(table(`${word(kind)}, ${name}`, rows));
  if (found.detector) {
    for (const key of ["refusals", "facts"]) {
      element.append(make("p", word(`${key}_${found.detector[key].validated ? "" : "not_"}validated`)));
    }
  }
  return element;
}

function table(name, rows) {
  const columns = COLUMNS.filter((column) => rows.some(([, values]) => column in values));
  const box = make("div", "", "scroll");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", name);
  const element = make("table");
  const head = element.createTHead().insertRow();
  head.append(make("th", word("figure")), ...columns.map((column) => make("th", word(`column_${column}`))));
  for (const cell of head.cells) cell.scope = "col";
  const body = element.createTBody();
  for (const [title, values] of rows) {
    const row = body.insertRow();
    const cell = make("th", title);
    cell.scope = "row";
    row.append(cell, ...columns.map((column) => figureCell(values[column])));
  }
  box.append(element);
  return box;
}

function figureCell(value) {
  const cell = make("td");
  if (value === undefined) return cell;
  if (typeof value === "number") {
    cell.textContent = number(value);
    return cell;
  }
  cell.append(make("b", number(value.value)));
  if (value.interval) cell.append(" ", make("span", value.interval.map((limit) => number(limit)).join("–"), "interval"));
  return cell;
}
