// The list of conversations: search, open, rename, share, delete with a way back; all to a file and from one.

import { current, newChat, onChange, openChat, renameChat } from "./chat.js";
import { chats, dropChat, keepChat, load, save, titleOf, visible } from "./chats.js";
import { byId, date, download, kept, make, shown, word } from "./common.js";
import { iconButton } from "./icons.js";

const NARROW = matchMedia("(max-width: 56rem)");
let renaming = 0;
let opened = 0; // the conversation whose menu is open

export function showSidebar() {
  drawList();
  place();
}

const matches = (chat, sought) =>
  !sought || [titleOf(chat), ...chat.messages.map(({ content }) => content)].some((text) => text.toLocaleLowerCase().includes(sought));

export function drawList() {
  const sought = byId("chat-search").value.trim().toLocaleLowerCase();
  const found = chats().filter((chat) => matches(chat, sought));
  const rows = [];
  let day = "";
  for (const chat of found) {
    const name = dayOf(chat.time);
    if (name !== day) rows.push(make("li", name, "day"));
    day = name;
    rows.push(row(chat));
  }
  byId("chats").replaceChildren(...rows);
  byId("no-chats").hidden = found.length > 0;
  byId("no-chats").textContent = word(sought ? "chats_not_found" : "no_chats");
}

function dayOf(time) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const then = new Date(time).getTime();
  if (then >= midnight) return word("today");
  return then >= midnight - 86400000 ? word("yesterday") : date(time);
}

function row(chat) {
  const item = make("li", "", "chat-row");
  const title = titleOf(chat);
  if (renaming === chat.number) {
    item.append(renameForm(chat, title));
    return item;
  }
  const opener = make("button", shown(title), "chat-open");
  opener.type = "button";
  opener.dir = "auto";
  if (chat.number === current().number) opener.setAttribute("aria-current", "true");
  opener.addEventListener("click", () => {
    location.hash = "#chat";
    opened = 0;
    openChat(chat.number);
    drawList();
    if (NARROW.matches) toggle(false);
  });
  const more = iconButton("more", `${word("actions")}: ${title}`, () => {
    opened = opened === chat.number ? 0 : chat.number;
    drawList();
    byId("chats").querySelector(opened ? ".chat-menu button" : ".chat-row [aria-current] ~ button")?.focus();
  });
  more.setAttribute("aria-expanded", String(opened === chat.number));
  item.append(opener, more);
  if (opened === chat.number) item.append(menu(chat, title));
  return item;
}

function menu(chat, title) {
  const box = make("div", "", "chat-menu");
  const entry = (name, label, act) => {
    const element = iconButton(name, `${word(label)}: ${title}`, act);
    element.append(make("span", word(label)));
    box.append(element);
  };
  entry("edit", "rename", () => {
    [renaming, opened] = [chat.number, 0];
    drawList();
    byId("chats").querySelector("input").select();
  });
  entry("save", "share", () => share(chat));
  entry("remove", "remove", () => remove(chat));
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    opened = 0;
    drawList();
  });
  return box;
}

function renameForm(chat, title) {
  const form = make("form", "", "rename");
  const field = make("input");
  field.value = title;
  field.maxLength = 80;
  field.setAttribute("aria-label", word("chat_title"));
  const end = (isKept) => {
    if (renaming !== chat.number) return;
    renaming = 0;
    if (isKept && field.value.trim()) {
      chat.title = field.value.trim();
      renameChat(chat.number, chat.title);
      byId("not-kept").hidden = keepChat(chat);
    }
    drawList();
  };
  form.append(field);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    end(true);
  });
  field.addEventListener("keydown", (event) => event.key === "Escape" && (event.stopPropagation(), end(false)));
  field.addEventListener("blur", () => end(true));
  return form;
}

function remove(chat) {
  const wasOpen = chat.number === current().number;
  dropChat(chat.number);
  opened = 0;
  if (wasOpen) newChat();
  drawList();
  tell(word("removed"), word("undo"), () => {
    byId("not-kept").hidden = keepChat(chat);
    drawList();
    if (wasOpen) openChat(chat.number);
    tell("");
  });
}

// A line in the sidebar about what was done, with a button that undoes it.
function tell(text, label = "", act = null) {
  const line = byId("chats-status");
  line.textContent = text;
  if (!label) return;
  const undo = make("button", label);
  undo.type = "button";
  undo.addEventListener("click", act);
  line.append(" ", undo);
}

// One conversation as a text that people can read, with its sources.
function share(chat) {
  const lines = [`# ${titleOf(chat)}`, "", `*${word("made_by_ai")} · anatili · ${date(chat.time)}*`, ""];
  for (const message of visible(chat)) {
    lines.push(`## ${word(message.role === "user" ? "your_question" : "answer")}`, "", shown(message.content), "");
    const passages = message.extra?.passages ?? [];
    const cited = new Set((message.after?.citations ?? []).map((citation) => citation.number));
    for (const [at, passage] of passages.entries()) {
      if (cited.has(at + 1)) lines.push(`[${at + 1}] ${passage.title}. ${passage.url} ${passage.license}`.trim(), "");
    }
  }
  const name = titleOf(chat).replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40) || "anatili";
  const file = new File([lines.join("\n")], `${name}.md`, { type: "text/markdown" });
  opened = 0;
  drawList();
  if (matchMedia("(pointer: coarse)").matches && navigator.canShare?.({ files: [file] })) navigator.share({ files: [file] }).catch(() => {});
  else download(file.name, file, file.type);
}

// On narrow screens the list lies over the page and is closed at first; on wide ones it stands beside it.
function place() {
  toggle(NARROW.matches ? false : kept.get("sidebar", true), true);
}

function toggle(isOpen, isQuiet = false) {
  document.body.classList.toggle("with-side", isOpen);
  byId("side").inert = !isOpen;
  byId("side-toggle").setAttribute("aria-expanded", String(isOpen));
  byId("veil").hidden = !(isOpen && NARROW.matches);
  if (isQuiet) return;
  if (!NARROW.matches) kept.set("sidebar", isOpen);
  else if (isOpen) byId("side-close").focus();
  else byId("side-toggle").focus();
}

onChange(drawList);
document.addEventListener("click", (event) => {
  if (!opened || event.target.closest(".chat-row") || !event.target.isConnected) return;
  opened = 0;
  drawList();
});
NARROW.addEventListener("change", place);
byId("side-toggle").addEventListener("click", () => toggle(!document.body.classList.contains("with-side")));
byId("side-close").addEventListener("click", () => toggle(false));
byId("veil").addEventListener("click", () => toggle(false));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byId("veil").hidden) toggle(false);
});
for (const id of ["new", "new-small"]) {
  byId(id).addEventListener("click", () => {
    location.hash = "#chat";
    if (NARROW.matches) toggle(false, true);
    newChat();
    drawList();
  });
}
byId("chat-search").addEventListener("input", drawList);
for (const id of ["export", "export-now"]) {
  byId(id).addEventListener("click", () => {
    const others = chats().filter((chat) => chat.number !== current().number);
    save(current().messages.length ? [current(), ...others] : others); // the open one may not have been stored
  });
}
byId("import").addEventListener("click", () => byId("import-file").click());
byId("import-file").addEventListener("change", async (event) => {
  if (event.target.files[0]) {
    const [name, wrong] = await load(event.target.files[0]);
    drawList();
    tell(`${word(name)} ${wrong}`.trim());
  }
  event.target.value = ""; // so that the same file can be chosen again
});
addEventListener("storage", (event) => event.key?.startsWith("anatili.chat.") && drawList());
