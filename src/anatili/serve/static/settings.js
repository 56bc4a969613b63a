// The settings: one menu for language, script, colors and text size, installing, and the way to the other pages.

import { byId, kept, page } from "./common.js";
import { setLook } from "./look.js";

let installing = null; // the browser's offer to install the page

export function startSettings(speak) {
  for (const name of ["theme", "size"]) {
    for (const choice of document.querySelectorAll(`input[name='${name}']`)) {
      choice.checked = choice.value === kept.get(name, "");
      choice.addEventListener("change", () => setLook(name, choice.value));
    }
  }
  byId("language").addEventListener("change", speak);
  byId("script").addEventListener("change", () => {
    page.script = byId("script").value;
    speak();
  });
}

byId("settings-open").addEventListener("click", () => byId("settings").showModal());
for (const link of byId("settings").querySelectorAll("a")) link.addEventListener("click", () => byId("settings").close());

// A press beside a dialog closes it.
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  installing = event;
  byId("install").hidden = false;
});
byId("install").addEventListener("click", () => {
  byId("install").hidden = true;
  installing?.prompt();
});
