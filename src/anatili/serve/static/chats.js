// Conversations: trees of messages, stored in this browser. Editing a question or asking again adds a sibling, so that
// nothing that was written is lost.

import { download, kept, tab } from "./common.js";

const FORMAT = "anatili-conversations-1";
const KEY = "chat.";

export const freshChat = () => ({ number: 0, title: "", time: "", shown: 0, messages: [] });

// The messages from the first to the one that is shown last.
export function visible(chat) {
  const byNumber = new Map(chat.messages.map((message) => [message.id, message]));
  const path = [];
  for (let message = byNumber.get(chat.shown); message; message = byNumber.get(message.parent)) path.unshift(message);
  return path;
}

export const siblings = (chat, message) => chat.messages.filter((other) => other.parent === message.parent);

// Adds a message after `parent` (0: at the beginning) and shows it.
export function add(chat, parent, fields) {
  const id = 1 + chat.messages.reduce((most, message) => Math.max(most, message.id), 0);
  const message = { id, parent, ...fields };
  chat.messages.push(message);
  chat.shown = id;
  return message;
}

// Shows a message with what was last written after it.
export function show(chat, message) {
  let last = message;
  for (let next = last; next; next = chat.messages.findLast((other) => other.parent === last.id)) last = next;
  chat.shown = last.id;
}

// Takes out a message that never got any text; the sibling written before it is shown instead.
export function withdraw(chat, message) {
  const others = siblings(chat, message).filter((other) => other !== message);
  chat.messages = chat.messages.filter((other) => other !== message);
  if (others.length) show(chat, others.at(-1));
  else chat.shown = message.parent;
}

export const titleOf = (chat) => chat.title || (visible(chat)[0] ?? chat.messages[0])?.content.slice(0, 80) || "";

const isText = (value) => typeof value === "string";
const isNumber = (value) => Number.isFinite(value);
const isStretch = (value) => Array.isArray(value) && value.length === 2 && value.every(isNumber);
const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (is) => (value) => Array.isArray(value) && value.every(is);
const maybe = (is) => (value) => value === undefined || value === null || is(value);

// The path of the first field of `value` that does not match `fields` (name -> what it must be); "" if all match.
function wrongIn(value, fields, path) {
  if (!isTable(value)) return path;
  for (const [name, is] of Object.entries(fields)) {
    const wrong = is.fields ? listWrong(value[name], is, `${path}.${name}`) : is(value[name]) ? "" : `${path}.${name}`;
    if (wrong) return wrong;
  }
  return "";
}

function listWrong(value, { fields, needed }, path) {
  if (value === undefined && !needed) return "";
  if (!Array.isArray(value)) return path;
  for (const [at, row] of value.entries()) {
    const wrong = wrongIn(row, fields, `${path}[${at}]`);
    if (wrong) return wrong;
  }
  return "";
}

const all = (fields, needed = true) => ({ fields, needed });
const PASSAGE = {
  title: isText, text: isText, url: isText, source: isText, license: isText, time: isText, language: isText,
  hits: listOf(isStretch), snippet: isStretch,
};
const EXTRA = { passages: all(PASSAGE, false), nearest: all(PASSAGE, false), language: maybe(isText), notice: maybe(isText) };
const CITATION = { number: isNumber, quote: maybe(isText), start: maybe(isNumber), end: maybe(isNumber) };
const AFTER = { citations: all(CITATION, false), notice: maybe(isText), answer_language: maybe(isText) };
const MESSAGE = {
  id: (value) => isNumber(value) && value > 0, parent: isNumber,
  role: (value) => value === "user" || value === "assistant", content: isText, finish: maybe(isText),
  opinion: maybe(isText), sent: maybe(isText), speed: maybe(isNumber),
};
const CHAT = {
  number: isNumber, title: isText, time: isText, shown: isNumber,
  messages: (messages) => Array.isArray(messages) && messages.length > 0,
};

function wrongMessage(message, path) {
  const parts = [["extra", EXTRA], ["after", AFTER]].filter(([name]) => message?.[name] !== undefined);
  const inner = () => parts.map(([name, fields]) => wrongIn(message[name], fields, `${path}.${name}`)).find(Boolean);
  return wrongIn(message, MESSAGE, path) || inner() || "";
}

// The path of the first field that differs from what this page writes; "" if there is none.
export function wrongChat(chat, path = "chat") {
  const wrong = wrongIn(chat, CHAT, path) || chat.messages.map((message, at) => wrongMessage(message, `${path}.messages[${at}]`)).find(Boolean);
  if (wrong) return wrong;
  const earlier = new Set([0]);
  for (const [at, message] of chat.messages.entries()) {
    if (!earlier.has(message.parent) || earlier.has(message.id)) return `${path}.messages[${at}].parent`;
    earlier.add(message.id);
  }
  return chat.shown && earlier.has(chat.shown) ? "" : `${path}.shown`;
}

// All stored conversations, the newest first.
export function chats() {
  let names = [];
  try {
    names = Object.keys(localStorage).filter((name) => name.startsWith(`anatili.${KEY}`));
  } catch {
    // the browser stores nothing
  }
  const stored = names.map((name) => kept.get(name.slice("anatili.".length))).filter((chat) => chat && !wrongChat(chat));
  const unsaved = tab.get("unsaved");
  if (unsaved && !wrongChat(unsaved)) stored.unshift(unsaved);
  const byNumber = new Map();
  for (const chat of stored) if (!byNumber.has(chat.number)) byNumber.set(chat.number, chat);
  return [...byNumber.values()].sort((one, other) => (one.time < other.time ? 1 : -1));
}

// Returns whether there was room. If there was none, a reload of this tab still does not lose the conversation.
export function keepChat(chat) {
  const done = kept.set(KEY + chat.number, chat);
  if (!done) tab.set("unsaved", chat);
  else if (tab.get("unsaved")?.number === chat.number) tab.drop("unsaved");
  return done;
}

export function dropChat(number) {
  kept.drop(KEY + number);
  if (tab.get("unsaved")?.number === number) tab.drop("unsaved");
}

export const save = (list) =>
  download("anatili-conversations.json", JSON.stringify({ format: FORMAT, generated_by_ai: true, chats: list }, null, 1), "application/json");

// Imports the conversations of a file, all or none. Returns the key of a message about the result, and the error.
export async function load(file) {
  let content;
  try {
    content = JSON.parse(await file.text());
  } catch {
    return ["import_failed", ""];
  }
  if (content?.format !== FORMAT || !Array.isArray(content.chats)) return ["import_failed", ""];
  const wrong = content.chats.map((chat, at) => wrongChat(chat, `chats[${at}]`)).find(Boolean);
  if (wrong) return ["import_wrong", wrong];
  const known = new Set(chats().map((chat) => chat.number));
  const added = [];
  for (const chat of content.chats) {
    if (known.has(chat.number)) continue;
    if (!kept.set(KEY + chat.number, chat)) {
      for (const number of added) kept.drop(KEY + number);
      return ["not_kept", ""];
    }
    known.add(chat.number);
    added.push(chat.number);
  }
  return ["imported", ""];
}
