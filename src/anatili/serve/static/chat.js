// Chat: streamed answers with sources; stop, ask again, go on, edit. Nothing that was asked or answered is lost.

import { answerBox, questionBox, questionEditor, updateAnswer } from "./answer.js";
import { add, chats, freshChat, keepChat, show, siblings, visible, withdraw } from "./chats.js";
import { ask, byId, events, focusField, isTouch, make, page, reasonOf, tab, word } from "./common.js";
import { onScope, whenRead } from "./documents.js";
import { icon } from "./icons.js";
import { silence, whenVoicesChange } from "./speech.js";
import { drawWelcome } from "./welcome.js";

const SAVE_EVERY = 2000; // milliseconds between two savings of an answer that is coming
const SAY_EVERY = 3000; // milliseconds between two announcements of it for screen readers

let chat = freshChat();
let running = null; // { controller, message, view }
let trouble = null; // { text, retry }: why the last answer did not come
let editing = null; // the question that is being edited
let follows = false; // whether to keep the newest words in view: until the reader scrolls away
let changed = () => {}; // tells the list of conversations

export const onChange = (act) => (changed = act);
export const current = () => chat;

export function showChat() {
  draw();
  byId("send").title = word("send");
}

// Stores the conversation in this browser. If there is no room, the page says so until there is.
function keep() {
  if (!chat.messages.length) return;
  chat.number ||= Date.now();
  chat.time = new Date().toISOString();
  byId("not-kept").hidden = keepChat(chat);
  changed();
}

// What a reload must not lose: which conversation is open, and an answer in progress.
export function holdChat() {
  tab.set("open", chat.number);
  if (running) keep();
}

export function reopenChat() {
  const open = chats().find((other) => other.number === tab.get("open", 0));
  if (open) take(open);
  byId("not-kept").hidden = !tab.get("unsaved");
}

function take(opened) {
  chat = opened;
  for (const message of chat.messages) if (message.role === "assistant" && !message.finish) message.finish = "broken";
}

export function openChat(number) {
  const open = chats().find((other) => other.number === number);
  if (!open) return;
  leave();
  take(open);
  follows = false;
  draw();
  toNewest();
  focusField("question");
}

export function newChat() {
  leave();
  chat = freshChat();
  draw();
  say("");
  focusField("question");
}

// The open conversation was renamed in the list, or deleted.
export function renameChat(number, title) {
  if (number === chat.number) chat.title = title;
}

const say = (text) => (byId("status").textContent = text);

function draw() {
  const path = visible(chat);
  const log = byId("log");
  log.classList.toggle("empty", !path.length);
  if (!path.length) {
    drawWelcome(log, submit);
    byId("to-end").hidden = true;
    return;
  }
  log.replaceChildren(...path.map((message, at) => box(message, at === path.length - 1)));
  if (trouble) log.append(troubleBox());
  log.append(make("div", "", "room"));
  makeRoom();
}

function box(message, isLast) {
  const group = siblings(chat, message);
  const at = group.indexOf(message);
  const versions = { at, count: group.length, go: (other) => switchTo(group[other]) };
  if (message === editing) return questionEditor(message, (text) => resend(message, text), stopEditing);
  if (message.role === "user") return questionBox(message, { versions, edit: () => edit(message) });
  const isComing = running?.message === message;
  const view = answerBox(message, {
    versions, isLast, isComing, question: chat.messages.find((other) => other.id === message.parent)?.content ?? "",
    again: () => again(message), goOn: () => goOn(message), judge: (opinion) => judge(message, opinion),
  });
  if (isComing) running.view = view;
  return view.box;
}

function troubleBox() {
  const element = make("div", "", "trouble");
  element.append(icon("none"), make("p", trouble.text));
  const retry = make("button", word("retry"));
  retry.type = "button";
  retry.addEventListener("click", trouble.retry);
  element.append(retry);
  return element;
}

function switchTo(message) {
  leave();
  show(chat, message);
  keep();
  draw();
}

function edit(message) {
  leave();
  editing = message;
  draw();
  byId("log").querySelector(".editor textarea").focus();
}

