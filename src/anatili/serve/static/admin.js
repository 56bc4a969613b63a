// The operator's page: load, quotas, keys, feedback and errors. All of it comes from /admin, which asks for an admin key.

import { Refused, ask, byId, capital, date, make, number, reasonOf, word } from "./common.js";
import { loadWords, onKey, speak as speakWords } from "./look.js";

const EVERY = 10_000; // milliseconds between two looks
let seen = null;
let waiting = 0;

async function start() {
  await loadWords();
  speak();
  await look();
}

function speak() {
  speakWords("admin");
  if (seen) draw();
}

async function look() {
  clearTimeout(waiting);
  try {
    seen = await (await ask("/admin")).json();
    byId("with-key").hidden = true;
    draw();
  } catch (error) {
    const refused = error instanceof Refused && [401, 403].includes(error.status);
    if (refused) {
      seen = null;
      byId("sections").hidden = true;
      byId("with-key").hidden = false;
    }
    byId("admin-status").textContent = refused ? word("admin_locked") : `${word("failed")} ${reasonOf(error)}`;
    if (refused) return;
  }
  waiting = setTimeout(() => (document.hidden ? (waiting = 0) : look()), EVERY);
}

function draw() {
  byId("sections").hidden = false;
  byId("admin-status").textContent = `${seen.model} · anatili ${seen.version} · ${word("admin_up")} ${span(seen.uptime_seconds)}`;
  const { load, limits } = seen;
  tiles("load", [
    ["admin_running", `${number(load.running)} / ${number(load.slots)}`],
    ["admin_waiting", `${number(load.waiting)} / ${number(load.max_waiting)}`],
  ]);
  tiles("today", [
    ["admin_visitors", number(seen.visitors)],
    ["admin_visitor_requests", number(seen.visitor_requests)],
    ["admin_refused", number(seen.visitor_requests_over_limit)],
    ["admin_per_minute", limit(limits.per_minute)],
    ["admin_per_day", limit(limits.per_day)],
  ]);
  const statuses = Object.entries(seen.statuses);
  table("statuses", ["admin_status", "admin_requests"], statuses.map(([status, count]) => [status, number(count)]));
  byId("keys-problem").hidden = !seen.keys_problem;
  byId("keys-problem").textContent = seen.keys_problem;
  table("keys", ["admin_name", "admin_per_minute", "admin_expires", "admin_requests", "admin_refused"], seen.keys.map(keyRow));
  const rows = (seen.feedback ?? []).map((row) => [
    word(`admin_kind_${row.kind}`), word(`admin_rating_${row.rating}`), row.reason ? word(`admin_reason_${row.reason}`) : "–", number(row.count),
  ]);
  table("feedback", ["admin_kind", "admin_rating", "admin_reason", "admin_count"], rows, seen.feedback ? "admin_none" : "admin_no_feedback");
  const failures = [...seen.failures].reverse().map(({ time, route, error, at, id }) => [moment(time), route, `${error}, ${at}`, id]);
  table("failures", ["admin_time", "admin_route", "admin_error", "admin_id"], failures);
}

function keyRow(key) {
  const expires = key.expires ? `${date(key.expires)}${key.expired ? ` · ${word("admin_expired")}` : ""}` : "–";
  const name = key.admin ? `${key.name} (${word("admin_is_admin")})` : key.name;
  return [name, limit(key.per_minute), expires, number(key.requests_today), number(key.over_limit_today)];
}

const limit = (value) => (value ? number(value) : word("admin_unlimited"));

// A time in UTC, as the log has it.
const moment = (time) => `${date(time)} ${time.slice(11, 19)} UTC`;

function span(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return `${days ? `${number(days)} ${word("admin_days")} ` : ""}${hours}:${String(minutes).padStart(2, "0")}`;
}

function tiles(id, rows) {
  byId(id).replaceChildren(
    ...rows.map(([name, value]) => {
      const tile = make("li");
      tile.append(make("b", value), make("span", capital(word(name))));
      return tile;
    }),
  );
}

function table(id, names, rows, empty = "admin_none") {
  if (!rows.length) return byId(id).replaceChildren(make("p", word(empty), "hint"));
  const [element, head, body, titles] = ["table", "thead", "tbody", "tr"].map((tag) => make(tag));
  for (const name of names) titles.append(headCell(capital(word(name)), "col"));
  head.append(titles);
  for (const cells of rows) {
    const row = make("tr");
    row.append(...cells.map((text, at) => (at ? make("td", text) : headCell(text, "row"))));
    [...row.children].forEach((cell, at) => (cell.dataset.name = capital(word(names[at]))));
    body.append(row);
  }
  element.append(head, body);
  byId(id).replaceChildren(element);
}

function headCell(text, scope) {
  const cell = make("th", text);
  cell.scope = scope;
  return cell;
}

byId("language").addEventListener("change", speak);
byId("refresh").addEventListener("click", look);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && seen && !waiting) look();
});
onKey(look);
start();
