// The page to add a text: one's own, or somebody else's under an open license, with where it is from.

import { make } from "./common.js";
import { field, giveAndTell, sendsByKey, term } from "./contribute.js";

const LICENSES = ["CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0"];

export function showTexts(box, language, say) {
  const form = make("form", "", "line");
  const title = field(term("text_name"), { rows: 0, most: 300, lang: language });
  const text = field(term("text_field"), { rows: 10, most: 20000, lang: language });
  const origin = field(term("text_origin"), { rows: 0, most: 1000 });
  const license = make("select");
  license.append(...LICENSES.map((name) => make("option", name)));
  const licenseLabel = make("label", `${term("text_license")} `);
  licenseLabel.append(license);
  const whose = make("fieldset", "", "whose");
  whose.append(make("legend", term("text_whose")));
  const others = make("div");
  others.append(origin.box, licenseLabel);
  others.hidden = true;
  for (const [value, name] of [["own", "text_own"], ["other", "text_other"]]) {
    const label = make("label", "", "choice");
    const input = make("input");
    Object.assign(input, { type: "radio", name: "whose", value, checked: value === "own" });
    input.addEventListener("change", () => {
      others.hidden = form.elements.whose.value === "own";
      origin.input.required = !others.hidden;
    });
    label.append(input, make("span", term(name)));
    whose.append(label);
  }
  const send = make("button", term("send_line"), "main");
  const row = make("div", "", "row");
  row.append(send, make("span", term("keys_send"), "hint"));
  form.append(make("p", term("text_about"), "hint"), title.box, text.box, whose, others, row);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!text.input.value.trim()) return text.input.focus();
    send.disabled = true;
    const isOwn = form.elements.whose.value === "own";
    const line = { kind: "text", language, title: title.input.value, text: text.input.value };
    if (!isOwn) Object.assign(line, { origin: origin.input.value, license: license.value });
    if (await giveAndTell(line, say)) return showTexts(box, language, say);
    return (send.disabled = false);
  });
  sendsByKey(form);
  box.replaceChildren(form);
}
