// The goal board: what the language has, what is missing most, what was given this week.

import { ask, byId, languageName, make, number, reasonOf, word } from "./common.js";
import { term } from "./contribute.js";

export async function showBoard(box, language) {
  try {
    draw(box, await (await ask(`/v1/commons?${new URLSearchParams({ language })}`)).json());
  } catch (error) {
    box.replaceChildren(make("p", `${word("failed")} ${reasonOf(error)}`));
  }
}

function draw(box, board) {
  const missing = make("ul", "", "list");
  missing.append(...board.missing.map(goal));
  const people = make("p", term("board_people", { count: number(board.contributors) }));
  box.replaceChildren(
    make("p", term("board_about")), make("h3", term("board_missing")),
    board.missing.length ? missing : make("p", term("board_nothing_missing")),
    make("h3", `${term("board_amount")} · ${languageName(board.language)}`), table(board.kinds), people,
  );
  const { lines, agreed } = board.agreement;
  if (lines) box.append(make("p", term("board_agreement", { share: number(Math.round(100 * agreed)), count: number(lines) }), "hint"));
  const passages = board.passages[board.language];
  if (passages) box.append(make("p", term("board_passages", { count: number(passages) }), "hint"));
}

function goal({ kind, source, target, has, goal, why, chrf }) {
  const item = make("li", "", "line goal");
  const name = term(`missing_${kind}`, { direction: `${languageName(source)} → ${languageName(target)}` });
  const bar = make("progress");
  [bar.max, bar.value] = [goal, has];
  bar.setAttribute("aria-label", name);
  const link = make("a", name);
  link.href = { sentence: "#translate", text: "#text", answer: "/#chat" }[kind];
  const title = make("p");
  title.append(link);
  item.append(title, bar, make("p", `${term("of_goal", { has: number(has), goal: number(goal) })} · ${term(`why_${why}`, { score: number(chrf ?? "") })}`, "hint"));
  return item;
}

function table(kinds) {
  const box = make("div", "", "scroll");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", term("board_amount"));
  const made = make("table");
  const head = make("tr");
  for (const name of ["board_kind", "board_lines", "board_words", "board_open", "board_week"]) {
    const cell = make("th", term(name));
    cell.scope = "col";
    head.append(cell);
  }
  made.append(head);
  for (const [kind, { accepted, words, open, week }] of Object.entries(kinds)) {
    const row = make("tr");
    const first = make("th", term(`kind_${kind}`));
    first.scope = "row";
    row.append(first, ...[accepted, words, open, week].map((count) => make("td", number(count))));
    made.append(row);
  }
  box.append(made);
  return box;
}
