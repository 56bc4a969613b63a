// One's own lines: what became of them, those that wait in this browser, withdrawing, and the token.

import { button, make, reasonOf, word } from "./common.js";
import { field, lineTexts, reasonOfLine, sendsByKey, term } from "./contribute.js";
import { asContributor, drop, flush, give, keepToken, outbox, token } from "./outbox.js";

export async function showMine(box, say) {
  const list = make("ul", "", "list");
  const redraw = () => showMine(box, say);
  list.append(...outbox().map((line) => unsent(line, redraw, say)));
  let trouble = "";
  let own = [];
  if (token()) {
    try {
      own = (await (await asContributor("/v1/commons/lines")).json()).lines;
    } catch (error) {
      trouble = error.status === 404 ? term("token_wrong") : `${word("failed")} ${reasonOf(error)}`;
    }
  }
  list.append(...own.map((line) => sent(line, redraw, say)));
  const parts = [list.children.length ? list : make("p", term("no_own_lines"))];
  if (trouble) parts.unshift(make("p", trouble));
  if (own.some(({ state }) => state !== "withdrawn")) {
    parts.push(button(term("withdraw_all"), () => confirm(term("withdraw_sure")) && withdraw("", redraw, say)));
  }
  box.replaceChildren(...parts, tokenForm(redraw));
}

async function withdraw(id, redraw, say) {
  try {
    await asContributor(`/v1/commons/lines${id && `/${id}`}`, { method: "DELETE" });
    say(term("withdrawn_now"));
  } catch (error) {
    say(`${word("failed")} ${reasonOf(error)}`);
  }
  return redraw();
}

function entry(line, state) {
  const item = make("li", "", "line");
  item.append(make("span", term(`state_${state}`), `state ${state}`));
  if (line.text) item.append(...lineTexts(line));
  else item.append(make("p", term(`kind_${line.kind}`), "hint"));
  return item;
}

function sent(line, redraw, say) {
  const item = entry(line, line.state);
  if (line.state !== "withdrawn") item.append(button(term("withdraw"), () => withdraw(line.id, redraw, say)));
  return item;
}

// A line that was not sent yet, or that the server refused: then it can be changed.
function unsent(line, redraw, say) {
  const { problem, id, ...rest } = line;
  const item = entry(line, problem ? "refused" : "unsent");
  const row = make("div", "", "row");
  if (problem) {
    const form = make("form");
    const text = field(term("better_field"), { value: line.text, rows: 4, most: 20000, lang: line.language });
    form.append(make("p", reasonOfLine(problem)), text.box);
    row.append(make("button", term("change_line"), "main"));
    form.append(row);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      drop(id);
      await give({ ...rest, text: text.input.value });
      redraw();
    });
    sendsByKey(form);
    item.append(form);
  } else {
    row.append(button(word("retry"), () => flush().then(redraw)));
    item.append(row);
  }
  row.append(button(term("drop_line"), () => {
    drop(id);
    redraw();
  }));
  return item;
}

function tokenForm(redraw) {
  const fold = make("details");
  const form = make("form");
  const input = field(term("token_field"), { rows: 0, most: 100 });
  input.input.autocomplete = "off";
  const row = make("div", "", "row");
  row.append(make("button", term("token_use"), "main"));
  if (token()) {
    row.append(button(term("token_forget"), () => {
      keepToken("");
      redraw();
    }));
  }
  form.append(input.box, row);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.input.value.trim()) return;
    keepToken(input.input.value.trim());
    redraw();
  });
  fold.append(make("summary", term("token_have")), form);
  return fold;
}
