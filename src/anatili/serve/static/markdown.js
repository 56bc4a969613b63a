// Markdown as elements: headings, lists, tables, quotations, code, emphasis and links. Every element is built here and
// all text is inserted as text, so nothing in it can become markup. Images are not loaded: they are shown as links.

import { make } from "./common.js";

const DEEPEST = 8; // nesting of lists and quotations; anything deeper stays as it was written
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]{0,30})/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*)$/;
const RULE = /^ {0,3}(?:-{3,}|\*{3,}|_{3,})\s*$/;
const ITEM = /^( *)(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const DIVIDER = /^ *\|?(?: *:?-+:? *\|)+(?: *:?-+:? *)?$/;
const INLINE = /(`+)|(\*\*|__)|([*_])|(~~)|(!?\[)|(https?:\/\/[^\s<>"')\]]+)|\\([\\`*_{}[\]()#+.!|>~-])/g;

// `show` changes plain text (for example its script); `citation` returns an element for a number in brackets, or null.
export function markdown(text, { show = (part) => part, citation = () => null } = {}) {
  const made = document.createDocumentFragment();
  blocks(text.replace(/\r\n?/g, "\n").split("\n"), made, { show, citation, heading: 3 }, 0);
  return made;
}

function blocks(lines, parent, how, depth) {
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (!line.trim()) at++;
    else if (FENCE.test(line)) at = code(lines, at, parent);
    else if (HEADING.test(line)) at = heading(lines, at, parent, how);
    else if (RULE.test(line)) at = (parent.append(make("hr")), at + 1);
    else if (QUOTE.test(line) && depth < DEEPEST) at = quotation(lines, at, parent, how, depth);
    else if (ITEM.test(line) && depth < DEEPEST) at = list(lines, at, parent, how, depth);
    else if (line.includes("|") && DIVIDER.test(lines[at + 1] ?? "")) at = table(lines, at, parent, how);
    else at = paragraph(lines, at, parent, how, depth);
  }
}

function code(lines, at, parent) {
  const [, fence, language] = FENCE.exec(lines[at]);
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(fence)) end++;
  const box = make("pre");
  const text = make("code", lines.slice(at + 1, end).join("\n"));
  if (language) box.dataset.language = language;
  box.tabIndex = 0;
  box.dir = "ltr";
  box.append(text);
  parent.append(box);
  return end + 1;
}

