// What is shared by all places where people give lines: the consent, and what became of a line.

import { button, copyText, languageName, make, page, word } from "./common.js";
import { confirmed, iconButton } from "./icons.js";
import { agree, consent, give, isTokenNew, keepToken, outbox, token } from "./outbox.js";

export const term = (name, values = {}) => word(`commons_${name}`).replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);

const LICENSES = [["CC0-1.0", "cc0"], ["CC-BY-4.0", "by"]];

// The consent, in the reader's language; `done` is called when it was given.
export function consentBox(done) {
  const form = make("form", "", "consent");
  const choice = make("fieldset");
  choice.append(make("legend", term("consent")));
  for (const [license, name] of LICENSES) {
    const label = make("label", "", "choice");
    const input = make("input");
    Object.assign(input, { type: "radio", name: "license", value: license, checked: license === LICENSES[0][0] });
    label.append(input, make("span", term(`consent_${name}`)));
    choice.append(label);
  }
  const submit = make("button", term("agree"), "main");
  form.append(make("h3", term("consent_title")), choice, make("p", term("consent_about"), "hint"), submit);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    agree(form.elements.license.value);
    done();
  });
  return form;
}

// Fills `box` with what `draw` makes, or with the consent if it was not given yet.
export function afterConsent(box, draw) {
  if (consent() || token()) draw();
  else box.replaceChildren(consentBox(draw));
}

// The token while it is new: the server shows it only once.
export function tokenBox() {
  const box = make("section", "", "panel token");
  box.hidden = !isTokenNew();
  if (box.hidden) return box;
  const code = make("code", token());
  const copier = iconButton("copy", word("copy"), async () => {
    if (await copyText(token())) confirmed(copier, "copy", word("copied"));
  });
  const row = make("div", "", "row");
  row.append(code, copier, button(word("close"), () => {
    keepToken(token());
    box.hidden = true;
  }));
  box.append(make("h2", term("token_title")), make("p", term("token_about")), row);
  return box;
}

// In words, why a line was not taken.
export function reasonOfLine({ message, status, stretches }) {
  if (status === 409) return term("is_there");
  if (!stretches) return `${term("not_taken")} ${message}`;
  const name = (kind) => (`commons_personal_${kind}` in page.words ? term(`personal_${kind}`) : kind);
  return term("personal", { kinds: [...new Set(stretches.map(({ kind }) => name(kind)))].join(", ") });
}

// Gives a line and says what became of it. Returns whether the field can be emptied.
export async function giveAndTell(line, say) {
  const { state, problem } = await give(line);
  if (state === "refused") {
    say(reasonOfLine(problem));
    return false;
  }
  say(state === "sent" ? term("sent") : `${term("kept_here")} ${term("unsent", { count: outbox().length })}`);
  return true;
}

let number = 0;

// A labeled field; `rows` of a text area, or 0 for a line.
export function field(label, { value = "", rows = 4, most = 4000, lang = "" } = {}) {
  const box = make("div", "", "labeled");
  const input = make(rows ? "textarea" : "input");
  input.id = `field-${++number}`;
  Object.assign(input, { value, maxLength: most, dir: "auto", lang });
  if (rows) input.rows = rows;
  const caption = make("label", label);
  caption.htmlFor = input.id;
  box.append(caption, input);
  return { box, input };
}

// A text of a line with its name above it.
export function shownText(label, text, lang = "") {
  const box = make("div", "", "labeled");
  const body = make("p", text, "quoted");
  body.lang = lang;
  body.dir = "auto";
  box.append(make("span", label, "hint"), body);
  return box;
}

// Ctrl+Enter in a field sends its form.
export function sendsByKey(form) {
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

// The texts of a line as people read it, whatever its kind.
export function lineTexts(line) {
  const parts = [];
  const isPair = Boolean(line.source_language);
  if (line.title) parts.push(shownText(term("text_name"), line.title, line.language));
  if (line.source) parts.push(shownText(isPair ? `${term("sentence")} · ${languageName(line.source_language)}` : term("question_field"), line.source, line.source_language || line.language));
  if (line.draft && line.draft !== line.text) parts.push(shownText(line.kind === "sentence" ? term("draft") : term("was"), line.draft, line.language));
  parts.push(shownText(`${term(`kind_${line.kind}`)} · ${languageName(line.language)}`, line.text, line.language));
  if (line.origin) parts.push(shownText(`${term("text_origin")} · ${line.license}`, line.origin));
  return parts;
}
