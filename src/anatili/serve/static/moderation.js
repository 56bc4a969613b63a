// The moderator's queue: marked lines, and lines on which people differ. The server asks for an admin key.

import { ask, button, byId, make, number, reasonOf } from "./common.js";
import { lineTexts, term } from "./contribute.js";

export async function showModeration(box, say) {
  let lines = [];
  try {
    ({ lines } = await (await ask("/v1/commons/queue")).json());
  } catch (error) {
    if ([401, 403].includes(error.status)) byId("with-key").hidden = false;
    return box.replaceChildren(make("p", [401, 403].includes(error.status) ? term("moderate_key") : reasonOf(error)));
  }
  const list = make("ul", "", "list");
  list.append(...lines.map((line) => entry(line, () => showModeration(box, say), say)));
  return box.replaceChildren(make("p", term("moderate_about"), "hint"), lines.length ? list : make("p", term("queue_empty")));
}

function entry(line, redraw, say) {
  const item = make("li", "", "line");
  const decide = async (accept, block = false) => {
    try {
      await ask("/v1/commons/decisions", { line: line.id, accept, block });
      say(term("decided"));
    } catch (error) {
      say(reasonOf(error));
    }
    return redraw();
  };
  const row = make("div", "", "row");
  row.append(button(term("accept"), () => decide(true), "main"), button(term("reject"), () => decide(false)), button(term("block"), () => decide(false, true)));
  const good = line.votes.filter((vote) => vote.good).length;
  const facts = [`${term("noticed")}: ${line.marks.join(", ") || "–"}`, term("votes_so_far", { good: number(good), bad: number(line.votes.length - good) })];
  const reasons = line.votes.map(({ reason }) => reason && term(`reason_${reason}`)).filter(Boolean);
  item.append(...lineTexts(line), make("p", [...facts, ...reasons].join(" · "), "hint"), row);
  return item;
}
