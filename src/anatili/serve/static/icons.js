// Icons as drawings, because not every machine has a font with such symbols. All are strokes on a field of 24 x 24.

import { button } from "./common.js";

const SPACE = "http://www.w3.org/2000/svg";
const DRAWINGS = {
  menu: ["M4 7h16M4 12h16M4 17h10"],
  plus: ["M12 5v14M5 12h14"],
  search: ["M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14z", "M16 16l5 5"],
  settings: ["M4 7h9M19 7h1M4 17h1M11 17h9", "M16 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z", "M8 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z"],
  send: ["M12 20V5", "M5.5 11.5 12 5l6.5 6.5"],
  stop: ["M7 7h10v10H7z"],
  copy: ["M9 9h11v11H9z", "M15 5H4v11"],
  done: ["M5 12.5l5 5L19.5 7"],
  edit: ["M4 20l1-4.5L16.5 4 20 7.5 8.5 19z", "M14 6.5l3.5 3.5"],
  again: ["M19 12a7 7 0 1 1-2.2-5.1", "M19.5 3.5V8H15"],
  go_on: ["M5 5l7 7-7 7", "M13 5l7 7-7 7"],
  before: ["M14.5 6l-6 6 6 6"],
  after: ["M9.5 6l6 6-6 6"],
  end: ["M12 5v14", "M6 13l6 6 6-6"],
  loud: ["M4 10v4h3.5L12 18V6L7.5 10z", "M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11"],
  trace: ["M6 4v10a4 4 0 0 0 4 4h9", "M15.5 14l4 4-4 4", "M6 4.01a1.5 1.5 0 1 1-.01 0z"],
  save: ["M12 4v11", "M7 10.5l5 5 5-5", "M4 20h16"],
  open: ["M12 16V5", "M7 9.5l5-5 5 5", "M4 20h16"],
  remove: ["M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13", "M10.5 11v5.5M13.5 11v5.5"],
  more: ["M5.5 11.3a.7.7 0 1 0 .01 0zM12 11.3a.7.7 0 1 0 .01 0zM18.5 11.3a.7.7 0 1 0 .01 0z"],
  close: ["M6 6l12 12M18 6L6 18"],
  quoted: ["M10 7c-3 1-4.5 3-4.5 6V17H10v-4.5H7.5", "M19 7c-3 1-4.5 3-4.5 6V17H19v-4.5h-2.5"],
  written: ["M12 3.5l1.9 5.6 5.6 1.9-5.6 1.9L12 18.5l-1.9-5.6L4.5 11l5.6-1.9z", "M18.5 17v4M16.5 19h4"],
  none: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 8v5M12 16h.01"],
  attach: ["M19.5 11.5l-7.6 7.6a4.7 4.7 0 0 1-6.7-6.7l8-8a3.2 3.2 0 0 1 4.5 4.5l-7.8 7.8a1.6 1.6 0 0 1-2.3-2.3l7-7"],
  file: ["M6 3.5h8l4.5 4.5v12.5H6z", "M14 3.5V8h4.5"],
  swap: ["M4 8h15l-4-4", "M20 16H5l4 4"],
  keyboard: ["M3 7h18v11H3z", "M7 11h.01M10.5 11h.01M14 11h.01M17.5 11h.01M8 14.5h8"],
  shift: ["M12 4l8 8.5h-4.5V20h-7v-7.5H4z"],
  good: ["M3 11h4v9H3z", "M9.5 20V11l3.5-7.5c2 0 3 1.4 2.6 3.4L15 10.5h5.2c1 0 1.6 1 1.3 1.9l-2 6.2c-.2.8-.8 1.4-1.6 1.4z"],
  bad: ["M3 4h4v9H3z", "M9.5 4v9l3.5 7.5c2 0 3-1.4 2.6-3.4L15 13.5h5.2c1 0 1.6-1 1.3-1.9l-2-6.2C19.3 4.6 18.7 4 17.9 4z"],
  chat: ["M4 5h16v11.5H10L5.5 20v-3.5H4z", "M8 9h8M8 12.5h5"],
  translate: ["M3.5 6H13M8.2 3.5V6M11 6c-.7 4-3.3 7-7 8.8M5.8 9c1.2 2.6 3.3 4.6 6 5.8", "M12.5 20.5l4.2-10 4.3 10M14 17.2h5.5"],
  offline: ["M3 3l18 18", "M5 12.5a10 10 0 0 1 4.5-2.6M2.5 9a15 15 0 0 1 5-3.1M12 5a15 15 0 0 1 9.5 4M15.5 10.5a10 10 0 0 1 3.5 2M8.5 16a5 5 0 0 1 7 0M12 20h.01"],
};

export function icon(name) {
  const picture = document.createElementNS(SPACE, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  picture.setAttribute("class", "icon");
  for (const line of DRAWINGS[name]) {
    const path = document.createElementNS(SPACE, "path");
    path.setAttribute("d", line);
    picture.append(path);
  }
  return picture;
}

// A button that shows only an icon. Its name is for screen readers and appears when the pointer rests on it.
export function iconButton(name, label, act) {
  const element = button("", act, "icon-button");
  element.append(icon(name));
  rename(element, label);
  return element;
}

export function rename(element, label) {
  element.setAttribute("aria-label", label);
  element.title = label;
}

// Shows for a moment that a button did what it promises.
export function confirmed(element, name, label) {
  const [old, oldLabel] = [element.querySelector("svg"), element.getAttribute("aria-label")];
  old.replaceWith(icon("done"));
  rename(element, label);
  setTimeout(() => {
    element.querySelector("svg")?.replaceWith(icon(name));
    rename(element, oldLabel);
  }, 1500);
}

// Draws the icons of a page's own elements: `data-icon` names one.
export function drawIcons(root = document) {
  for (const element of root.querySelectorAll("[data-icon]")) {
    if (!element.querySelector("svg.icon")) element.prepend(icon(element.dataset.icon));
  }
}
