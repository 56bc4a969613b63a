// Conversations stored in this browser: their format, storing them, and writing them to and reading them from a file.

import { kept, make } from "./common.js";

const FORMAT = "anatili-chats-1";

const isText = (value) => typeof value === "string";
const isNumber = (value) => Number.isFinite(value);
const isStretch = (value) => Array.isArray(value) && value.length === 2 && value.every(isNumber);
const isThing = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (is) => (value) => Array.isArray(value) && value.every(is);
const maybe = (is) => (value) => value === undefined || value === null || is(value);

// The path of the first field of `value` that does not match `fields` (name -> what it must be); "" if all match.
function wrongIn(value, fields, path) {
  if (!isThing(value)) return path;
  for (const [name, is] of Object.entries(fields)) {
    const found = is.fields ? listWrong(value[name], is, `${path}.${name}`) : is(value[name]) ? "" : `${path}.${name}`;
    if (found) return found;
  }
  return "";
}

function listWrong(value, { fields, needed }, path) {
  if (value === undefined && !needed) return "";
  if (!Array.isArray(value)) return path;
  for (const [at, one] of value.entries()) {
    const found = wrongIn(one, fields, `${path}[${at}]`);
    if (found) return found;
  }
  return "";
}

const all = (fields, needed = true) => ({ fields, needed });
const PASSAGE = {
  title: isText, text: isText, url: isText, source: isText, license: isText, time: isText, language: isText,
  hits: listOf(isStretch), snippet: isStretch,
};
const EXTRA = { passages: all(PASSAGE, false), language: maybe(isText), notice: maybe(isText) };
const CITATION = { number: isNumber, quote: maybe(isText), start: maybe(isNumber), end: maybe(isNumber) };
const AFTER = { citations: all(CITATION, false), notice: maybe(isText), answer_language: maybe(isText) };
const TURN = {
  role: (value) => value === "user" || value === "assistant", content: isText, finish: maybe(isText),
  opinion: maybe(isText), speed: maybe(isNumber),
};

function wrongTurn(turn, path) {
  const parts = [["extra", EXTRA], ["after", AFTER]].filter(([name]) => turn?.[name] !== undefined);
  return wrongIn(turn, TURN, path) || parts.map(([name, fields]) => wrongIn(turn[name], fields, `${path}.${name}`)).find(Boolean) || "";
}

// The path of the first field that differs from what this page writes; "" if there is none.
export function wrongChat(chat, path = "chat") {
  const found = wrongIn(chat, { number: isNumber, time: isText, turns: (turns) => Array.isArray(turns) && turns.length > 0 }, path);
  return found || chat.turns.map((turn, at) => wrongTurn(turn, `${path}.turns[${at}]`)).find(Boolean) || "";
}

export const chats = () => {
  const found = kept.get("chats", []);
  return Array.isArray(found) ? found.filter((chat) => !wrongChat(chat)) : [];
};

// These two return whether there was room.
export const keepChat = (chat) => kept.set("chats", [chat, ...chats().filter((one) => one.number !== chat.number)]);
export const dropChat = (number) => kept.set("chats", chats().filter((one) => one.number !== number));

export function save() {
  const content = JSON.stringify({ format: FORMAT, generated_by_ai: true, chats: chats() }, null, 1);
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = "anatili-chats.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

// Imports the conversations of a file, all or none. Returns the key of a message about the result, and the error.
export async function load(file) {
  let found;
  try {
    found = JSON.parse(await file.text());
  } catch {
    return ["import_failed", ""];
  }
  if (found?.format !== FORMAT || !Array.isArray(found.chats)) return ["import_failed", ""];
  const wrong = found.chats.map((chat, at) => wrongChat(chat, `chats[${at}]`)).find(Boolean);
  if (wrong) return ["import_wrong", wrong];
  const known = new Set(chats().map((chat) => chat.number));
  const fresh = found.chats.filter((chat) => !known.has(chat.number) && known.add(chat.number));
  return [kept.set("chats", [...chats(), ...fresh]) ? "imported" : "not_kept", ""];
}
