// "Wrong? Better like this": a dialog to correct an answer, a translation or a passage. Nothing without --contribute.

import { button, byId, make, page, word } from "./common.js";
import { afterConsent, field, giveAndTell, sendsByKey, shownText, term, tokenBox } from "./contribute.js";
import { icon, iconButton } from "./icons.js";

const LONGEST = 4000; // characters of an answer or a translation that can be corrected

// A button that opens the dialog; null if this server takes no corrections, or if there is nothing to correct.
export function betterButton(line) {
  if (!page.known.commons || !line.draft?.trim()) return null;
  if (line.kind !== "passage" && Math.max(line.draft.length, line.source.length) > LONGEST) return null;
  const opener = button("", () => open(line), "better");
  opener.append(icon("edit"), make("span", term("better")));
  return opener;
}

function dialog() {
  if (byId("better")) return byId("better");
  const box = make("dialog", "", "sheet");
  box.id = "better";
  box.setAttribute("aria-labelledby", "better-title");
  box.addEventListener("click", (event) => event.target === box && box.close());
  document.body.append(box);
  return box;
}

function open(line) {
  const box = dialog();
  const head = make("div", "", "sheet-head");
  const title = make("h2", term("better_title"));
  title.id = "better-title";
  head.append(title, iconButton("close", word("close"), () => box.close()));
  const body = make("div", "", "lines");
  box.replaceChildren(head, body);
  afterConsent(body, () => drawForm(body, line));
  if (!box.open) box.showModal();
}

function drawForm(body, line) {
  const form = make("form");
  const better = field(term("better_field"), { value: line.draft, rows: 6, most: line.kind === "passage" ? 20000 : LONGEST, lang: line.language });
  const status = make("p");
  status.setAttribute("role", "status");
  const send = make("button", term("send_line"), "main");
  const row = make("div", "", "row");
  row.append(send, make("span", term("keys_send"), "hint"));
  if (line.source) form.append(shownText(line.kind === "answer" ? term("question_field") : term("sentence"), line.source, line.source_language || line.language));
  form.append(shownText(term("was"), line.draft, line.language), better.box, make("p", term("better_about"), "hint"), row, status);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (better.input.value.trim() === line.draft.trim()) return void (status.textContent = term("unchanged"));
    send.disabled = true;
    const isDone = await giveAndTell({ ...line, text: better.input.value }, (text) => (status.textContent = text));
    if (isDone) form.replaceWith(status, tokenBox(), mine());
    else send.disabled = false;
  });
  sendsByKey(form);
  body.replaceChildren(form);
  better.input.focus();
}

function mine() {
  const link = make("a", term("mine"));
  link.href = "/commons#mine";
  return link;
}
