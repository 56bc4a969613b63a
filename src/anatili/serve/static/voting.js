// The page to read and vote: one line of somebody else at a time, by button or by the keys 1, 2 and 3.

import { Refused, button, make, reasonOf, word } from "./common.js";
import { lineTexts, term } from "./contribute.js";
import { asContributor } from "./outbox.js";

const REASONS = ["wrong", "language", "unnatural", "copied", "spam", "personal", "other"];
let act = {}; // key -> what it does

export async function showVoting(box, language, say, after = 0) {
  act = {};
  let line = null;
  try {
    ({ line } = await (await asContributor(`/v1/commons/next?${new URLSearchParams({ language, after })}`)).json());
  } catch (error) {
    return box.replaceChildren(make("p", `${word("failed")} ${reasonOf(error)}`));
  }
  if (!line) return box.replaceChildren(make("p", term("no_lines")));
  return draw(box, line, language, say);
}

function draw(box, line, language, say) {
  const reason = make("select");
  for (const name of REASONS) {
    const option = make("option", term(`reason_${name}`));
    option.value = name;
    reason.append(option);
  }
  const label = make("label", `${term("bad_reason")} `);
  label.append(reason);
  const vote = async (good) => {
    act = {};
    try {
      await asContributor("/v1/commons/votes", { method: "POST", body: { line: line.id, good, reason: good ? "" : reason.value } });
      say("");
    } catch (error) {
      say(error.status === 409 ? term("vote_late") : reasonOf(error));
      if (!(error instanceof Refused)) return draw(box, line, language, say);
    }
    return showVoting(box, language, say);
  };
  act = { Digit1: () => vote(true), Digit2: () => vote(false), Digit3: () => showVoting(box, language, say, line.number) };
  const row = make("div", "", "row");
  const good = button(term("good_line"), act.Digit1, "main");
  row.append(good, button(term("bad_line"), act.Digit2), button(term("skip_line"), act.Digit3));
  const card = make("div", "", "line");
  card.append(make("p", term("vote_about")), ...lineTexts(line), row, label, make("p", term("keys_vote"), "hint"));
  box.replaceChildren(card);
}

// By their place on the keyboard, so that they work in every layout; not where somebody types or chooses.
addEventListener("keydown", (event) => {
  const isTyping = event.target.matches?.("input, textarea, select");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("#vote[hidden]")) return;
  act[event.code]?.();
});
