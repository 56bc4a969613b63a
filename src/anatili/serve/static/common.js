// What all views share: elements, interface texts, numbers and dates in each language's format, requests to the server.
// Anything from outside is inserted as text, never as HTML.

export const byId = (id) => document.getElementById(id);

export const make = (tag, text = "", className = "") => {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (className) element.className = className;
  return element;
};

export const button = (text, act, className = "") => {
  const element = make("button", text, className);
  element.type = "button";
  element.addEventListener("click", act);
  return element;
};

// `headers` go with every request; the view of own documents puts its session there.
export const page = { words: {}, known: {}, code: "", script: "", headers: {} };

export const word = (name) => shown(page.words[name] ?? name);

const store = (storage) => ({
  get: (name, other) => {
    try {
      return JSON.parse(storage().getItem(`anatili.${name}`)) ?? other;
    } catch {
      return other;
    }
  },
  // Returns whether it was stored: private windows and full storage refuse it.
  set: (name, value) => {
    try {
      storage().setItem(`anatili.${name}`, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
  drop: (name) => {
    try {
      storage().removeItem(`anatili.${name}`);
    } catch {
      // then nothing was stored either
    }
  },
});

// What stays in this browser, and what only a reload of this tab must not lose.
export const kept = store(() => localStorage);
export const tab = store(() => sessionStorage);

// On touch screens, a focused field opens a keyboard over half of the screen.
export const isTouch = () => matchMedia("(pointer: coarse)").matches;
export const focusField = (id) => {
  if (!isTouch()) byId(id).focus({ preventScroll: true });
};

// Text in the script that the reader chose. Only words of the language that has that script are changed.
export function shown(text, code = page.code) {
  const rules = page.known.scripts?.[code]?.[page.script];
  if (!rules) return text;
  return text.replace(/\p{L}+/gu, (written) => {
    const small = written.toLowerCase();
    let made = "";
    for (const letter of small) made += rules.table[letter] ?? letter;
    if (made === small) return written;
    const has = (letters) => [...letters].some((letter) => small.includes(letter));
    if (rules.prefix && has(rules.prefix_if) && !has(rules.prefix_unless)) made = rules.prefix + made;
    if (written.length > 1 && written === written.toUpperCase()) return made.toUpperCase();
    return written[0] === small[0] ? made : made.charAt(0).toUpperCase() + made.slice(1);
  });
}

// Whether text of a language is written from right to left in the script that the reader chose.
export const direction = (code = page.code) => (page.known.scripts?.[code]?.[page.script]?.right_to_left ? "rtl" : "ltr");

// A name at the beginning of a line or in a list of choices.
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
export const languageName = (code) => capital(shown(page.known.languages?.[code] ?? code, code));

// Browsers lack Kazakh locale data, so number formats, date formats and sort order come from the language pack.
export const number = (value) => {
  const { decimal = ".", group = "," } = page.known.formats?.[page.code] ?? {};
  const [whole, rest] = String(value).split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, group) + (rest ? decimal + rest : "");
};

export function date(time) {
  const { months, date: form } = page.known.formats?.[page.code] ?? {};
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)/.exec(time) ?? [];
  if (!day || !months) return time;
  return shown(form.replace("{year}", year).replace("{month}", months[month - 1]).replace("{day}", String(Number(day))));
}

export function compare(one, other) {
  const alphabet = page.known.alphabets?.[page.code] ?? "";
  const rank = (letter) => {
    const at = alphabet.indexOf(letter);
    if (at >= 0) return at;
    return (/\p{L}/u.test(letter) ? 1000 : -1000) + letter.codePointAt(0) / 2000000; // letters of other scripts come last
  };
  const [a, b] = [[...one.toLowerCase()], [...other.toLowerCase()]];
  for (let at = 0; at < Math.min(a.length, b.length); at++) if (a[at] !== b[at]) return rank(a[at]) - rank(b[at]);
  return a.length - b.length;
}

// The server answered, and refused.
export class Refused extends Error {
  constructor(message, status, details = {}) {
    super(message);
    [this.status, this.code, this.details] = [status, details.code, details];
  }
}

// What to tell the reader about an error: in the page's words for what visitors meet most, else in the server's own, or
// that there is no connection.
export function reasonOf(error) {
  if (!(error instanceof Refused)) return word("no_server");
  const name = `error_${error.status}`;
  return name in page.words ? word(name) : error.message;
}

// Tells whoever listens whether the server could be reached.
export const connection = new EventTarget();
const reached = (is) => connection.dispatchEvent(new CustomEvent("change", { detail: is }));

const keyHeaders = () => {
  const key = sessionStorage.getItem("anatili.key");
  return key ? { Authorization: `Bearer ${key}` } : {};
};

export async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...keyHeaders(), ...page.headers, ...options.headers } });
  } catch (error) {
    if (error.name !== "AbortError") reached(false);
    throw error;
  }
  reached(true);
  if (answer.ok) return answer;
  if (answer.status === 401) {
    byId("with-key").hidden = false;
    if (byId("key-wrong")) byId("key-wrong").hidden = !keyHeaders().Authorization; // without it the form comes back in silence
    byId("key").focus();
  }
  const details = (await answer.json().catch(() => null))?.error ?? {};
  throw new Refused(details.message ?? `${answer.status}`, answer.status, details);
}

export const ask = (path, body, signal) =>
  request(path, body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal } : { signal });

export async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (!part.startsWith("data: ") || part === "data: [DONE]") continue;
      const event = JSON.parse(part.slice(6));
      if (event.error) throw new Refused(event.error.message);
      yield event;
    }
  }
}

// Copies a text. Browsers offer the clipboard only to secure pages; on others the selection is copied.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = make("textarea", text, "unseen");
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

export function download(name, content, type) {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function choices(select, values, chosen) {
  select.replaceChildren(
    ...values.map(([value, text, lang]) => {
      const option = make("option", text);
      option.value = value;
      if (lang) option.lang = lang;
      return option;
    }),
  );
  if (values.some(([value]) => value === chosen)) select.value = chosen;
}