function stopEditing() {
  editing = null;
  draw();
  focusField("question");
}

function resend(message, text) {
  editing = null;
  add(chat, message.parent, { role: "user", content: text });
  answer();
}

function judge(message, opinion) {
  message.opinion = message.opinion === opinion ? "" : opinion;
  keep();
  draw();
  if (message.opinion && page.known.feedback) send(message).catch(() => {}); // the rating is kept here in any case
}

// Tells the operator how an answer was rated: without any text, and once.
async function send(message) {
  const rating = message.opinion === "good" ? "up" : "down";
  if (message.sent === rating) return;
  message.sent = rating;
  const cited = new Set((message.after?.citations ?? []).map(({ number }) => number));
  const passages = (message.extra?.passages ?? []).filter((_, at) => cited.has(at + 1)).map(({ id }) => id).filter(Boolean);
  await ask("/feedback", { rating, language: message.extra?.language ?? "", passages: passages.slice(0, 8) });
}

// Room below the newest question, so that it can stand at the top of the view while its answer comes.
function makeRoom() {
  const log = byId("log");
  const last = [...log.querySelectorAll(".question")].at(-1);
  const room = log.querySelector(".room");
  if (!last || !room) return;
  const used = room.offsetTop - last.offsetTop;
  room.style.height = `${Math.max(0, log.clientHeight - used - 24)}px`;
}

// Puts the newest question at the top, or as much further up as the last words of its answer need to be in view.
function toNewest() {
  const log = byId("log");
  const last = [...log.querySelectorAll(".question")].at(-1);
  if (!last) return;
  makeRoom();
  const words = [...log.querySelectorAll(".words")].at(-1);
  const end = words ? words.offsetTop + words.offsetHeight + 24 : 0;
  log.scrollTop = Math.max(last.offsetTop - 12, follows ? end - log.clientHeight : 0);
}

function toEnd() {
  const log = byId("log");
  log.scrollTop = log.querySelector(".room").offsetTop - log.clientHeight + 12;
}

function watchScroll() {
  const log = byId("log");
  const end = log.querySelector(".room")?.offsetTop ?? 0;
  byId("to-end").hidden = end - log.scrollTop - log.clientHeight < 80;
}

// Asks for an answer to the newest question. If nothing of it comes, it leaves no trace.
function answer() {
  const path = visible(chat);
  const message = add(chat, chat.shown, { role: "assistant", content: "" });
  stream(message, path, () => withdraw(chat, message));
}

function again(message) {
  show(chat, chat.messages.find((other) => other.id === message.parent));
  chat.shown = message.parent;
  answer();
}

function goOn(message) {
  const { finish } = message;
  message.finish = "";
  stream(message, visible(chat), () => (message.finish = finish));
}

// Streams the answer to `path` into `message`; `undo` if nothing of it came.
async function stream(message, path, undo) {
  leave();
  trouble = null;
  const mine = (running = { controller: new AbortController(), message, view: null });
  keep();
  draw();
  follows = true;
  working(true);
  toNewest();
  const spoken = announcer(message.content.length);
  const [began, before] = [performance.now(), message.content];
  let [pieces, saved, waits] = [0, began, false];
  const redraw = () => {
    waits = false;
    if (running !== mine) return;
    updateAnswer(mine.view, message, { isComing: true });
    if (follows) toNewest();
  };
  let error = null;
  try {
    await whenRead();
    mine.controller.signal.throwIfAborted();
    const body = { messages: path.map(({ role, content }) => ({ role, content })), stream: true, stream_options: { include_usage: true } };
    for await (const event of events(await ask("/v1/chat/completions", body, mine.controller.signal))) {
      if (event.anatili?.passages) message.extra = event.anatili;
      else if (event.anatili) message.after = event.anatili;
      const choice = event.choices?.[0];
      message.content += choice?.delta?.content ?? "";
      message.finish = choice?.finish_reason ?? message.finish;
      pieces = event.usage?.completion_tokens ?? pieces;
      spoken.hear(message.content);
      if (!waits) waits = requestAnimationFrame(redraw);
      if (performance.now() - saved > SAVE_EVERY && running === mine) {
        saved = performance.now();
        keep();
      }
    }
    if (pieces > 1) message.speed = Math.round((10000 * pieces) / (performance.now() - began)) / 10;
    if (!message.finish) throw new TypeError("the answer broke off");
  } catch (problem) {
    error = problem;
  }
  if (running !== mine) return; // another conversation was opened meanwhile; `leave` kept what had come
  running = null;
  settle(message, error, message.content.length > before.length, undo);
  spoken.end(message.content);
  working(false);
  keep();
  draw();
  if (follows) toNewest();
  watchScroll();
}

