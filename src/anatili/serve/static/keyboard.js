// Letters that a keyboard may lack. They are typed into the field whose button was pressed.

import { button, byId, drawing, page, word } from "./common.js";

let field = null;

export function showKeys() {
  const letters = [...(page.known.own_letters?.[page.code] ?? "")];
  for (const opener of document.querySelectorAll(".keys")) opener.hidden = !letters.length;
  if (!letters.length) byId("keyboard").hidden = true;
  byId("keyboard").replaceChildren(
    ...letters.map((letter) => button(letter, (event) => put(event.shiftKey ? letter.toUpperCase() : letter))),
    button("", shift),
  );
  byId("keyboard").lastElementChild.append(drawing("shift"));
  byId("keyboard").lastElementChild.setAttribute("aria-label", word("capitals"));
  byId("keyboard").lastElementChild.setAttribute("aria-pressed", "false");
}

function shift(event) {
  const now = event.currentTarget.getAttribute("aria-pressed") !== "true";
  event.currentTarget.setAttribute("aria-pressed", String(now));
  for (const key of byId("keyboard").querySelectorAll("button:not(:last-child)")) {
    key.textContent = now ? key.textContent.toUpperCase() : key.textContent.toLowerCase();
  }
}

function put(letter) {
  const pressed = byId("keyboard").lastElementChild.getAttribute("aria-pressed") === "true";
  field.setRangeText(pressed ? letter.toUpperCase() : letter, field.selectionStart, field.selectionEnd, "end");
  field.focus();
}

for (const opener of document.querySelectorAll(".keys")) {
  opener.addEventListener("click", () => {
    const same = field === byId(opener.dataset.for) && !byId("keyboard").hidden;
    field = byId(opener.dataset.for);
    byId("keyboard").hidden = same;
    opener.setAttribute("aria-expanded", String(!same));
    opener.after(byId("keyboard"));
  });
}
