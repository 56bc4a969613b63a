// Letters that a keyboard may lack. They are typed into the field whose button was pressed.

import { button, byId, page, word } from "./common.js";
import { iconButton } from "./icons.js";

let field = null;

export function showKeys() {
  const letters = [...(page.known.own_letters?.[page.code] ?? "")];
  for (const opener of document.querySelectorAll(".keys")) opener.hidden = !letters.length;
  if (!letters.length) hideKeys();
  const shift = iconButton("shift", word("capitals"), toggleShift);
  shift.setAttribute("aria-pressed", "false");
  byId("keyboard").replaceChildren(
    ...letters.map((letter) => button(letter, (event) => put(event.shiftKey ? letter.toUpperCase() : letter))),
    shift,
  );
}

export function hideKeys() {
  byId("keyboard").hidden = true;
  for (const opener of document.querySelectorAll(".keys")) opener.setAttribute("aria-expanded", "false");
}

function toggleShift(event) {
  const now = event.currentTarget.getAttribute("aria-pressed") !== "true";
  event.currentTarget.setAttribute("aria-pressed", String(now));
  for (const key of byId("keyboard").querySelectorAll("button:not(:last-child)")) {
    key.textContent = now ? key.textContent.toUpperCase() : key.textContent.toLowerCase();
  }
}

function put(letter) {
  const pressed = byId("keyboard").lastElementChild.getAttribute("aria-pressed") === "true";
  field.setRangeText(pressed ? letter.toUpperCase() : letter, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

for (const opener of document.querySelectorAll(".keys")) {
  opener.addEventListener("click", () => {
    const wasOpen = field === byId(opener.dataset.for) && !byId("keyboard").hidden;
    hideKeys();
    field = byId(opener.dataset.for);
    byId("keyboard").hidden = wasOpen;
    opener.setAttribute("aria-expanded", String(!wasOpen));
    opener.closest(".with-keys").after(byId("keyboard"));
  });
}