// After the last words, or after an error: what is kept, and what the reader is told.
function settle(message, error, hasMore, undo) {
  if (!error) return say(word("ready"));
  const stopped = error.name === "AbortError";
  if (hasMore) message.finish = stopped ? "stopped" : "broken";
  else undo();
  if (stopped) return say(word("stopped"));
  const text = `${word("answer_failed")} ${reasonOf(error)}`;
  const retry = hasMore ? () => goOn(message) : chat.shown === message.id ? () => goOn(message) : retryLast;
  trouble = { text, retry };
  return say(text);
}

function retryLast() {
  const last = visible(chat).at(-1);
  if (last.role === "user") answer();
  else again(last);
}

// Whole sentences of an answer for screen readers, not more often than they can be followed.
function announcer(from) {
  let [heard, last] = [from, performance.now()];
  const tell = (text) => (byId("announce").textContent = text.replace(/\[\d{1,2}\]/g, ""));
  return {
    hear(content) {
      if (performance.now() - last < SAY_EVERY) return;
      const end = Math.max(...[...".!?…\n"].map((mark) => content.lastIndexOf(mark))) + 1;
      if (end <= heard) return;
      tell(content.slice(heard, end));
      [heard, last] = [end, performance.now()];
    },
    end: (content) => tell(content.slice(heard)),
  };
}

function working(now) {
  byId("send").hidden = now;
  byId("stop").hidden = !now;
  if (now) say(word("working"));
  byId("log").setAttribute("aria-busy", String(now));
  if (!now && [byId("stop"), document.body].includes(document.activeElement)) focusField("question");
}

// Stops the answer in progress and keeps what has arrived of it.
function leave() {
  trouble = null;
  editing = null;
  silence();
  if (!running) return;
  const { controller, message } = running;
  running = null;
  controller.abort();
  if (message.content) message.finish ||= "stopped";
  else withdraw(chat, message);
  working(false);
  keep();
}

function submit(content) {
  leave();
  add(chat, chat.shown, { role: "user", content });
  if (isTouch()) byId("question").blur(); // the on-screen keyboard would hide the answer
  answer();
}

// The field grows with its text.
export function fit() {
  const field = byId("question");
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = byId("question").value.trim();
  if (!content || running) return;
  byId("question").value = "";
  fit();
  submit(content);
});
byId("question").addEventListener("input", fit);
byId("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("ask").requestSubmit();
});
byId("stop").addEventListener("click", () => running?.controller.abort());
byId("to-end").addEventListener("click", toEnd);
byId("log").addEventListener("scroll", watchScroll, { passive: true });
byId("log").addEventListener("keydown", (event) => {
  if (["PageUp", "Home", "ArrowUp"].includes(event.key)) follows = false;
});
for (const kind of ["wheel", "touchmove"]) byId("log").addEventListener(kind, () => (follows = false), { passive: true });
addEventListener("resize", makeRoom);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) running?.controller.abort();
});
// Whoever begins to type without having chosen a field means the question.
addEventListener("keydown", (event) => {
  const isLetter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (isLetter && event.target === document.body && !byId("chat").hidden) byId("question").focus();
});
addEventListener("beforeunload", (event) => {
  if (!byId("not-kept").hidden) event.preventDefault();
});
onScope(() => page.code && !visible(chat).length && draw()); // which first questions fit
whenVoicesChange(() => page.code && !running && !editing && draw());
