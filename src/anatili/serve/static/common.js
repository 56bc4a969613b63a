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

export const page = { words: {}, known: {}, code: "", script: "" };

export const word = (name) => shown(page.words[name] ?? name);

export const kept = {
  get: (name, other) => {
    try {
      return JSON.parse(localStorage.getItem(`anatili.${name}`)) ?? other;
    } catch {
      return other;
    }
  },
  // Returns whether it was stored: private windows and full storage refuse it.
  set: (name, value) => {
    try {
      localStorage.setItem(`anatili.${name}`, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
};

// What a reload of this tab must not lose and other tabs need not know.
export const tab = {
  get: (name, other) => {
    try {
      return JSON.parse(sessionStorage.getItem(`anatili.${name}`)) ?? other;
    } catch {
      return other;
    }
  },
  set: (name, value) => {
    try {
      sessionStorage.setItem(`anatili.${name}`, JSON.stringify(value));
    } catch {
      // a reload then loses it
    }
  },
};

// Drawn, because not every machine has a font with these symbols.
const DRAWINGS = {
  good: ["M2 11h4v9H2z", "M9 20V11l4-8c2 0 3 1.4 2.6 3.4L15 10h5.5c1 0 1.6 1 1.3 1.9l-2 7c-.2.7-.7 1.1-1.4 1.1z"],
  bad: ["M2 4h4v9H2z", "M9 4v9l4 8c2 0 3-1.4 2.6-3.4L15 14h5.5c1 0 1.6-1 1.3-1.9l-2-7c-.2-.7-.7-1.1-1.4-1.1z"],
  shift: ["M12 3l8 9h-4v8H8v-8H4z"],
};

export function drawing(name) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  for (const line of DRAWINGS[name]) {
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", line);
    picture.append(path);
  }
  return picture;
}

// On touch screens, a focused field opens a keyboard over half of the screen.
export const focusField = (id) => {
  if (!matchMedia("(pointer: coarse)").matches) byId(id).focus({ preventScroll: true });
};

// Text in the script that the reader chose. Only words of the language that has that script are changed.
export function shown(text, code = page.code) {
  const table = page.known.scripts?.[code]?.[page.script];
  if (!table) return text;
  return text.replace(/\p{L}+/gu, (found) => {
    const small = found.toLowerCase();
    let made = "";
    for (const letter of small) made += table[letter] ?? letter;
    if (made === small) return found;
    if (found.length > 1 && found === found.toUpperCase()) return made.toUpperCase();
    return found[0] === small[0] ? made : made.charAt(0).toUpperCase() + made.slice(1);
  });
}

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
    const place = alphabet.indexOf(letter);
    return place < 0 ? -1000 + letter.codePointAt(0) / 2000000 : place;
  };
  const [a, b] = [[...one.toLowerCase()], [...other.toLowerCase()]];
  for (let at = 0; at < Math.min(a.length, b.length); at++) if (a[at] !== b[at]) return rank(a[at]) - rank(b[at]);
  return a.length - b.length;
}

export class Refused extends Error {}

export async function ask(path, body, signal) {
  const key = sessionStorage.getItem("anatili.key");
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  if (answer.ok) return answer;
  if (answer.status === 401) {
    byId("with-key").hidden = false;
    byId("key").focus();
  }
  throw new Refused((await answer.json().catch(() => null))?.error?.message ?? `${answer.status}`);
}

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

export function highlighted(text, places, from = 0, to = Infinity) {
  const span = make("span");
  const letters = Array.from(text); // positions count characters, not UTF-16 units
  let last = from;
  for (const [start, end] of places) {
    if (start < last || end > to) continue;
    span.append(letters.slice(last, start).join(""), make("mark", letters.slice(start, end).join("")));
    last = end;
  }
  span.append(letters.slice(last, Math.min(to, letters.length)).join(""));
  return span;
}

export function origin(passage) {
  const line = make("span", "", "origin");
  if (/^https?:\/\//.test(passage.url)) {
    const link = make("a", passage.url);
    link.href = passage.url;
    link.rel = "noopener noreferrer nofollow";
    link.target = "_blank";
    line.append(link);
  } else {
    line.append(passage.url);
  }
  const facts = [passage.source, passage.license, passage.time && date(passage.time)].filter(Boolean);
  line.append(` · ${facts.join(" · ")}`);
  return line;
}

// Opens the passage in a dialog, with the quoted words marked.
export function openPassage(passage, places) {
  byId("passage-title").textContent = passage.title || passage.url;
  byId("passage").lang = passage.language;
  byId("passage-text").replaceChildren(highlighted(passage.text, places));
  byId("passage-origin").replaceChildren(origin(passage));
  byId("passage").showModal();
  byId("passage").querySelector("mark")?.scrollIntoView({ block: "center" });
}

export async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
    from.textContent = word("copied");
    setTimeout(() => (from.textContent = word("copy")), 1500);
  } catch {
    from.textContent = word("failed");
  }
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
