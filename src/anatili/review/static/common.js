// What all parts of the page share: elements, words in the reader's language, requests to the server.
// Texts of models and people are inserted as text, never as HTML.

export const byId = (id) => document.getElementById(id);

export const page = { words: {}, known: {}, code: "", name: "" };

export const word = (key, values = {}) =>
  (page.words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

export function make(tag, text = "", className = "") {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (className) element.className = className;
  return element;
}

// Text in a language that may not be the page's.
export function spoken(tag, text, lang, className = "") {
  const element = make(tag, text, className);
  element.lang = lang;
  return element;
}

export function button(text, act, className = "") {
  const element = make("button", text, className);
  element.type = "button";
  element.addEventListener("click", act);
  return element;
}

// A radio button or checkbox with its label; `hint` stands below it, `key` is the key that chooses it.
export function choice(type, name, value, text, { hint = "", key = "", lang = "", marks = [] } = {}) {
  const label = make("label", "", "choice");
  const input = make("input");
  Object.assign(input, { type, name, value });
  const shown = make("span", "", "text");
  shown.append(lang ? spoken("span", text, lang) : make("b", text));
  for (const mark of marks) shown.append(" ", make("span", mark, "mark"));
  if (hint) shown.append(make("small", hint));
  label.append(input, shown);
  if (key) {
    const shortcut = make("kbd", key);
    shortcut.setAttribute("aria-hidden", "true");
    label.append(shortcut);
  }
  return label;
}

// A reader of tables in Kazakh expects a decimal comma; browsers lack its number format, so it comes from the pack.
export function number(value, digits = 2) {
  if (value === null || value === undefined) return "–";
  const { decimal = "." } = page.known.formats?.[page.code] ?? {};
  return (Number.isInteger(value) ? String(value) : value.toFixed(digits)).replace(".", decimal);
}

export const kept = {
  get: (name, other) => {
    try {
      return JSON.parse(localStorage.getItem(`anatili.review.${name}`)) ?? other;
    } catch {
      return other;
    }
  },
  set: (name, value) => {
    try {
      localStorage.setItem(`anatili.review.${name}`, JSON.stringify(value));
    } catch {
      // a private window: the choice lasts as long as the page
    }
  },
};

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// Sends to the server; `Refused` with its sentence if it refuses, or if it does not answer.
export async function ask(path, body) {
  const key = sessionStorage.getItem("anatili.key");
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refused(0, word("no_server"));
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    byId("with-key").hidden = false;
    byId("key").focus();
  }
  throw new Refused(answer.status, (await answer.json().catch(() => null))?.error?.message ?? `${answer.status}`);
}

let clearing = 0;

// Says something to everybody: good news for a while, what is wrong until the next message.
export function tell(text, isGood = false) {
  clearTimeout(clearing);
  byId("status").textContent = text;
  byId("status").className = isGood ? "good" : "";
  if (isGood) clearing = setTimeout(() => tell(""), 4000);
}

// Carries out `work`; says so if it fails, and returns whether it did not.
export async function trying(work) {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    tell(`${word("failed")} ${error.message}`);
    return false;
  }
}

export function save(name, text, type) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