// A level deeper than the one before by more than one would confuse those who jump from heading to heading.
function heading(lines, at, parent, how) {
  const [, marks, text] = HEADING.exec(lines[at]);
  how.heading = Math.min(3 + marks.length, how.heading + 1, 6);
  const element = make(`h${how.heading}`);
  inline(text.replace(/\s+#+\s*$/, ""), element, how);
  parent.append(element);
  return at + 1;
}

function quotation(lines, at, parent, how, depth) {
  const inner = [];
  for (; at < lines.length && QUOTE.test(lines[at]); at++) inner.push(QUOTE.exec(lines[at])[1]);
  const box = make("blockquote");
  blocks(inner, box, how, depth + 1);
  parent.append(box);
  return at;
}

function list(lines, at, parent, how, depth) {
  const [, indent, bullet, first] = ITEM.exec(lines[at]);
  const box = make(bullet ? "ul" : "ol");
  if (first && first !== "1") box.start = Number(first);
  while (at < lines.length) {
    const found = ITEM.exec(lines[at]);
    if (!found || found[1].length < indent.length || Boolean(found[2]) !== Boolean(bullet)) break;
    const inner = [found[4]];
    const deeper = new RegExp(`^ {${indent.length + 2},}`);
    for (at++; at < lines.length; at++) {
      const isInside = deeper.test(lines[at]) || (!lines[at].trim() && deeper.test(lines[at + 1] ?? ""));
      if (!isInside) break;
      inner.push(lines[at].slice(indent.length + 2));
    }
    const item = make("li");
    if (inner.length === 1) inline(inner[0], item, how);
    else blocks(inner, item, how, depth + 1);
    box.append(item);
    if (!lines[at]?.trim() && ITEM.test(lines[at + 1] ?? "")) at++;
  }
  parent.append(box);
  return at;
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

function table(lines, at, parent, how) {
  const box = make("div", "", "table");
  const made = make("table");
  const row = (line, tag) => {
    const element = make("tr");
    for (const cell of cells(line)) {
      const field = make(tag);
      if (tag === "th") field.scope = "col";
      inline(cell, field, how);
      element.append(field);
    }
    return element;
  };
  const [head, body] = [make("thead"), make("tbody")];
  head.append(row(lines[at], "th"));
  for (at += 2; at < lines.length && lines[at].includes("|"); at++) body.append(row(lines[at], "td"));
  made.append(head, body);
  box.tabIndex = 0; // a wide table is scrolled sideways
  box.append(made);
  parent.append(box);
  return at;
}

function paragraph(lines, at, parent, how, depth) {
  const element = make("p");
  const startsBlock = (line) =>
    !line.trim() || [FENCE, HEADING, RULE].some((start) => start.test(line)) ||
    (depth < DEEPEST && (QUOTE.test(line) || ITEM.test(line)));
  const first = at;
  do {
    if (at > first) element.append(make("br"));
    inline(lines[at].trim(), element, how);
    at++;
  } while (at < lines.length && !startsBlock(lines[at]));
  parent.append(element);
  return at;
}

const MARKS = { "**": "strong", __: "strong", "*": "em", _: "em", "~~": "del" };

// Emphasis is opened and closed in one pass; marks without a partner stay as they are.
function inline(text, parent, how, depth = 0) {
  let from = 0;
  const plain = (to) => to > from && parent.append(how.show(text.slice(from, to)));
  INLINE.lastIndex = 0;
  for (let found = INLINE.exec(text); found; found = INLINE.exec(text)) {
    const start = found.index;
    const made = depth > DEEPEST ? null : element(text, found, how, depth);
    if (!made) continue;
    plain(start);
    parent.append(made.node);
    from = made.end;
    INLINE.lastIndex = from;
  }
  plain(text.length);
}

function element(text, found, how, depth) {
  const [all, ticks, strong, emphasis, strike, bracket, address, escaped] = found;
  const after = found.index + all.length;
  if (escaped) return { node: document.createTextNode(escaped), end: after };
  if (ticks) {
    const end = text.indexOf(ticks, after);
    return end < 0 ? null : { node: make("code", text.slice(after, end).trim()), end: end + ticks.length };
  }
  if (address) {
    const clean = address.replace(/[.,;:!?]+$/, "");
    return { node: link(clean, clean), end: found.index + clean.length };
  }
  if (bracket) return bracketed(text, found.index, bracket, how);
  const mark = strong ?? emphasis ?? strike;
  const insideWord = (mark === "_" || mark === "__") && /[\p{L}\p{N}]/u.test(text[found.index - 1] ?? "");
  const end = insideWord || /\s/.test(text[after] ?? " ") ? -1 : text.indexOf(mark, after + 1);
  if (end < 0 || /\s/.test(text[end - 1])) return null;
  const node = make(MARKS[mark]);
  const last = INLINE.lastIndex;
  inline(text.slice(after, end), node, how, depth + 1);
  INLINE.lastIndex = last;
  return { node, end: end + mark.length };
}

function bracketed(text, start, bracket, how) {
  const cited = /^\[(\d{1,2})\]/.exec(text.slice(start, start + 4));
  const node = cited && how.citation(Number(cited[1]), cited[0]);
  if (node) return { node, end: start + cited[0].length };
  const close = text.indexOf("](", start);
  const end = close < 0 || close - start > 300 ? -1 : text.indexOf(")", close);
  if (end < 0 || end - close > 2000) return null;
  const [name, address] = [text.slice(start + bracket.length, close), text.slice(close + 2, end).trim().split(/\s/)[0]];
  return { node: link(how.show(name) || address, address), end: end + 1 };
}

// A link whose address can be seen. Addresses other than web addresses are text.
export function link(name, address) {
  let url = null;
  try {
    url = new URL(address);
  } catch {
    // not an address
  }
  if (!url || !["http:", "https:"].includes(url.protocol)) return document.createTextNode(name === address ? name : `${name} (${address})`);
  const made = make("a", name);
  made.href = url.href;
  made.rel = "noopener noreferrer nofollow";
  made.target = "_blank";
  if (name === address || name.includes(url.host)) return made;
  const both = make("span");
  both.append(made, make("small", ` (${url.host})`));
  return both;
}
